"""The one way into files of others: what is no file or too large is refused before it is read.

Opening a named pipe waits for a writer for ever, a device has no end, and a damaged file can make
its reader fail in any way. Readers therefore take the bytes from here (or ask `check_file` where a
library wants a path) and decode them inside `readable`, which makes one line of every failure.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import Any

from core.errors import UserError, escaped, one_line

_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_FLAGS |= getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


def printable(path: Path | str) -> str:
    """A path or text as one printable line, whatever bytes it holds."""
    return escaped(str(path))


def check_file(path: Path, max_bytes: int) -> int:
    """Size of a file in bytes, if it is one that can be read into memory.

    Raises:
        OSError: the file is missing, not accessible, or not a regular file.
        ValueError: the file has more than ``max_bytes``.
    """
    with open_file(path, max_bytes) as file:
        return os.fstat(file.fileno()).st_size


def open_file(path: Path, max_bytes: int) -> BufferedReader:
    """A file opened for reading bytes; raises what `check_file` raises.

    The file is opened without waiting, and looked at afterwards: between a look at the name and an
    opening another file could take its place.
    """
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        _check_status(path, status, max_bytes)
        return _Bounded(FileIO(descriptor), status.st_size)
    except BaseException:
        os.close(descriptor)
        raise


class _Bounded(BufferedReader):
    """A file that makes room for as many bytes as it has, though a damaged header asks for more."""

    def __init__(self, raw: FileIO, size: int) -> None:
        super().__init__(raw)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._size - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """The content of a file; raises what `check_file` raises."""
    with open_file(path, max_bytes) as file:
        return file.read()


def read_text(path: Path, max_bytes: int, encoding: str = "utf-8") -> str:
    """The content of a text file; every line ends with a newline character alone.

    Raises:
        OSError, ValueError: see `check_file`; or it is not text of this encoding.
    """
    text = read_bytes(path, max_bytes).decode(encoding)
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, max_bytes: int) -> Any:
    """What a JSON file holds.

    Raises:
        OSError, ValueError, RecursionError: see `check_file`; or it is not JSON, or nested too
            deeply.
    """
    return json.loads(read_text(path, max_bytes))


def digest_file(path: Path) -> str:
    """SHA-256 of a file, read piece by piece.

    Raises:
        OSError: the file is missing, not accessible, or not a regular file.
    """
    with open_file(path, 2**63) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mebibytes(count: int) -> str:
    """A limit of bytes as text, such as "256 MiB"."""
    return f"{count >> 20} MiB"


@contextmanager
def readable(path: Path, what: str, fix: str) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read and decoded into `unreadable`'s line.

    A library that decodes a damaged file may raise anything, so anything is caught: the block
    should hold the decoding and nothing else. Its warnings would be more lines, and say less.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:
        raise unreadable(path, what, error, fix) from error


def error_reason(error: Exception) -> str:
    """What an error says, on one line and without the path that `UserError` lines name anyway."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(text)[:120] or type(error).__name__


def unreadable(path: Path, what: str, error: Exception, fix: str) -> UserError:
    """The line for a file that cannot be read.

    Args:
        what: what the file should be, such as "pose bank".
        fix: what the user can do about it, such as "copy it again".
    """
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return UserError(f"{what} {printable(path)} is missing; {fix}")
    return UserError(f"{printable(path)} is not a readable {what} ({error_reason(error)}); {fix}")


def _check_status(path: Path, status: os.stat_result, max_bytes: int) -> None:
    """Refuse what is no regular file, and what is too large."""
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if status.st_size > max_bytes:
        size = f"{status.st_size >> 20} MiB"
        raise ValueError(f"it has {size}, more than the {mebibytes(max_bytes)} allowed")
