"""The photo's camera as lines in the room: its eye, its picture, and the way of its light."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from app.geometry.plane import Point

SHARE = 0.35
"""Of the way to the body, where the photo is put up."""


def photo_corners(size: Point, focal: float, depth: float) -> Float[np.ndarray, "4 3"]:
    """The photo's corners as the camera sees them so many metres away, in order around it.

    Args:
        size, focal: in pixels; the principal point is the photo's middle.
    """
    half = np.array(size) / 2 / focal * depth
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return np.concatenate([signs * half, np.full((4, 1), depth)], 1)


def frustum_lines(corners: Float[np.ndarray, "4 3"]) -> Float[np.ndarray, "8 2 3"]:
    """From the eye to the photo's corners, and around the photo."""
    eye = np.zeros((4, 3))
    rays, frame = np.stack([eye, corners], 1), np.stack([corners, np.roll(corners, -1, 0)], 1)
    return np.concatenate([rays, frame])


def clipped(
    lines: Float[np.ndarray, "lines 2 3"], nearest: float
) -> Float[np.ndarray, "clipped 2 3"]:
    """The parts of lines in a camera's frame that are so far or farther before it."""
    depth = lines[:, :, 2]
    lines, depth = lines[(depth > nearest).any(1)], depth[(depth > nearest).any(1)]
    far = np.take_along_axis(lines, depth.argmax(1)[:, None, None], 1)
    span = far[:, :, 2] - depth
    share = np.where(depth < nearest, (nearest - depth) / np.where(span > 0, span, 1), 0)
    return lines + share[:, :, None] * (far - lines)
