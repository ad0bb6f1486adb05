"""Messages between the window and the engine's process, and the interface of an engine.

Messages are small frozen dataclasses. Each names its image and run, so that the receiver can drop
answers that are no longer wanted. Pictures travel beside the messages in
shared memory (`app.shared`); `app.link` puts them into the events that they belong to.
"""
