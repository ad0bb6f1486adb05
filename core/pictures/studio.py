"""What all lit pictures of a body share: colours, where the lamps stand, and the ground's lines."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

Color = tuple[float, float, float]

SAMPLES = 2
"""Pictures are drawn this many times as large and averaged, for smooth edges."""
BODY: Color = (0.20, 0.265, 0.34)
"""Linear light, as the next two; a matt grey-blue."""
START: Color = (0.60, 0.25, 0.06)
GROUND: Color = (0.13, 0.138, 0.155)
BACKDROP: Color = (0.088, 0.098, 0.118)
"""sRGB."""
CELL = 0.5
"""Metres between the lines of the ground."""
LINE_WIDTH = 0.006
BRIGHT, DARK = 0.8, 2.4
"""Where the ground begins to fade and where it has faded, in `ground_radius`."""

_UP = np.array([0.0, 1.0, 0.0])


def lamps(rotation: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "3 3"]:
    """Key, fill and rim lamp of a view, metres from the body's middle, one a row.

    They stand about the viewer: the key above on the left, the fill low on the right, the rim
    behind the body.

    Args:
        rotation: the view's, see `core.pictures.viewpoints.Viewpoint`.
    """
    flat = rotation[:, 2] * [1.0, 0.0, 1.0]
    if np.linalg.norm(flat) < 0.3:  # from above: the picture's lower edge is the front
        flat = -rotation[:, 1] * [1.0, 0.0, 1.0]
    flat /= np.linalg.norm(flat)
    right = np.cross(_UP, flat)
    key = 0.75 * flat - 0.65 * right + 1.15 * _UP
    fill = 2.6 * flat + 2.4 * right + 0.9 * _UP
    rim = -2.4 * flat + 1.2 * right + 1.8 * _UP
    return np.stack([key, fill, rim])


def ground_radius(vertices: Float[np.ndarray, "points 3"]) -> float:
    """Metres around the origin that an upright body takes, with a margin."""
    return float(np.linalg.norm(vertices[:, [0, 2]], axis=1).max()) + 0.35


def ground_share(
    x: Float32[np.ndarray, "height width"],
    z: Float32[np.ndarray, "height width"],
    footprint: float | Float32[np.ndarray, "height width"],
    radius: float,
) -> Float32[np.ndarray, "height width"]:
    """How much of the ground's colour is seen: lines every `CELL`, nothing far away.

    Args:
        x, z: places on the ground, metres.
        footprint: metres that a pixel covers there.
        radius: `ground_radius` of the body.
    """
    fade = 1 - _smoothstep((np.hypot(x, z) / radius - BRIGHT) / (DARK - BRIGHT))
    to_line = np.minimum(*(np.abs(place - CELL * np.round(place / CELL)) for place in (x, z)))
    cover = ((LINE_WIDTH + footprint) / 2 - to_line) / footprint
    line = np.clip(cover, 0, np.minimum(1, LINE_WIDTH / footprint))
    return np.asarray(fade * (1 - 0.35 * line), np.float32)


def _smoothstep(value: np.ndarray) -> np.ndarray:
    inside = np.clip(value, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside))
