"""Checks of what works on this machine, with a fix for what does not."""
