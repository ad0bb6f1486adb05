"""NumPy archives read with care: bounded in size, never unpickled, one line for every failure.

``numpy.load`` trusts a file: it allocates what an array's header claims before it looks at the
data, and it opens pipes and devices. Archives come from users and from public data sets, so here
every claimed size is compared with what is there, and with a limit, before memory is taken.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.errors import UserError
from core.io.files import check_file, mebibytes, printable, readable, unreadable

MAX_BYTES = 2**30
"""Default limit of a file's size, and of the arrays that are read from it."""

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class NpzReader:
    """The arrays of an npz file, each read on demand.

    Attributes:
        members: name and unpacked size of everything in the archive, as its directory says.

    Args:
        what: what the file should be, for messages, such as "pose bank".
        fix: what the user can do about a file that cannot be read, for messages.
        max_bytes: limit of the file's size and of each array's.
        exact: an array must fill its member of the archive to the last byte.
        objects: called with the name and the pickle of an array of Python objects; what it returns
            takes the array's place. Without it such an array is an error.

    Raises:
        UserError: the file is missing, not a regular file, too large, or not an archive.
    """

    def __init__(
        self,
        path: Path,
        what: str,
        fix: str,
        max_bytes: int = MAX_BYTES,
        objects: Callable[[str, bytes], object] | None = None,
        exact: bool = False,
    ) -> None:
        self.path, self.what, self.fix = path, what, fix
        self._max_bytes, self._objects, self._exact = max_bytes, objects, exact
        self._archive: zipfile.ZipFile | None = None
        try:
            size = check_file(path, max_bytes)
            with zipfile.ZipFile(path) as archive:
                found = archive.infolist()
            if any(member.compress_size > size for member in found):
                raise ValueError("a member claims more bytes than the file has")
            self.members = [(member.filename, member.file_size) for member in found]
        except Exception as error:  # a damaged archive can fail in any way
            raise self.error(error) from error
        self._sizes = {
            name.removesuffix(".npy"): size for name, size in self.members if name.endswith(".npy")
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the arrays, in the file's order."""
        return tuple(self._sizes)

    def __contains__(self, name: str) -> bool:
        """Whether the file has an array of this name."""
        return name in self._sizes

    def read(self, name: str) -> object:
        """An array, or what ``objects`` made of an array of Python objects.

        Raises:
            UserError: the array is missing, damaged, too large, or holds Python objects.
        """
        if name not in self:
            found = ", ".join(sorted(self._sizes)[:20]) or "nothing"
            raise UserError(
                f"{printable(self.path)} is not a readable {self.what}: it lacks {name!r} "
                f"(it holds {found}); {self.fix}"
            )
        content = self.content(f"{name}.npy", self._sizes[name])
        with readable(self.path, f"{self.what}: {name}", self.fix):
            return self._decode(name, content)

    def content(self, member: str, size: int) -> bytes:
        """The bytes of a member of the archive.

        Args:
            size: what the archive's directory says (`members`).

        Raises:
            UserError: the member is damaged or too large.
        """
        try:
            self._check_claimed(size)
            with self._opened() as archive, archive.open(member) as stream:
                # Without a size, `zipfile` inflates all there is before it looks at the claim.
                return stream.read(size)
        except Exception as error:  # a damaged member can fail in any way
            raise self.error(ValueError(f"{member} cannot be read: {error}")) from error

    def array(self, name: str) -> np.ndarray:
        """An array of numbers, booleans or text.

        Raises:
            UserError: the array is missing, damaged, too large, or holds Python objects.
        """
        found = self.read(name)
        if not isinstance(found, np.ndarray):
            raise self.error(ValueError(f"{name} holds Python objects"))
        return found

    def arrays(self, names: Collection[str] | None = None) -> dict[str, np.ndarray]:
        """Several arrays (by default all), which together stay below the limit of one.

        Raises:
            UserError: an array is missing, damaged, or holds Python objects; or all are too large.
        """
        wanted = self.names if names is None else tuple(names)
        try:
            self._check_claimed(sum(self._sizes.get(name, 0) for name in wanted))
        except ValueError as error:
            raise self.error(error) from error
        with self.kept_open():
            return {name: self.array(name) for name in wanted}

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Read the archive's directory once for all that is read in a ``with`` block.

        Raises:
            UserError: the file is no longer what it was.
        """
        try:
            self._archive = zipfile.ZipFile(self.path)
        except Exception as error:  # a damaged archive can fail in any way
            raise self.error(error) from error
        try:
            with self._archive:
                yield
        finally:
            self._archive = None

    @contextmanager
    def _opened(self) -> Iterator[zipfile.ZipFile]:
        """The archive."""
        if self._archive is not None:
            yield self._archive
            return
        with zipfile.ZipFile(self.path) as archive:
            yield archive

    def _check_claimed(self, size: int) -> None:
        """Refuse arrays that are too large by what the archive's directory states."""
        if size > self._max_bytes:
            raise ValueError(f"it unpacks to more than the {mebibytes(self._max_bytes)} allowed")

    def _decode(self, name: str, data: bytes) -> object:
        """What the content of a .npy file holds."""
        file = io.BytesIO(data)
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"version {version} of the npy format is not supported")
        shape, _, dtype = _HEADERS[version](file)
        if dtype.hasobject:
            if self._objects is None:
                raise ValueError("it holds Python objects, which are never unpickled")
            return self._objects(name, file.read())
        count, left = math.prod(shape), len(data) - file.tell()
        # An element may have no bytes (an empty text), so the count is bounded as well.
        if min(shape, default=0) < 0 or count > self._max_bytes or count * dtype.itemsize > left:
            raise ValueError(f"its header claims the shape {shape} of {dtype} for {left} bytes")
        if self._exact and count * dtype.itemsize != left:
            raise ValueError(f"it has {left} bytes for the shape {shape} of {dtype}")
        file.seek(0)
        array = np.lib.format.read_array(file, allow_pickle=False)
        if dtype.kind == "U" and dtype.itemsize:
            check_text(array)
        return array

    def error(self, error: Exception) -> UserError:
        """The line for a file that cannot be read for this reason."""
        return unreadable(self.path, self.what, error, self.fix)


