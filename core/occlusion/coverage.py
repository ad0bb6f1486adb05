"""How much of each pixel polygons cover. A pixel (column, row) spans [x, x + 1) x [y, y + 1)."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Float32

FINE = 2  # supersampling factor
_FAR = 2**17  # pixels, more than any photo has: OpenCV takes time for each row of a polygon

Points = Float[np.ndarray, "points 2"]


def rotation2d(angle: float) -> Float[np.ndarray, "2 2"]:
    """Rotation of the plane by an angle in radians, clockwise where y points down."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def coverage(
    width: int, height: int, polygons: Sequence[Points], rim: bool = False
) -> Float32[np.ndarray, "height width"]:
    """Share of each pixel that the union of polygons covers, 0..1.

    Args:
        rim: count the fine pixels that an outline touches, half a pixel too much in all. Synthetic
            people have always been drawn so.
    """
    fine: np.ndarray = np.zeros((FINE * height, FINE * width), np.uint8)
    for corners in polygons:
        near = corners.clip(-_FAR, _FAR)
        points = np.round((near * FINE - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(fine, [points], 255, shift=4)
    if not rim:
        fine = cv2.erode(fine, np.ones((2, 2), np.uint8), anchor=(0, 0))
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    return coarse.astype(np.float32) / 255
