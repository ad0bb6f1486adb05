"""What the window and the engine's process say to each other, and what an engine must do.

Messages are small frozen dataclasses. Each names the image and the run that it is about, so that
an answer that is no longer wanted is told from one that is. Pictures travel beside the messages in
shared memory (`app.shared`); `app.link` puts them into the events that they belong to.
"""
