"""Z-buffered rasterisation of one mesh in NumPy.

`core.render.mesh.render` rasterises batches, with gradients.
"""

from __future__ import annotations

import ctypes

import numpy as np
import torch
from jaxtyping import Float, Int

from core.geometry.camera import Camera
from core.native import load_native
from core.render.mesh.abi import MeshStruct
from core.render.mesh.native import library
from core.render.mesh.raster_result import Raster
from core.render.mesh.scene import MeshSettings
from core.render.mesh.twin import rasterize_twin

__all__ = ["Raster", "pointer", "rasterize"]


def rasterize(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
    near: float = 0.05,
    cull: bool = False,
    backend: str = "auto",
) -> Raster:
    """The nearest triangle at every pixel centre (pixel i covers [i, i + 1)).

    A pixel centre on a shared edge is inside both faces, of equal depths the smaller face id is
    seen, and a triangle that reaches the near plane is not drawn; `cuda/mesh/raster.h` states the
    rules.

    Args:
        vertices: metres in the camera frame (x right, y down, z forward).
        focal, center: pinhole camera in pixels.
        near: metres; a triangle with a corner at this depth or nearer is not drawn.
        cull: drop faces seen from behind (corners run counter-clockwise seen from outside).
        backend: "native", "plain" (native without vector instructions, with the same result),
            "twin", or "auto" (native if it is built, else the twin).
    """
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    triangles = np.ascontiguousarray(faces, dtype=np.int32)
    _check(points, triangles, height, width)
    camera = np.array([focal, *center], np.float32)
    if backend in ("native", "plain") or (backend == "auto" and load_native() is not None):
        return _native(points, triangles, camera, (height, width), near, cull, backend == "plain")
    return _twin(points, triangles, camera, (height, width), near, cull)


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Address of a C-contiguous array's first element."""
    if not array.flags.c_contiguous:
        raise ValueError("native code takes C-contiguous arrays")
    return ctypes.c_void_p(array.ctypes.data)


def _native(
    points: np.ndarray,
    triangles: np.ndarray,
    camera: np.ndarray,
    size: tuple[int, int],
    near: float,
    cull: bool,
    plain: bool,
) -> Raster:
    """By native code on one thread: many pictures are drawn by many processes."""
    raster = Raster(
        np.empty(size, np.int32), np.empty((*size, 3), np.float32), np.empty(size, np.float32)
    )
    mesh = MeshStruct(
        pointer(points),
        pointer(triangles),
        pointer(camera),
        pointer(camera[1:]),
        *(1, len(points), len(triangles), 1),
        *(*size, near, cull, 1),
    )
    outputs = (raster.face_ids, raster.barycentric, raster.depth)
    name = "nbf_mesh_rasterize_plain" if plain else "nbf_mesh_rasterize"
    getattr(library(), name)(ctypes.byref(mesh), *(pointer(output) for output in outputs))
    return raster


def _twin(
    points: np.ndarray,
    triangles: np.ndarray,
    camera: np.ndarray,
    size: tuple[int, int],
    near: float,
    cull: bool,
) -> Raster:
    """By `core.render.mesh.twin`."""
    intrinsics = torch.from_numpy(camera)
    render = rasterize_twin(
        torch.from_numpy(points)[None],
        torch.from_numpy(triangles),
        Camera(intrinsics[:1], intrinsics[None, 1:]),
        size,
        MeshSettings(near, cull),
    )
    return Raster(
        *(part[0].numpy() for part in (render.face_ids, render.barycentric, render.depth))
    )


def _check(points: np.ndarray, triangles: np.ndarray, height: int, width: int) -> None:
    """Check shapes and indices: native code would silently read outside the arrays."""
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"vertices must be (V, 3), not {points.shape}")
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3), not {triangles.shape}")
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(points):
        raise ValueError(f"faces index vertices outside 0..{len(points) - 1}")
    if height <= 0 or width <= 0:
        raise ValueError(f"image size must be positive, not {height} x {width}")
