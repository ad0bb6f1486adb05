"""Outlines of occluders, in pixels around the occluder's middle (x right, y down)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float

from core.errors import UserError

MAX_CORNERS = 4096
"""Points of a polygon or a stroke."""
MAX_PIXELS = 1e5
"""Largest coordinate: no photo is wider."""
_ROUND = 128  # corners of an ellipse: the outline of one of 2000 pixels is 0.3 pixels off
_CAP = 24  # corners of a brush's disc

Points = Float[np.ndarray, "points 2"]
Point = tuple[float, float]


def check_pixels(what: str, *values: float) -> None:
    """Refuse numbers that no photo has room for.

    Raises:
        UserError: a value is not finite, or larger than `MAX_PIXELS`.
    """
    if not all(abs(value) <= MAX_PIXELS for value in values):
        shown = ", ".join(f"{value:g}" for value in values)
        raise UserError(f"an occluder's {what} cannot be {shown}; give pixels of the photo")


def _check_size(width: float, height: float) -> None:
    check_pixels("size", width, height)
    if min(width, height) <= 0:
        raise UserError(f"an occluder's size is positive, not {width:g} x {height:g}")


def _check_points(what: str, points: tuple[Point, ...], least: int) -> None:
    if not least <= len(points) <= MAX_CORNERS:
        raise UserError(f"{what} has {least} to {MAX_CORNERS} points, not {len(points)}")
    for point in points:
        check_pixels("point", *point)


@dataclass(frozen=True)
class Rectangle:
    """An upright rectangle."""

    width: float
    height: float
    kind: Literal["rectangle"] = "rectangle"

    def __post_init__(self) -> None:
        _check_size(self.width, self.height)

    def polygons(self) -> list[Points]:
        """The polygons whose union it is."""
        half = np.array([self.width, self.height]) / 2
        return [half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])]


@dataclass(frozen=True)
class Ellipse:
    """An ellipse whose axes are level and upright."""

    width: float
    height: float
    kind: Literal["ellipse"] = "ellipse"

    def __post_init__(self) -> None:
        _check_size(self.width, self.height)

    def polygons(self) -> list[Points]:
        """The polygons whose union it is."""
        return [np.array([self.width, self.height]) / 2 * _circle(_ROUND)]


@dataclass(frozen=True)
class Polygon:
    """A polygon; where its outline crosses itself, the even-odd rule decides."""

    points: tuple[Point, ...]
    kind: Literal["polygon"] = "polygon"

    def __post_init__(self) -> None:
        _check_points("a polygon", self.points, 3)

    def polygons(self) -> list[Points]:
        """The polygons whose union it is."""
        return [np.array(self.points, np.float64)]


@dataclass(frozen=True)
class Stroke:
    """What a round brush of some radius covers along a path."""

    points: tuple[Point, ...]
    radius: float
    kind: Literal["stroke"] = "stroke"

    def __post_init__(self) -> None:
        _check_points("a brush stroke", self.points, 1)
        check_pixels("radius", self.radius)
        if self.radius <= 0:
            raise UserError(f"the radius of a brush is positive, not {self.radius:g}")

    def polygons(self) -> list[Points]:
        """The polygons whose union it is: a capsule around each piece of the path."""
        path, disc = np.array(self.points, np.float64), self.radius * _circle(_CAP)
        if len(path) == 1:
            return [path + disc]
        pairs = np.stack([path[:-1], path[1:]], 1)[:, :, None] + disc  # (pieces, 2, corners, 2)
        hulls = [cv2.convexHull(p.reshape(-1, 2).astype(np.float32))[:, 0] for p in pairs]
        return [hull.astype(np.float64) for hull in hulls]


Shape = Rectangle | Ellipse | Polygon | Stroke


def bounds(shape: Shape) -> tuple[Point, Point]:
    """Corners of the smallest upright box around a shape: left and top, right and bottom."""
    corners = np.concatenate(shape.polygons())
    (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
    return (left, top), (right, bottom)


def _circle(corners: int) -> Points:
    angle = np.arange(corners) * (2 * math.pi / corners)
    return np.stack([np.cos(angle), np.sin(angle)], 1)
