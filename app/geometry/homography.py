"""The crop on the photo, and the cells of its map."""

from __future__ import annotations

import numpy as np

from app.geometry.plane import Point

Homography = tuple[tuple[float, float, float], ...]


def mapped(homography: Homography | np.ndarray, point: Point) -> Point:
    """A point under a homography."""
    x, y, w = np.asarray(homography) @ np.array([point[0], point[1], 1.0])
    return float(x / w), float(y / w)


def inside_crop(to_crop: Homography, pixel: Point) -> Point | None:
    """Where in the crop a pixel of the photo lies, as fractions of its sides; None outside."""
    x, y = mapped(to_crop, pixel)
    return (x, y) if 0 <= x < 1 and 0 <= y < 1 else None


def cell_center(cells: tuple[int, int], at: Point) -> Point:
    """The middle of the map cell that holds a point of the crop; all as fractions of its sides."""
    columns, rows = cells
    return (int(at[0] * columns) + 0.5) / columns, (int(at[1] * rows) + 0.5) / rows


def cell_corners(to_crop: Homography, cells: tuple[int, int], at: Point) -> tuple[Point, ...]:
    """The corners, on the photo, of the map cell that holds a point of the crop.

    Args:
        cells: columns and rows of the map.
        at: the point as fractions of the crop's sides.
    """
    columns, rows = cells
    x, y = int(at[0] * columns), int(at[1] * rows)
    inverse = np.linalg.inv(np.array(to_crop))
    corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)]
    return tuple(mapped(inverse, (u / columns, v / rows)) for u, v in corners)
