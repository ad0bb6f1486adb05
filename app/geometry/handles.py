"""Taking hold of an occluder with the mouse, as pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from jaxtyping import Float

from app.geometry.plane import Point
from core.occlusion.coverage import rotation2d
from core.occlusion.occluder import SCALES, Occluder

KNOB = 3.0
"""Distance of the knob that turns an occluder from its upper edge, in reaches of the mouse."""


class Hold(Enum):
    """What of an occluder the mouse has hold of."""

    INSIDE = "inside"
    CORNER = "corner"
    KNOB = "knob"


@dataclass(frozen=True)
class Grip:
    """A hold; ``corner`` is the number of the corner, clockwise from the top left."""

    hold: Hold
    corner: int = 0


def knob_of(occluder: Occluder, reach: float) -> Point:
    """Where the knob is, in pixels of the photo."""
    corners = occluder.corners
    middle, away = (corners[0] + corners[1]) / 2, corners[0] - corners[3]
    length = float(np.linalg.norm(away)) or 1.0
    x, y = (middle + KNOB * reach * away / length).tolist()
    return x, y


def grip_at(occluder: Occluder, point: Point, reach: float) -> Grip | None:
    """What a press takes hold of; None where it misses the occluder.

    Args:
        point: in pixels of the photo.
        reach: how near counts as on it.
    """
    if math.dist(knob_of(occluder, reach), point) <= reach:
        return Grip(Hold.KNOB)
    distances = [math.dist(corner, point) for corner in occluder.corners.tolist()]
    nearest = int(np.argmin(distances))
    if distances[nearest] <= reach:
        return Grip(Hold.CORNER, nearest)
    return Grip(Hold.INSIDE) if occluder.contains(point) else None


def dragged(occluder: Occluder, grip: Grip, start: Point, end: Point) -> Occluder:
    """The occluder after a drag; one of a corner leaves the opposite corner in place."""
    if grip.hold is Hold.INSIDE:
        return occluder.moved(end[0] - start[0], end[1] - start[1])
    if grip.hold is Hold.KNOB:
        before, after = (_direction(occluder.center, point) for point in (start, end))
        return occluder.turned(math.degrees(after - before))
    return _stretched(occluder, grip.corner, np.array(end) - np.array(start))


def _direction(middle: Point, point: Point) -> float:
    return math.atan2(point[1] - middle[1], point[0] - middle[0])


def _stretched(occluder: Occluder, corner: int, by: Float[np.ndarray, "2"]) -> Occluder:
    """The occluder with a corner of its own box moved, and the opposite corner where it is."""
    turn = rotation2d(math.radians(occluder.angle))
    corners, own = occluder.corners, occluder.from_photo(occluder.corners)
    fixed, spread = corners[corner - 2], own[corner] - own[corner - 2]
    wanted = turn.T @ (corners[corner] + by - fixed)
    flat = np.abs(spread) < 1e-9  # a straight stroke of the brush has no height to be scaled
    factors = np.where(flat, occluder.scale, wanted / np.where(flat, 1.0, spread))
    scale = np.clip(factors, max(SCALES[0], 0.02), SCALES[1])  # no corner passes the opposite one
    center = fixed - turn @ (scale * own[corner - 2])
    sizes, (x, y) = scale.tolist(), center.tolist()
    return replace(occluder, scale=(sizes[0], sizes[1]), center=(x, y))
