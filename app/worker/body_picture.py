"""The body by itself, as the mouse has turned it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

from app.geometry.orbit import Orbit
from core.pictures.overlay import body_layer

COLOR = (0.62, 0.76, 0.92)


def turned_body(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    orbit: Orbit,
    width: int,
    height: int,
    smooth: bool = True,
) -> UInt8[np.ndarray, "height width 4"]:
    """The body as the orbit sees it, looking at `body_middle`, on nothing.

    Args:
        vertices: metres in the photo's camera frame.
        smooth: with smooth edges, which take several times as long.
    """
    seen = orbit.see(vertices, body_middle(vertices)).astype(np.float32)
    center = width / 2, height / 2
    return body_layer(seen, faces, orbit.focal(height), center, height, width, COLOR, smooth)


def body_middle(vertices: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "3"]:
    """Middle of the body's bounding box."""
    columns = np.ascontiguousarray(vertices.T)  # NumPy takes extremes along short rows slowly
    return (columns.min(1) + columns.max(1)) / 2
