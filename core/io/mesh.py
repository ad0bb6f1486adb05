"""Writing bodies as glTF binaries, and as what trimesh writes, in the frame of `core.io.gltf`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from core.errors import UserError
from core.io.atomic import write_atomic
from core.io.files import printable
from core.io.gltf import INDICES, VERTICES, Arrays, Color, in_gltf, matte

BY_TRIMESH = (".obj", ".ply", ".stl")
BODY_COLOR: Color = (0.55, 0.75, 0.95)


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

    turned = in_gltf(vertices), in_gltf(normals)
    mesh = trimesh.Trimesh(turned[0], faces, vertex_normals=turned[1], process=False)
    write_atomic(path, lambda temporary: mesh.export(temporary))


def save_glb(
    path: Path,
    vertices: Float[np.ndarray, "vertices 3"],
    normals: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    color: Color = BODY_COLOR,
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
    arrays = Arrays()
    places = arrays.add(in_gltf(vertices), VERTICES, bounds=True)
    attributes = {"POSITION": places, "NORMAL": arrays.add(in_gltf(normals), VERTICES)}
    corners = arrays.add(np.asarray(faces, np.uint32).reshape(-1), INDICES)
    primitive = {"attributes": attributes, "indices": corners, "material": 0}
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": name, "mesh": 0}],
        "meshes": [{"name": name, "primitives": [primitive]}],
        "materials": [matte(name, color)],
    }
    arrays.save(path, document)
