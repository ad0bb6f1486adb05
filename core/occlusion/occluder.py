"""Something that is put before a photo: an outline, a fill, where it lies. All of it is data."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float

from core.errors import UserError
from core.occlusion.coverage import rotation2d
from core.occlusion.fills import GREY, Fill, Picture
from core.occlusion.place import Place
from core.occlusion.shapes import (
    Ellipse,
    Point,
    Points,
    Polygon,
    Rectangle,
    Shape,
    Stroke,
    bounds,
    check_pixels,
)

MAX_OCCLUDERS = 256
MAX_PICTURES = 8 * 2**20
"""Characters of all pasted pictures together: records of fits hold them."""
MAX_POINTS = 65536
"""Of all polygons and strokes together."""
SCALES = (1e-3, 1e3)


@dataclass(frozen=True)
class Occluder:
    """One occluder in the pixels of its photo.

    Attributes:
        shape: its outline around its middle, before it is scaled and turned.
        center: where its middle lies.
        angle: by which it is turned, degrees, clockwise on the screen.
        scale: factors along its own axes.
        on: whether it hides anything.
        name: given by the user, may be empty.

    Raises:
        UserError: a number is not finite, or makes no sense.
    """

    shape: Shape
    center: Point
    fill: Fill = GREY
    angle: float = 0.0
    scale: Point = (1.0, 1.0)
    on: bool = True
    name: str = ""

    def __post_init__(self) -> None:
        check_pixels("middle", *self.center)
        if not abs(self.angle) <= 1e6:
            raise UserError(f"an occluder cannot be turned by {self.angle:g} degrees")
        if not all(SCALES[0] <= value <= SCALES[1] for value in self.scale):
            low, high = SCALES
            raise UserError(f"an occluder's scale is {low:g} to {high:g}, not {self.scale}")

    @property
    def matrix(self) -> Float[np.ndarray, "2 3"]:
        """Maps the shape's (x, y, 1) to pixels of the photo."""
        turned = rotation2d(math.radians(self.angle)) * np.array(self.scale)
        return np.concatenate([turned, np.array(self.center)[:, None]], 1)

    @property
    def polygons(self) -> list[Points]:
        """Outlines in pixels of the photo; the occluder is their union."""
        return [self.to_photo(points) for points in self.shape.polygons()]

    @property
    def corners(self) -> Points:
        """Corners of its own box in pixels of the photo, clockwise from the top left."""
        (left, top), (right, bottom) = bounds(self.shape)
        box = [[left, top], [right, top], [right, bottom], [left, bottom]]
        return self.to_photo(np.array(box))

    def to_photo(self, own: Points) -> Points:
        """Points of the shape's coordinates in pixels of the photo."""
        return own @ self.matrix[:, :2].T + self.matrix[:, 2]

    def from_photo(self, points: Points) -> Points:
        """Pixels of the photo in the shape's coordinates."""
        return (points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T

    def contains(self, point: Point) -> bool:
        """Whether a pixel of the photo is inside the outline."""
        inside = (
            cv2.pointPolygonTest(polygon.astype(np.float32), point, measureDist=False)
            for polygon in self.polygons
        )
        return any(side >= 0 for side in inside)

    def moved(self, x: float, y: float) -> Occluder:
        """The same occluder somewhere else, by so many pixels."""
        return replace(self, center=(self.center[0] + x, self.center[1] + y))

    def turned(self, degrees: float) -> Occluder:
        """The same occluder turned about its middle, clockwise on the screen."""
        return replace(self, angle=(self.angle + degrees) % 360)

    def scaled(self, x: float, y: float | None = None) -> Occluder:
        """The same occluder, larger by a factor along its own axes, or one along each of them."""
        low, high = SCALES
        factors = zip(self.scale, (x, x if y is None else y), strict=True)
        first, second = (min(max(old * factor, low), high) for old, factor in factors)
        return replace(self, scale=(first, second))

    def place(self, width: int, height: int) -> Place | None:
        """Where it lies in a photo of this size; None if it is switched off or outside."""
        if not self.on:
            return None
        polygons = self.polygons
        low = np.min([p.min(0) for p in polygons], 0)
        high = np.max([p.max(0) for p in polygons], 0)
        left, top = np.floor(low).clip(0).astype(int).tolist()
        right, bottom = np.ceil(high).clip(None, (width, height)).astype(int).tolist()
        if right <= left or bottom <= top:
            return None
        box = bounds(self.shape)
        return Place(left, top, right - left, bottom - top, polygons, self.matrix, box)


Occluders = tuple[Occluder, ...]


def drawn(kind: str, points: Sequence[Point], radius: float = 1.0, fill: Fill = GREY) -> Occluder:
    """An occluder as a mouse draws it.

    Args:
        kind: of the shape: "rectangle" and "ellipse" span the first and the last point, "polygon"
            and "stroke" go through all of them.
        points: in pixels of the photo.
        radius: of a stroke's brush.

    Raises:
        UserError: there is no such shape, or it cannot have these points.
    """
    path = np.array(points, np.float64).reshape(-1, 2)
    ends = path[[0, -1]] if kind in ("rectangle", "ellipse") else path
    low, high = ends.min(0), ends.max(0)
    middle, size = (low + high) / 2, (high - low).tolist()
    own = tuple((x, y) for x, y in (path - middle).tolist())
    shapes: dict[str, Callable[[], Shape]] = {
        "rectangle": lambda: Rectangle(*size),
        "ellipse": lambda: Ellipse(*size),
        "polygon": lambda: Polygon(own),
        "stroke": lambda: Stroke(own, radius),
    }
    if kind not in shapes:
        raise UserError(f"no shape {kind!r}; there are {', '.join(shapes)}")
    return Occluder(shapes[kind](), (float(middle[0]), float(middle[1])), fill)


def check_occluders(occluders: Occluders) -> Occluders:
    """The same occluders, if a record of a fit can hold them.

    Raises:
        UserError: there are too many, or their pasted pictures are too large.
    """
    if len(occluders) > MAX_OCCLUDERS:
        raise UserError(f"{len(occluders)} occluders are more than the {MAX_OCCLUDERS} allowed")
    drawn_by_hand = [o.shape for o in occluders if isinstance(o.shape, Polygon | Stroke)]
    points = sum(len(shape.points) for shape in drawn_by_hand)
    if points > MAX_POINTS:
        raise UserError(f"occluders of {points} points are more than the {MAX_POINTS} allowed")
    pasted = sum(len(o.fill.png) for o in occluders if isinstance(o.fill, Picture))
    if pasted > MAX_PICTURES:
        raise UserError(f"pasted pictures have {pasted >> 20} MiB together; use smaller ones")
    return occluders
