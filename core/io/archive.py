"""Archives of arrays and JSON texts: zip files that ``numpy.load`` reads, and that run no code.

Every member is ``<name>.npy`` (an array of plain numbers) or ``<name>.json``. Files of others are
only data here: sizes are checked before anything is decoded, and nothing is unpickled.
"""

from __future__ import annotations

import io
import json
import math
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import UserError
from core.io.atomic import write_atomic

MAX_FILE = 1 << 30
MAX_UNPACKED = 1 << 31
MAX_TEXT = 1 << 24
MAX_MEMBERS = 20_000
_LEVEL = 1  # of deflate: photos shrink hardly more at higher ones, which take many times as long
_EPOCH = (1980, 1, 1, 0, 0, 0)  # no time of writing: equal contents give equal files
_KINDS = "biuf"


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
                _put(archive, f"{name}.json", json.dumps(value, indent=1, allow_nan=False).encode())
            for name, array in arrays.items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, np.asarray(array, order="C"), allow_pickle=False)
                _put(archive, f"{name}.npy", buffer.getvalue())

    write_atomic(path, write)


def load_archive(path: Path, what: str) -> Archive:
    """Read an archive.

    Args:
        what: for messages, what the file should be, with its article: "a record of a fit".

    Raises:
        UserError: missing, no regular file, too large, damaged, or holding anything else.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{path} is not a file; give {what}")
        if status.st_size > MAX_FILE:
            raise UserError(f"{path} is too large to be {what} ({status.st_size >> 20} MB)")
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    # zipfile raises NotImplementedError and RuntimeError for odd compressions and encryption.
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError, RuntimeError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is not {what}, or it is damaged: {reason:.200}") from error


def _put(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    archive.writestr(info, content, compresslevel=_LEVEL)


def _read(archive: zipfile.ZipFile) -> Archive:
    """All members; their sizes were checked before anything is unpacked."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS or sum(m.file_size for m in members) > MAX_UNPACKED:
        raise ValueError(f"it unpacks to more than {MAX_UNPACKED >> 20} MB")
    arrays: dict[str, np.ndarray] = {}
    texts: dict[str, Any] = {}
    for member in members:
        name, _, kind = member.filename.rpartition(".")
        if name in (arrays if kind == "npy" else texts):
            raise ValueError(f"two members {member.filename!r}")
        if kind == "npy":
            arrays[name] = _array(archive.read(member), member.filename)
        elif kind == "json" and member.file_size <= MAX_TEXT:
            texts[name] = _text(archive.read(member), member.filename)
        else:
            raise ValueError(f"it holds {member.filename!r:.80}")
    return Archive(arrays, texts)


def _array(content: bytes, name: str) -> np.ndarray:
    """An array of plain numbers whose header claims just what is there."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version != (1, 0):
        raise ValueError(f"{name!r} has .npy version {version}")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    size = math.prod(shape) * dtype.itemsize
    if dtype.kind not in _KINDS or fortran or min(shape, default=0) < 0:
        raise ValueError(f"{name!r} holds {dtype}, not plain numbers")
    if size != len(content) - stream.tell():
        raise ValueError(f"{name!r} is cut short")
    return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape)


def _text(content: bytes, name: str) -> Any:
    try:
        return json.loads(content.decode("utf-8"))
    except RecursionError as error:
        raise ValueError(f"{name!r} is nested too deeply") from error
