"""Writing bodies as glTF binaries, and as what trimesh writes.

They are in glTF's frame: metres, y up, the camera at the origin looking along -z. That is
the photo's camera frame (x right, y down, z forward) rotated by 180 degrees about x, so a viewer
that starts at the origin sees the body as the photo does.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.files import printable

GLTF_FROM_CAMERA = np.diag([1.0, -1.0, -1.0])
ROUGHNESS = 0.75
BY_TRIMESH = (".obj", ".ply", ".stl")
Color = tuple[float, float, float]

_FLOAT, _UINT = 5126, 5125  # component types of glTF 2.0
_VERTICES, _INDICES = 34962, 34963  # targets of buffer views
_JSON, _BINARY = b"JSON", b"BIN\0"


def save_mesh(
    path: Path,
    vertices: Float[np.ndarray, "vertices 3"],
    normals: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
) -> None:
    """Write a mesh in the format that the suffix names: .glb, .obj, .ply or .stl.

    All are in glTF's frame and in metres; .stl has neither normals nor shared vertices.

    Args:
        vertices: metres in the photo's camera frame; they keep their order.
        normals: unit vectors in the same frame.

    Raises:
        UserError: another suffix, or the file cannot be written.
        ValueError: a number is not finite.
    """
    suffix = path.suffix.lower()
    if suffix == ".glb":
        save_glb(path, vertices, normals, faces)
        return
    if suffix not in BY_TRIMESH:
        known = ", ".join((".glb", *BY_TRIMESH))
        raise UserError(f"{printable(path)}: no format of a mesh; the name ends in one of {known}")
    import trimesh  # takes half a second

    mesh = trimesh.Trimesh(_turned(vertices), faces, vertex_normals=_turned(normals), process=False)
    write_atomic(path, lambda temporary: mesh.export(temporary))


def save_glb(
    path: Path,
    vertices: Float[np.ndarray, "vertices 3"],
    normals: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    color: Color = (0.55, 0.75, 0.95),
    name: str = "body",
) -> None:
    """Write a glTF 2.0 binary with smooth normals and one matte material.

    Args:
        vertices: metres in the photo's camera frame; they keep their order.
        normals: unit vectors in the same frame.
        color: sRGB in 0..1.

    Raises:
        ValueError: a number is not finite.
    """
    arrays = [
        (_turned(vertices), _VERTICES, _FLOAT, "VEC3"),
        (_turned(normals), _VERTICES, _FLOAT, "VEC3"),
        (np.asarray(faces, "<u4").reshape(-1), _INDICES, _UINT, "SCALAR"),
    ]
    views, accessors, offset = [], [], 0
    for index, (array, target, component, kind) in enumerate(arrays):
        views.append(
            {"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target}
        )
        accessors.append(
            {"bufferView": index, "componentType": component, "count": len(array), "type": kind}
        )
        offset += array.nbytes  # all are of four-byte numbers, as their places must be
    accessors[0] |= {"min": arrays[0][0].min(0).tolist(), "max": arrays[0][0].max(0).tolist()}
    document = {
        **_scene(name, color),
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    content = _chunk(_JSON, text, b" ")
    content += _chunk(_BINARY, b"".join(array.tobytes() for array, *_ in arrays), b"\0")
    data = struct.pack("<4sII", b"glTF", 2, 12 + len(content)) + content
    write_atomic(path, lambda temporary: temporary.write_bytes(data))


def _scene(name: str, color: Color) -> dict[str, Any]:
    """The parts of the document that do not depend on the mesh."""
    surface = {
        "baseColorFactor": [*_linear(color), 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": ROUGHNESS,
    }
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}
    return {
        "asset": {"version": "2.0", "generator": "nbf"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [{"name": name, "pbrMetallicRoughness": surface}],
    }


def _chunk(kind: bytes, content: bytes, filler: bytes) -> bytes:
    """A chunk of a GLB file, whose length is a multiple of four."""
    content += filler * (-len(content) % 4)
    return struct.pack("<I4s", len(content), kind) + content


def _turned(vectors: np.ndarray) -> Float[np.ndarray, "vertices 3"]:
    """Points or directions in glTF's frame."""
    rotated = np.asarray(vectors, np.float64) @ GLTF_FROM_CAMERA
    if not np.isfinite(rotated).all():
        raise ValueError("a mesh to be saved has vertices that are not finite")
    return np.ascontiguousarray(rotated, "<f4")


def _linear(color: Color) -> list[float]:
    """An sRGB colour as linear light, in which glTF states colour factors."""
    srgb = np.asarray(color, np.float64)
    low = srgb / 12.92
    high = ((srgb + 0.055) / 1.055) ** 2.4
    return [float(value) for value in np.where(srgb <= 0.04045, low, high)]
