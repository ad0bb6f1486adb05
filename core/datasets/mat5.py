"""Tables of numbers from MATLAB 5 files, plain or compressed.

SciPy reads these files, too, but trusts the sizes that they claim: one wrong byte can keep it busy
for half a minute. This reader takes no element to be larger than the bytes that are left.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterator

import numpy as np

MAX_BYTES = 2 * 2**30
"""Largest variable after decompression."""

_HEADER = 128
_LITTLE = b"\x00\x01IM"
_MATRIX, _COMPRESSED = 14, 15
_CELL, _NUMBERS = 1, range(6, 16)
_INTEGERS = {1: "<i1", 2: "<u1", 3: "<i2", 4: "<u2", 5: "<i4", 6: "<u4", 12: "<i8", 13: "<u8"}
_DTYPES = _INTEGERS | {7: "<f4", 9: "<f8"}
Element = tuple[int, memoryview]


def read_cells(data: bytes, names: Collection[str]) -> dict[str, list[np.ndarray | None]]:
    """Cell arrays by name, as lists of tables in MATLAB's order; cells of other kinds become None.

    Raises:
        ValueError: the bytes are not those of a MATLAB 5 file, or damaged.
    """
    if data[124:_HEADER] != _LITTLE:
        raise ValueError("no MATLAB 5 header")
    found: dict[str, list[np.ndarray | None]] = {}
    try:
        for kind, content in _elements(memoryview(data)[_HEADER:], padded=False):
            if kind == _COMPRESSED:
                kind, content = next(_elements(_inflate(content)))
            if kind == _MATRIX:
                name, cells = _variable(content, names)
                if cells is not None:
                    found[name] = cells
    except (struct.error, StopIteration, zlib.error) as error:
        raise ValueError(str(error) or "an element is cut short") from error
    return found


def _inflate(content: memoryview) -> memoryview:
    stream = zlib.decompressobj()
    raw = stream.decompress(content, MAX_BYTES)
    if not stream.eof:
        raise ValueError("a variable is cut short or unpacks to too much")
    return memoryview(raw)


def _elements(data: memoryview, padded: bool = True) -> Iterator[Element]:
    """The elements in some bytes; inside variables they are padded to multiples of 8."""
    place = 0
    while place + 8 <= len(data):
        kind, size = struct.unpack_from("<II", data, place)
        if kind >> 16:  # a small element: type, size and up to four bytes in eight
            yield kind & 0xFFFF, data[place + 4 : place + 4 + min(kind >> 16, 4)]
            place += 8
            continue
        place += 8
        if place + size > len(data):
            raise ValueError(f"an element of {size} bytes where {len(data) - place} are left")
        yield kind, data[place : place + size]
        place += size + (-size % 8 if padded or kind != _COMPRESSED else 0)


def _variable(
    content: memoryview, names: Collection[str]
) -> tuple[str, list[np.ndarray | None] | None]:
    """A variable's name, and its cells if it is a cell array that is wanted."""
    parts = _elements(content)
    (_, flags), _, (_, raw_name) = next(parts), next(parts), next(parts)
    name = bytes(raw_name).decode("latin1")
    if name not in names or flags[0] != _CELL:
        return name, None
    return name, [_table(cell) if kind == _MATRIX else None for kind, cell in parts]


def _table(content: memoryview) -> np.ndarray | None:
    """A matrix of real numbers, or None for anything else."""
    parts = list(_elements(content))
    if len(parts) < 4:
        return None
    (_, flags), (_, raw_shape), _, (kind, raw) = parts[:4]
    shape = np.frombuffer(raw_shape, "<i4")
    if flags[0] not in _NUMBERS or kind not in _DTYPES or len(shape) != 2:
        return None
    return np.frombuffer(raw, _DTYPES[kind]).reshape(shape, order="F")