def check_text(array: np.ndarray) -> None:
    """Refuse text that is none: NumPy finds out when it makes a string of an element.

    Raises:
        ValueError: a character of the array (of dtype U) does not exist.
    """
    codes = np.frombuffer(array.tobytes(), np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
    if codes.size and codes.max() > sys.maxunicode:
        raise ValueError("its text holds what are no characters")


def map_npy(path: Path, what: str, fix: str) -> np.ndarray:
    """A memory map of an array of numbers in a .npy file.

    Args:
        what: what the file should be, for messages.
        fix: what the user can do about a file that cannot be read, for messages.

    Raises:
        UserError: the file is missing, not a regular file or damaged, or holds anything else.
    """
    with readable(path, what, fix):
        check_file(path, 2**63)
        array = np.lib.format.open_memmap(path, mode="r")
        if array.ndim == 0:
            raise ValueError("it holds one number")
        return array


def read_npz(
    path: Path,
    what: str,
    fix: str = "build it again",
    names: Collection[str] | None = None,
    max_bytes: int = MAX_BYTES,
) -> dict[str, np.ndarray]:
    """Arrays of an npz file, none of them pickled.

    Args:
        what: what the file should be, for messages, such as "pose bank".
        fix: what the user can do about a file that cannot be read, for messages.
        names: the arrays that are needed; by default all that the file holds.
        max_bytes: limit of the file's size, and of the arrays' together.

    Raises:
        UserError: the file is missing, not a regular file, too large or damaged, or an array is
            missing or holds Python objects.
    """
    return NpzReader(path, what, fix, max_bytes).arrays(names)
