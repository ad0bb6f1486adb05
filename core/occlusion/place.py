"""Where an occluder lies in a photo, for shapes and fills."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32

from core.occlusion.coverage import coverage
from core.occlusion.shapes import Point, Points


@dataclass(frozen=True)
class Place:
    """The part of a photo that an occluder may change.

    Attributes:
        left, top, width, height: this part in whole pixels of the photo; not empty.
        polygons: the occluder's outlines in pixels of the photo.
        matrix: maps the occluder's own coordinates (x, y, 1) to pixels of the photo.
        bounds: of the occluder in its own coordinates: left and top, right and bottom.
    """

    left: int
    top: int
    width: int
    height: int
    polygons: list[Points]
    matrix: Float[np.ndarray, "2 3"]
    bounds: tuple[Point, Point]

    @property
    def rows_columns(self) -> tuple[slice, slice]:
        """The part, as an index of the photo's array."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @cached_property
    def covered(self) -> Float32[np.ndarray, "height width"]:
        """Share of each pixel of the part that the outlines cover, 0..1."""
        corner = np.array([self.left, self.top])
        return coverage(self.width, self.height, [p - corner for p in self.polygons])

    def from_own(self, own: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
        """The map from a picture's pixels to those of the part, in OpenCV's convention.

        Args:
            own: maps a picture's (x, y, 1), a pixel spanning [x, x + 1), to the occluder's own
                coordinates.
        """
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's pixels have whole centres
        to_photo = self.matrix @ np.concatenate([own, [[0, 0, 1]]]) @ half
        to_photo[:, 2] -= (self.left + 0.5, self.top + 0.5)
        return to_photo
