"""Reading the files of data sets: limited in size, without executing anything.

Every failure is one `UserError` line that names the file and the fix.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from core.body.smpl_pickle import UnsafePickleError, read_tree
from core.errors import UserError
from core.io.files import open_file, printable, read_bytes, readable
from core.io.npz import NpzReader

MAX_BYTES = 4 * 2**30
"""Largest array, pickle or JSON that is read; COCO's training annotations have 240 MB."""
LARGEST = 1e15
"""Numbers of a larger magnitude count as damaged."""
_LONGEST_NAME, _LONGEST_PATH = 255, 2000
HELP = "docs/datasets.md lists the files"
FIX = f"copy or download it again ({HELP})"

Shape = tuple[int | None, ...]


def require_folder(folder: Path, dataset: str) -> Path:
    """The folder of a data set.

    Raises:
        UserError: the folder does not exist.
    """
    if not folder.is_dir():
        raise UserError(f"{printable(folder)} is not a folder; name the one that holds {dataset}")
    return folder


def require_file(root: Path, candidates: Sequence[str], dataset: str, source: str) -> Path:
    """The first of several files that exists.

    Args:
        candidates: paths relative to ``root``, the usual one first.
        source: where the file can be obtained.

    Raises:
        UserError: none exists; the line names the usual one.
    """
    require_folder(root, dataset)
    for name in candidates:
        if (root / name).is_file():
            return root / name
    missing = printable(root / candidates[0])
    raise UserError(f"{missing} is missing: {dataset} needs it; get it {source} ({HELP})")


class Npz:
    """The arrays of an npz file of a data set, each read on demand."""

    def __init__(self, path: Path, what: str) -> None:
        """Open the archive.

        Args:
            what: what the file should be, for messages, such as "SPIN-style npz".

        Raises:
            UserError: the file is missing, too large, cut short or not an archive.
        """
        self.path = path
        self._reader = NpzReader(path, what, FIX, MAX_BYTES, self._read_objects)

    def __contains__(self, key: str) -> bool:
        """Whether the file has an array of this name."""
        return key in self._reader

    def numbers(self, key: str, shape: Shape) -> np.ndarray:
        """An array as float32 of a shape whose first entry may be None, for any length.

        Flat rows, and rows with additional axes of length one, are reshaped.

        Raises:
            UserError: it is missing, damaged, of another shape, or holds no numbers.
        """
        return fit_shape(self.any_numbers(key), shape, f"{printable(self.path)}: {key}")

    def any_numbers(self, key: str) -> np.ndarray:
        """An array of any shape as float32.

        Raises:
            UserError: it is missing or damaged, or holds no numbers.
        """
        array = self._reader.read(key)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiub":
            raise UserError(f"{printable(self.path)}: {key} does not hold numbers; {FIX}")
        return to_float32(array)

    def optional(self, key: str, shape: Shape) -> np.ndarray | None:
        """`numbers`, or None if the file has no such array."""
        return self.numbers(key, shape) if key in self else None

    def texts(self, key: str) -> list[str]:
        """A list of strings (names of photos, genders).

        Raises:
            UserError: it is missing, damaged, or holds something else.
        """
        found = self._reader.read(key)
        values = found.ravel().tolist() if isinstance(found, np.ndarray) else found
        if not isinstance(values, list) or not all(isinstance(v, str | bytes) for v in values):
            raise UserError(f"{printable(self.path)}: {key} is not a list of strings; {FIX}")
        return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in values]

    def tree(self, key: str) -> object:
        """Dictionaries and lists that were saved as an array of objects.

        Raises:
            UserError: it is missing or damaged, or names something outside the allow-list.
        """
        found = self._reader.read(key)
        return found[0] if isinstance(found, list) and len(found) == 1 else found

    def _read_objects(self, key: str, data: bytes) -> object:
        """What an array of Python objects holds, through the allow-list of `read_tree`."""
        try:
            return read_tree(data)
        except UnsafePickleError as error:
            message = f"{key} names {error}, which data never need; do not trust this file"
            raise UserError(f"{printable(self.path)}: {message}") from error


def read_pickle_file(path: Path, what: str) -> dict[str, Any]:
    """A dictionary of plain values from a pickle.

    Raises:
        UserError: the file is missing, too large, damaged, unsafe or holds something else.
    """
    with readable(path, what, FIX):
        try:
            found = read_tree(read_bytes(path, MAX_BYTES))
        except UnsafePickleError as error:
            message = f"names {error}, which a {what} never needs; do not trust this file"
            raise UserError(f"{printable(path)} {message}") from error
    if not isinstance(found, dict):
        raise UserError(f"{printable(path)} is not a {what}: it holds a {type(found).__name__}")
    return {str(key): value for key, value in found.items()}


def read_json(path: Path, what: str, keep: Callable[[dict], Any] | None = None) -> Any:
    """A JSON document.

    Args:
        keep: called with every object as soon as it is parsed; its result replaces the object, so
            that a large file is never in memory as a whole.

    Raises:
        UserError: the file is missing, too large, or not JSON.
    """
    with readable(path, what, FIX), open_file(path, MAX_BYTES) as file:
        return json.load(file, object_hook=keep)


def to_float32(array: np.ndarray) -> np.ndarray:
    """The array in single precision; values that are too large become infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32)


def all_finite(array: np.ndarray) -> bool:
    """Whether there are numbers, all finite and smaller than `LARGEST`."""
    return array.size > 0 and bool((np.abs(array) < LARGEST).all())


def fit_shape(array: np.ndarray, shape: Shape, where: str) -> np.ndarray:
    """The array, reshaped; None as the first entry of ``shape`` stands for any length.

    Raises:
        UserError: the rows hold another number of values.
    """
    width = math.prod(n for n in shape[1:] if n is not None)
    rows = len(array) if array.ndim else 0
    if array.ndim == 0 or array.size != rows * width or shape[0] not in (None, rows):
        wanted = ", ".join("n" if n is None else str(n) for n in shape)
        message = f"has the shape {array.shape}, not ({wanted}); is it another variant?"
        raise UserError(f"{where} {message} ({HELP})")
    return array.reshape(rows, *[int(n) for n in shape[1:] if n is not None])


def relative_photo_path(name: str, where: str) -> str:
    """A photo's name as a path inside the data set's folder, with forward slashes.

    Raises:
        UserError: the path leads out of the folder.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    longest = max((len(part.encode(errors="replace")) for part in path.parts), default=0)
    if longest > _LONGEST_NAME or len(name) > _LONGEST_PATH:
        raise UserError(f"{where} names the photo {name!r:.80}, which is longer than names can be")
    if not name or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise UserError(f"{where} names the photo {name!r:.80}, which is outside the data set")
    return str(path)
