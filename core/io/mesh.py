"""Writing bodies as glTF binaries and Wavefront files.

Both are in glTF's frame: metres, y up, the camera at the origin looking along -z. That is
the photo's camera frame (x right, y down, z forward) rotated by 180 degrees about x, so a viewer
that starts at the origin sees the body as the photo does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float, Int

from core.io.atomic import write_atomic

GLTF_FROM_CAMERA = np.diag([1.0, -1.0, -1.0])
ROUGHNESS = 0.75
Color = tuple[float, float, float]


def save_glb(
    path: Path,
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    color: Color = (0.55, 0.75, 0.95),
    name: str = "body",
) -> None:
    """Write a glTF binary with smooth normals and one matte material; vertices keep their order.

    Args:
        vertices: metres in the photo's camera frame.
        color: sRGB in 0..1.
    """
    mesh = _mesh(vertices, faces)
    material = trimesh.visual.material.PBRMaterial(
        name=name,
        baseColorFactor=[*_linear(color), 1.0],
        metallicFactor=0.0,
        roughnessFactor=ROUGHNESS,
    )
    mesh.visual = trimesh.visual.TextureVisuals(material=material)
    scene = trimesh.Scene()
    scene.add_geometry(mesh, node_name=name, geom_name=name)
    data = trimesh.exchange.gltf.export_glb(scene, include_normals=True)
    write_atomic(path, lambda temporary: temporary.write_bytes(data))


def _mesh(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
    """The mesh in glTF's frame; ``process=False`` keeps trimesh from merging vertices."""
    rotated = _finite(vertices) @ GLTF_FROM_CAMERA
    return trimesh.Trimesh(rotated, np.asarray(faces, np.int64), process=False)


def _finite(vertices: np.ndarray) -> Float[np.ndarray, "vertices 3"]:
    points = np.asarray(vertices, np.float64)
    if not np.isfinite(points).all():
        raise ValueError("a mesh to be saved has vertices that are not finite")
    return points


def _linear(color: Color) -> list[float]:
    """An sRGB colour as linear light, in which glTF states colour factors."""
    srgb = np.asarray(color, np.float64)
    low = srgb / 12.92
    high = ((srgb + 0.055) / 1.055) ** 2.4
    return [float(value) for value in np.where(srgb <= 0.04045, low, high)]
