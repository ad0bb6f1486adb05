"""The one line that all readers say about a file they cannot read."""

from __future__ import annotations

from pathlib import Path

from core.errors import UserError


def unreadable(path: Path, kind: str, error: Exception) -> UserError:
    """Names the file, what it should have been, and why it is not."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return UserError(f"{path} is not a readable {kind} ({reason}); copy it again")
