"""Result folders: whole or not there.

Results are written into a hidden folder beside their own, `.NAME.unfinished`, which takes their
folder's place when all of them are there. A process that is killed leaves its own folder as it was,
and the hidden one, which the next process with the same results takes over.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from core.errors import UserError
from core.io.atomic import cannot_write
from core.io.files import printable
from core.io.locks import try_lock

UNFINISHED = ".unfinished"
MOST_OTHERS = 2000
"""Files besides results in a folder, above which it is taken for another kind of folder."""
_AT_CWD, _EXCHANGE = -100, 2  # of renameat2(2)


@contextlib.contextmanager
def whole_folder(
    folder: Path, owned: Collection[str], kept: Collection[str] = ()
) -> Iterator[Path]:
    """Write the files of a folder all at once.

    The caller writes into the folder it gets. At the end of the context, its files replace
    the files ``owned`` of ``folder`` as a set, in one rename. All others stay.

    Args:
        owned: names of the files that may be written, at the top of the folder.
        kept: names of files that stay in the hidden folder after an error or a kill, and that the
            next process finds there.

    Raises:
        UserError: the folder cannot be written to, another process is writing it, or it holds
            thousands of other files: then it is no folder of results.
    """
    folder = Path(folder).absolute()
    if folder.is_symlink():
        folder = folder.resolve()
    hidden = unfinished(folder)
    with contextlib.ExitStack() as stack:
        with _named(folder):
            stack.enter_context(locked(hidden, folder))
            _restore(folder)
            _check_others(folder, owned)
            _empty(hidden, kept)
        try:
            yield hidden
        except BaseException:
            with contextlib.suppress(OSError):
                _empty(hidden, kept)
                hidden.rmdir()
            raise
        with _named(folder):
            put_in_place(hidden, folder, owned)


def unfinished(folder: Path) -> Path:
    """The hidden folder in which the results of ``folder`` are written."""
    return folder.with_name(f".{folder.name}{UNFINISHED}")


def finished(folder: Path) -> Path:
    """The folder whose results are written in ``folder``, if that is hidden; else itself."""
    name = folder.name
    if name.startswith(".") and name.endswith(UNFINISHED) and len(name) > 1 + len(UNFINISHED):
        return folder.with_name(name[1 : -len(UNFINISHED)])
    return folder


@contextlib.contextmanager
def _named(folder: Path) -> Iterator[None]:
    """Name the folder in errors of the system."""
    try:
        yield
    except OSError as error:
        raise cannot_write(folder, error) from error


@contextlib.contextmanager
def locked(place: Path, folder: Path) -> Iterator[None]:
    """Make the folder ``place``, and keep other processes out of it.

    Raises:
        OSError: it cannot be made.
        UserError: another process is in it; the line names ``folder``.
    """
    place.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":  # folders cannot be opened
        yield
        return
    handle = os.open(place, os.O_RDONLY)
    try:
        if try_lock(handle) is False or not _is_at(handle, place):  # it has just finished
            raise UserError(
                f"another process is writing {printable(folder)}; wait for it, or choose another"
                " folder"
            )
        yield
    finally:
        os.close(handle)


def _is_at(handle: int, path: Path) -> bool:
    """Whether a path still names an open folder."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _empty(folder: Path, kept: Collection[str]) -> None:
    """Remove what is in a hidden folder, but for some files."""
    for entry in list(folder.iterdir()):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name not in kept:
            entry.unlink()


def _replaced(folder: Path) -> Path:
    """Where a folder is for a moment on systems that cannot exchange two."""
    return folder.with_name(f".{folder.name}.replaced")


def _restore(folder: Path) -> None:
    """Bring back the folder of a process that was killed between two renames."""
    replaced = _replaced(folder)
    if not replaced.exists():
        return
    if folder.exists():
        shutil.rmtree(replaced)
    else:
        replaced.rename(folder)


def _check_others(folder: Path, owned: Collection[str]) -> None:
    """Refuse a folder such as a home folder, every file of which would get a second name."""
    count = 0
    for place, folders, files in os.walk(folder):
        others = [name for name in files if Path(place) != folder or name not in owned]
        count += len(folders) + len(others)
        if count > MOST_OTHERS:
            raise UserError(
                f"{printable(folder)} holds more than {MOST_OTHERS} files besides results; use a"
                " folder of its own"
            )


def put_in_place(hidden: Path, folder: Path, owned: Collection[str]) -> None:
    """Let the files of a hidden folder replace those of ``folder`` as a set.

    Args:
        owned: names of the files that are replaced; others stay.

    Raises:
        OSError: it cannot be done; ``folder`` is as it was.
    """
    _to_disk(hidden)
    if not folder.exists():
        hidden.rename(folder)
        return
    written = [entry.name for entry in hidden.iterdir()]

    def ignored(place: str, names: list[str]) -> list[str]:
        return [name for name in names if name in owned] if Path(place) == folder else []

    shutil.copytree(
        *(folder, hidden), symlinks=True, copy_function=_link, dirs_exist_ok=True, ignore=ignored
    )
    if exchange(hidden, folder):
        _keep_identity(hidden, folder, written, owned)
        _remove_old(hidden, folder, owned)
    else:
        folder.rename(_replaced(folder))
        hidden.rename(folder)
        _remove_old(_replaced(folder), folder, owned)


def _keep_identity(old: Path, folder: Path, written: list[str], owned: Collection[str]) -> None:
    """Let the old folder come back with the new files in it.

    So it stays the folder that it was, for shells that are in it and for its access rights.
    """
    with contextlib.suppress(OSError):  # without hard links: all is well as it is
        for name in owned:
            (old / name).unlink(missing_ok=True)
        for name in written:
            os.link(folder / name, old / name, follow_symlinks=False)
        exchange(old, folder)


def _remove_old(old: Path, folder: Path, owned: Collection[str]) -> None:
    """Remove what is left of the old folder, but lose nothing that came into it meanwhile."""
    with contextlib.suppress(OSError):
        for entry in list(old.iterdir()):
            if entry.name not in owned and not os.path.lexists(folder / entry.name):
                entry.rename(folder / entry.name)
        shutil.rmtree(old)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system cannot."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux
        return False
    names = os.fsencode(one), os.fsencode(other)
    if rename(_AT_CWD, names[0], _AT_CWD, names[1], _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(other))


def _link(source: str, target: str) -> None:
    """A second name for a file, or a copy where there are no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _to_disk(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    with contextlib.suppress(OSError):  # file systems that cannot
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
