"""Rectangles, and the pan and zoom of an image inside a panel (plain Python)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Point = tuple[float, float]


class Rect(NamedTuple):
    """An axis-aligned rectangle; (x, y) is its top left corner, y points down."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Position of the right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Position of the bottom edge."""
        return self.y + self.height

    def contains(self, point: Point) -> bool:
        """Whether the point lies inside (the right and bottom edges are outside)."""
        return self.x <= point[0] < self.right and self.y <= point[1] < self.bottom

    def shrunk(self, margin: float) -> Rect:
        """The rectangle with ``margin`` taken off every side."""
        return Rect(
            self.x + margin, self.y + margin, self.width - 2 * margin, self.height - 2 * margin
        )

    def overlap(self, other: Rect) -> float:
        """Area that lies in both."""
        width = min(self.right, other.right) - max(self.x, other.x)
        height = min(self.bottom, other.bottom) - max(self.y, other.y)
        return max(width, 0.0) * max(height, 0.0)

    @staticmethod
    def spanning(a: Point, b: Point) -> Rect:
        """The rectangle with opposite corners ``a`` and ``b``, given in any order."""
        x, y = min(a[0], b[0]), min(a[1], b[1])
        return Rect(x, y, abs(a[0] - b[0]), abs(a[1] - b[1]))


@dataclass(frozen=True)
class View:
    """Where an image lies in a panel: panel = image * scale + offset, in pixels."""

    scale: float
    offset: Point

    @staticmethod
    def fitted(image: Point, panel: Point) -> View:
        """The whole image, as large as the panel allows, in its middle."""
        scale = min(panel[0] / image[0], panel[1] / image[1])
        offset = (panel[0] - image[0] * scale) / 2, (panel[1] - image[1] * scale) / 2
        return View(scale, offset)

    @staticmethod
    def framing(rect: Rect, panel: Point, air: float = 0.1) -> View:
        """A part of an image with some air around it, as large as the panel allows."""
        wide = rect.shrunk(-air * max(rect.width, rect.height))
        fitted = View.fitted((wide.width, wide.height), panel)
        x, y = (o - start * fitted.scale for o, start in zip(fitted.offset, wide[:2], strict=True))
        return View(fitted.scale, (x, y))

    def resized(self, image: Point, old: Point, new: Point) -> View:
        """In a panel of another size: whole if it was whole, else with the same place in sight."""
        if self == View.fitted(image, old):
            return View.fitted(image, new)
        at = self.to_image((old[0] / 2, old[1] / 2))
        scale = self.scale * min(new[0] / old[0], new[1] / old[1])
        return View(scale, (new[0] / 2 - at[0] * scale, new[1] / 2 - at[1] * scale))

    def to_panel(self, point: Point) -> Point:
        """Panel position of an image point."""
        return (
            point[0] * self.scale + self.offset[0],
            point[1] * self.scale + self.offset[1],
        )

    def to_image(self, point: Point) -> Point:
        """Image point under a panel position."""
        return (
            (point[0] - self.offset[0]) / self.scale,
            (point[1] - self.offset[1]) / self.scale,
        )

    def zoomed(self, at: Point, factor: float, limits: Point = (0.02, 64.0)) -> View:
        """Scaled by ``factor``; the image point under panel position ``at`` stays where it is."""
        scale = min(max(self.scale * factor, limits[0]), limits[1])
        held = self.to_image(at)
        return View(scale, (at[0] - held[0] * scale, at[1] - held[1] * scale))

    def panned(self, delta: Point) -> View:
        """Moved by ``delta`` panel pixels."""
        return View(self.scale, (self.offset[0] + delta[0], self.offset[1] + delta[1]))
