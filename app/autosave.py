"""Where a session is saved by itself, and what crashed sessions have left there."""

from __future__ import annotations

import os
from pathlib import Path

from app.protocol.run import RECORD_SUFFIX


class Autosave:
    """One file for each running debugger, named by its process.

    It goes when the debugger ends as it should; one that stays belongs to a debugger that crashed.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{os.getpid()}{RECORD_SUFFIX}"
        folder.mkdir(parents=True, exist_ok=True)

    def orphan(self) -> Path | None:
        """The newest file of a debugger that is no longer running."""
        files = [f for f in self.path.parent.glob(f"*{RECORD_SUFFIX}") if _is_orphan(f)]
        return max(files, key=lambda file: file.stat().st_mtime, default=None)

    def clear(self, opened: str | None = None) -> None:
        """Remove the file, and the orphan that was opened."""
        self.path.unlink(missing_ok=True)
        if opened:
            Path(opened).unlink(missing_ok=True)


def _is_orphan(file: Path) -> bool:
    """Whether the debugger that wrote a file is gone."""
    if not file.stem.isdigit():
        return False
    try:
        os.kill(int(file.stem), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's process
        return False
    return False
