"""The engine in its own process: it takes commands, steps fits, and paints pictures."""
