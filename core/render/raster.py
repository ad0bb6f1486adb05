"""Z-buffered mesh rasteriser: native where it is built, else the NumPy twin of the same call."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int32

from core.native import load_native


@dataclass(frozen=True)
class Raster:
    """What each pixel centre sees of a mesh.

    Attributes:
        face_ids: the nearest face, -1 where there is none.
        barycentric: perspective-correct weights of the face's corners; zeros where there is none.
        depth: camera-frame z in metres, +inf where there is none.
    """

    face_ids: Int32[np.ndarray, "height width"]
    barycentric: Float32[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]

    @property
    def mask(self) -> np.ndarray:
        """Pixels that see the mesh, (height, width) bool."""
        return self.face_ids >= 0


def rasterize(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int32[np.ndarray, "faces 3"],
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
    near: float = 0.05,
    cull: bool = False,
    backend: str = "auto",
) -> Raster:
    """The nearest triangle at every pixel centre (pixel i covers [i, i + 1)).

    A shared edge belongs to both neighbours, equal depths go to the smaller face id, and a triangle
    that reaches the near plane is dropped whole; `cuda/raster/raster.h` states the rules.

    Args:
        vertices: metres in the camera frame (x right, y down, z forward).
        focal, center: pinhole camera in pixels.
        near: metres; nothing at or before this depth is drawn.
        cull: drop faces seen from behind (corners run counter-clockwise seen from outside).
        backend: "native", "twin", or "auto" (native when it is built).
    """
    points = np.ascontiguousarray(vertices, dtype=np.float32)
    triangles = np.ascontiguousarray(faces, dtype=np.int32)
    _check(points, triangles, height, width)
    library = None if backend == "twin" else load_native()
    if library is None:
        if backend == "native":
            raise RuntimeError("the native library is not built")
        from core.render.raster_twin import rasterize_twin

        return rasterize_twin(points, triangles, focal, center, height, width, near, cull)
    raster = Raster(
        np.empty((height, width), np.int32),
        np.empty((height, width, 3), np.float32),
        np.empty((height, width), np.float32),
    )
    library.nbf_rasterize(
        pointer(points),
        ctypes.c_int64(len(points)),
        pointer(triangles),
        ctypes.c_int64(len(triangles)),
        ctypes.c_float(focal),
        ctypes.c_float(center[0]),
        ctypes.c_float(center[1]),
        ctypes.c_int32(height),
        ctypes.c_int32(width),
        ctypes.c_float(near),
        ctypes.c_int32(cull),
        pointer(raster.face_ids),
        pointer(raster.barycentric),
        pointer(raster.depth),
    )
    return raster


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Address of a C-contiguous array's first element."""
    if not array.flags.c_contiguous:
        raise ValueError("native code takes C-contiguous arrays")
    return ctypes.c_void_p(array.ctypes.data)


def _check(points: np.ndarray, triangles: np.ndarray, height: int, width: int) -> None:
    """Shapes and indices: native code would read outside the arrays without a word."""
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"vertices must be (V, 3), not {points.shape}")
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3), not {triangles.shape}")
    if len(triangles) and not 0 <= triangles.min() <= triangles.max() < len(points):
        raise ValueError(f"faces index vertices outside 0..{len(points) - 1}")
    if height <= 0 or width <= 0:
        raise ValueError(f"image size must be positive, not {height} x {width}")
