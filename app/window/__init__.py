"""The window: what carries messages between the panels, the session and the worker."""
