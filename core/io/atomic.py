"""Atomic writes: a file is either complete or absent."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.errors import UserError
from core.io.files import mebibytes, printable
from core.io.locks import try_lock

ROOM = 1 << 20
"""Bytes that a destination must have room for, where nobody knows better."""


def write_atomic(path: Path, write: Callable[[Path], object]) -> None:
    """Call ``write(temporary)`` and rename the result to ``path``.

    The temporary file is in the same folder, so that the rename is atomic, and keeps the suffix,
    by which some writers (imageio, Pillow) choose the format. After an error it is removed, and
    an existing file at ``path`` is unchanged. The content is on disk before the file gets its name.
    What a killed process left of the same file is removed.

    Raises:
        UserError: the folder cannot be made or written to, or the disk is full.
    """
    path = Path(path)
    # From the name, so that leftovers can be found, but no longer than names may be.
    mark = f".{zlib.crc32(os.fsencode(path.name)):08x}-"
    temporary = path.with_name(f"{mark}{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for leftover in path.parent.glob(f"{mark}*"):
            _remove_if_abandoned(leftover)
        with _held(temporary):
            write(temporary)
            temporary.chmod(0o666 & ~_umask())  # safetensors makes files private
            _to_disk(temporary)
            temporary.replace(path)
    except OSError as error:
        _discard(temporary)
        raise cannot_write(path, error) from error
    except BaseException:
        _discard(temporary)
        raise


def cannot_write(path: Path, error: OSError) -> UserError:
    """The line for a file or folder that cannot be written."""
    return UserError(f"cannot write {printable(path)}: {error.strerror or error}")


def check_folder(folder: Path, room: int = ROOM) -> None:
    """Refuse a folder that cannot be written to, before the work whose results go there.

    Nothing is made: where the folder does not exist, the nearest existing one above it is tried.

    Args:
        room: bytes that must be free.

    Raises:
        UserError: it is a file or below one, read-only, or full.
    """
    _try_folder(folder, folder, room)


def check_file_place(path: Path, room: int = ROOM) -> None:
    """Refuse a file that cannot be written, before the work whose result it is.

    Raises:
        UserError: it is a folder, or `check_folder` refuses its folder.
    """
    path = Path(path)
    if path.is_dir():
        raise UserError(f"cannot write {printable(path)}: it is a folder; name a file")
    _try_folder(path.parent, path, room)


def _try_folder(folder: Path, named: Path, room: int) -> None:
    """Make a nameless file of ``room`` bytes in a folder, or above it."""
    place = Path(folder).absolute()
    try:
        while not os.path.lexists(place):
            place = place.parent
        if shutil.disk_usage(place).free < room:
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} for {mebibytes(room)}")
        with tempfile.TemporaryFile(dir=place) as file:  # a quota is not known before
            reserve(file, min(room, ROOM))
    except NotADirectoryError as error:
        raise UserError(
            f"cannot write {printable(named)}: {printable(place)} is not a folder"
        ) from error
    except OSError as error:
        raise cannot_write(named, error) from error


def reserve(file: BinaryIO, size: int) -> None:
    """Give an open file its size on disk.

    Raises:
        OSError: the disk is too full.
    """
    if size > 0 and hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, size)


@contextlib.contextmanager
def _held(temporary: Path) -> Iterator[None]:
    """Create the temporary file, and lock it while it is written."""
    with temporary.open("xb") as file:
        try_lock(file.fileno())
        yield


def _remove_if_abandoned(temporary: Path) -> None:
    """Remove a temporary file that no process writes any more."""
    with contextlib.suppress(OSError), temporary.open("rb") as file:
        if try_lock(file.fileno()):
            temporary.unlink()


def _to_disk(path: Path) -> None:
    """Wait until a file's content is on disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # of file systems that cannot
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    """The process's file mode mask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _discard(temporary: Path) -> None:
    """Remove the unfinished file if it was created."""
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
