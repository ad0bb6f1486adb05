"""What the readers of files share: checks before a file is opened, and one line when it fails."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from core.errors import UserError


def printable(path: Path | str) -> str:
    """A path or text as one printable line, whatever bytes or signs it holds."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def check_file(path: Path, max_bytes: int) -> int:
    """Size of a file in bytes, if it is one that can be read into memory.

    Opening a named pipe waits for a writer for ever, and a device has no end; both are refused.

    Raises:
        OSError: the file is missing, not accessible, or not a regular file.
        ValueError: the file has more than ``max_bytes``.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if status.st_size > max_bytes:
        size = f"{status.st_size >> 20} MiB"
        raise ValueError(f"it has {size}, more than the {mebibytes(max_bytes)} allowed")
    return status.st_size


def mebibytes(count: int) -> str:
    """A limit of bytes as text, such as "256 MiB"."""
    return f"{count >> 20} MiB"


def error_reason(error: Exception) -> str:
    """What an error says, on one line and without the path that `UserError` lines name anyway."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    line = " ".join(text.split())[:120] or type(error).__name__
    return "".join(c if c.isprintable() else "?" for c in line)


def unreadable(path: Path, what: str, error: Exception, fix: str) -> UserError:
    """The line for a file that cannot be read.

    Args:
        what: what the file should be, such as "pose bank".
        fix: what the user can do about it, such as "copy it again".
    """
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return UserError(f"{what} {printable(path)} is missing; {fix}")
    return UserError(f"{printable(path)} is not a readable {what} ({error_reason(error)}); {fix}")
