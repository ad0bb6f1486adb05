"""The same place in the photo and in the maps: zoom that panels share.

Maps show the crop as a unit square. At a point, the homography from the photo to it is nearly a
similarity, whose scale is taken for the whole panel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from app.geometry.homography import Homography, mapped
from app.geometry.plane import Point, View

DEEPEST = 32.0
"""A map is never more than so many times as large as it fits its panel."""


@dataclass(frozen=True)
class Stage:
    """Where the photo is shown.

    Attributes:
        size: width and height of the panel.
        image: width and height of the photo in its pixels.
        to_crop: homography from these to the unit square of the maps.
    """

    size: Point
    image: Point
    to_crop: Homography

    def full(self, at: Point) -> float:
        """The photo's scale from which on maps grow: all of the crop at a point fills the panel."""
        whole = View.fitted(self.image, self.size).scale
        return max(min(self.size) * _growth(self.to_crop, at), whole)


def map_view(photo: View, stage: Stage, room: Point) -> View:
    """How a map lies in its room while the photo lies so on its stage.

    A map is never smaller than it fits, and leaves no room empty that it can fill.
    """
    at = photo.to_image((stage.size[0] / 2, stage.size[1] / 2))
    fit = View.fitted((1.0, 1.0), room).scale
    return _at(mapped(stage.to_crop, at), fit * photo.scale / stage.full(at), room)


def photo_view(shown: View, room: Point, stage: Stage) -> View:
    """How the photo lies on its stage while a map lies so in its room: undoes `map_view`."""
    place = shown.to_image((room[0] / 2, room[1] / 2))
    at = mapped(np.linalg.inv(np.array(stage.to_crop)), place)
    scale = shown.scale / View.fitted((1.0, 1.0), room).scale * stage.full(at)
    return View(scale, (stage.size[0] / 2 - at[0] * scale, stage.size[1] / 2 - at[1] * scale))


def zoomed_map(shown: View, room: Point, at: Point, factor: float) -> View:
    """The map after turning the wheel at a point of its room."""
    fit = View.fitted((1.0, 1.0), room).scale
    return _kept(shown.zoomed(at, factor, (fit, DEEPEST * fit)), room)


def panned_map(shown: View, room: Point, delta: Point) -> View:
    """The map after dragging it."""
    return _kept(shown.panned(delta), room)


def _at(place: Point, scale: float, room: Point) -> View:
    """The map with a point of it in the middle of the room."""
    fit = View.fitted((1.0, 1.0), room).scale
    scale = min(max(scale, fit), DEEPEST * fit)
    offset = room[0] / 2 - place[0] * scale, room[1] / 2 - place[1] * scale
    return _kept(View(scale, offset), room)


def _kept(view: View, room: Point) -> View:
    """Moved so that no room is empty that can be filled."""

    def edge(offset: float, length: float) -> float:
        spare = length - view.scale
        return spare / 2 if spare >= 0 else min(max(offset, spare), 0.0)

    return View(view.scale, (edge(view.offset[0], room[0]), edge(view.offset[1], room[1])))


def _growth(matrix: Homography | np.ndarray, at: Point) -> float:
    """Length in the crop of a pixel of the photo, at a point."""
    x, y = mapped(matrix, at)
    (a, b), (c, d) = mapped(matrix, (at[0] + 1, at[1])), mapped(matrix, (at[0], at[1] + 1))
    return float(np.sqrt(abs((a - x) * (d - y) - (c - x) * (b - y))))
