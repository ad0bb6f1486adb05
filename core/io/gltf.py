"""The parts that glTF binaries are made of: arrays with their descriptions, a matte material.

See the glTF 2.0 specification (ISO/IEC 12113). All files are in glTF's frame: metres, y up, the
camera at the origin looking along -z. That is the photo's camera frame (x right, y down, z
forward) rotated by 180 degrees about x, so a viewer that starts at the origin sees the body as the
photo does.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from core.io.atomic import write_atomic

GLTF_FROM_CAMERA = np.diag([1.0, -1.0, -1.0])
ROUGHNESS = 0.75
Color = tuple[float, float, float]
VERTICES, INDICES = 34962, 34963  # targets of buffer views

_COMPONENTS = {"f4": 5126, "u4": 5125, "u1": 5121}
_KINDS = {(): "SCALAR", (3,): "VEC3", (4,): "VEC4", (4, 4): "MAT4"}
_JSON, _BINARY = b"JSON", b"BIN\0"


@dataclass
class Arrays:
    """The arrays of a file, one after the other in its buffer, and what says so in its JSON."""

    views: list[dict[str, Any]] = field(default_factory=list)
    accessors: list[dict[str, Any]] = field(default_factory=list)
    _parts: list[bytes] = field(default_factory=list)
    _size: int = 0

    def add(self, array: np.ndarray, target: int | None = None, bounds: bool = False) -> int:
        """Take in an array; its number.

        Args:
            array: float32, uint32, or uint8 in rows of four.
            target: `VERTICES`, `INDICES`, or None for what is no attribute of vertices.
            bounds: state the smallest and the largest values, as places and times need it.

        Raises:
            ValueError: a number is not finite.
        """
        code = array.dtype.str[1:]
        content = np.ascontiguousarray(_finite(array), f"<{code}").tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self._size, "byteLength": len(content)}
        self.views.append(view if target is None else {**view, "target": target})
        accessor: dict[str, Any] = {
            "bufferView": len(self.views) - 1,
            "componentType": _COMPONENTS[code],
            "count": len(array),
            "type": _KINDS[array.shape[1:]],
        }
        if bounds:
            rows = array.reshape(len(array), -1)
            accessor |= {"min": rows.min(0).tolist(), "max": rows.max(0).tolist()}
        self.accessors.append(accessor)
        self._parts.append(content)
        self._size += len(content)  # always a multiple of four, as places of arrays must be
        return len(self.accessors) - 1

    def save(self, path: Path, document: dict[str, Any]) -> None:
        """Write a glTF binary of these arrays and the rest of its JSON.

        Raises:
            UserError: the file cannot be written.
        """
        whole = {
            "asset": {"version": "2.0", "generator": "nbf"},
            **document,
            "accessors": self.accessors,
            "bufferViews": self.views,
            "buffers": [{"byteLength": self._size}],
        }
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        content = _chunk(_JSON, text, b" ") + _chunk(_BINARY, b"".join(self._parts), b"\0")
        data = struct.pack("<4sII", b"glTF", 2, 12 + len(content)) + content
        write_atomic(path, lambda temporary: temporary.write_bytes(data))


def in_gltf(vectors: np.ndarray) -> Float[np.ndarray, "vectors 3"]:
    """Points or directions of the photo's camera frame in glTF's frame.

    Raises:
        ValueError: a number is not finite.
    """
    turned = _finite(np.asarray(vectors, np.float64)) @ GLTF_FROM_CAMERA
    return np.ascontiguousarray(turned, np.float32)


def _finite(array: np.ndarray) -> np.ndarray:
    if not np.isfinite(array).all():
        raise ValueError("a mesh to be saved has numbers that are not finite")
    return array


def matte(name: str, color: Color) -> dict[str, Any]:
    """A matte material.

    Args:
        color: sRGB in 0..1.
    """
    surface = {
        "baseColorFactor": [*_linear(color), 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": ROUGHNESS,
    }
    return {"name": name, "pbrMetallicRoughness": surface}


def _chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    """A chunk of a GLB file, whose length is a multiple of four."""
    content += filler * (-len(content) % 4)
    return struct.pack("<I4s", len(content), kind) + content


def _linear(color: Color) -> list[float]:
    """An sRGB colour as linear light, in which glTF states colour factors."""
    srgb = np.asarray(color, np.float64)
    low = srgb / 12.92
    high = ((srgb + 0.055) / 1.055) ** 2.4
    return [float(value) for value in np.where(srgb <= 0.04045, low, high)]
