"""Locks that end with their process, however that ends."""

from __future__ import annotations

import sys


def try_lock(handle: int) -> bool | None:
    """Lock an open file or folder until it is closed.

    Returns:
        False if another process has locked it, None where there are no such locks (Windows, some
        network file systems).
    """
    if sys.platform == "win32":
        return None
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
