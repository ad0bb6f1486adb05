"""Archives of arrays and JSON texts: zip files that ``numpy.load`` reads, and that run no code.

Every member is ``<name>.npy`` (an array of plain numbers) or ``<name>.json``. They are read with
the care of `core.io.npz`, and what is neither is refused.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.files import mebibytes
from core.io.npz import NpzReader

MAX_BYTES = 1 << 31
"""Limit of a file's size, and of everything that is unpacked from it."""
MAX_TEXT = 1 << 24
MAX_MEMBERS = 20_000
_LEVEL = 1  # of deflate: photos shrink hardly more at higher ones, which take many times as long
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no time of writing: equal contents give equal files
_KINDS = "biuf"  # of NumPy's types: numbers and truth values


@dataclass(frozen=True)
class Archive:
    """What a file holds: arrays and JSON values by name."""

    arrays: dict[str, np.ndarray]
    texts: dict[str, Any]


def save_archive(path: Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, Any]) -> None:
    """Write an archive, whole or not at all.

    Raises:
        UserError: the folder cannot be written to.
    """

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, value in texts.items():
                content = json.dumps(value, indent=1, allow_nan=False).encode()
                if len(content) > MAX_TEXT:  # it could not be read again
                    limit = mebibytes(MAX_TEXT)
                    raise UserError(f"{name} of {path} has over {limit} of text; keep fewer runs")
                _put(archive, f"{name}.json", content)
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
                _put(archive, f"{name}.npy", buffer.getvalue())

    write_atomic(path, write)


def load_archive(path: Path, what: str, fix: str) -> Archive:
    """Read an archive.

    Args:
        what: what the file should be, for messages, such as "record of a fit".
        fix: what the user can do about a file that cannot be read, for messages.

    Raises:
        UserError: the file is missing, not a regular file, too large, damaged, or holds anything
            else than arrays of numbers and JSON.
    """
    reader = NpzReader(path, what, fix, MAX_BYTES, exact=True)
    try:
        with reader.kept_open():
            texts = _texts(reader)
    except (ValueError, RecursionError) as error:
        raise reader.error(error) from error
    arrays = reader.arrays()
    for name, array in arrays.items():
        if array.dtype.kind not in _KINDS:
            raise reader.error(ValueError(f"{name} holds {array.dtype}, not numbers"))
    return Archive(arrays, texts)


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(info, content, compresslevel=_LEVEL)


def _texts(reader: NpzReader) -> dict[str, Any]:
    """The JSON values, after a look at what else there is."""
    names = [name for name, _ in reader.members]
    if len(names) > MAX_MEMBERS or sum(size for _, size in reader.members) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than the {mebibytes(MAX_BYTES)} allowed")
    if len(set(names)) < len(names):
        raise ValueError("it holds two members of one name")
    texts: dict[str, Any] = {}
    for name, size in reader.members:
        stem, _, kind = name.rpartition(".")
        if kind == "json" and size <= MAX_TEXT:
            texts[stem] = json.loads(reader.content(name, size).decode("utf-8"))
        elif kind != "npy":
            raise ValueError(f"it holds {name!r:.80}")
    return texts
