"""The body by itself, as the mouse has turned it, with other bodies beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

from app.geometry.orbit import Orbit
from app.protocol.backend import Kernels
from core.pictures.kernels import kernel_layer
from core.pictures.overlay import body_layer


@dataclass(frozen=True)
class Figure:
    """A body to be drawn.

    Attributes:
        vertices: metres in the photo's camera frame.
        color: RGB in 0..1, of all triangles or of each.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    color: Float[np.ndarray, "3"] | Float[np.ndarray, "faces 3"]


def turned_bodies(
    figures: Sequence[Figure],
    faces: Int[np.ndarray, "faces 3"],
    orbit: Orbit,
    width: int,
    height: int,
    smooth: bool = True,
) -> UInt8[np.ndarray, "height width 4"]:
    """Bodies as the orbit sees them, looking at the first one's `body_middle`, on nothing.

    Args:
        smooth: with smooth edges, which take several times as long.
    """
    middle = body_middle(figures[0].vertices)
    place = orbit.focal(height), orbit.center(width, height), height, width
    if len(figures) == 1:  # a colour for all triangles takes less time
        alone = orbit.see(figures[0].vertices, middle).astype(np.float32)
        return body_layer(alone, faces, *place, figures[0].color, smooth)
    seen = [orbit.see(figure.vertices, middle).astype(np.float32) for figure in figures]
    starts = np.cumsum([0, *(len(vertices) for vertices in seen[:-1])])
    colors = [np.broadcast_to(figure.color, (len(faces), 3)) for figure in figures]
    together = np.concatenate([faces + np.int32(start) for start in starts]).astype(np.int32)
    return body_layer(np.concatenate(seen), together, *place, np.concatenate(colors), smooth)


def turned_kernels(
    kernels: Kernels,
    colors: UInt8[np.ndarray, "kernels 3"],
    middle: Float[np.ndarray, "3"],
    orbit: Orbit,
    width: int,
    height: int,
) -> UInt8[np.ndarray, "height width 4"]:
    """Kernels as the orbit sees them, looking at ``middle``, on nothing."""
    turn = orbit.rotation
    seen = orbit.see(kernels.means, middle)
    turned = turn @ kernels.covariances @ turn.T
    center = orbit.center(width, height)
    return kernel_layer(seen, turned, colors, orbit.focal(height), center, height, width)


def body_middle(vertices: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "3"]:
    """Middle of the body's bounding box."""
    columns = np.ascontiguousarray(vertices.T)  # NumPy takes extremes along short rows slowly
    return (columns.min(1) + columns.max(1)) / 2
