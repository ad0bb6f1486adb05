"""The photo without anything over it: smooth, or with a square for each pixel where it is large."""

from __future__ import annotations

from collections.abc import Hashable

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import UInt8

from app.geometry.nearest import SQUARES_FROM, nearest_part, pixel_side
from app.geometry.plane import Point, View
from app.panels.texture import Texture


class BarePhoto:
    """The photo on the graphics card."""

    def __init__(self) -> None:
        self.texture = Texture()
        self._squares = Texture()
        self._picture: UInt8[np.ndarray, "height width 3"] | None = None
        self._made: Hashable = None
        self._corners: tuple[Point, Point] = ((0, 0), (0, 0))

    def show(self, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Another photo, or a smaller copy of it."""
        self._picture = picture
        self.texture.show(picture)
        self._made = None

    def place(self, size: Point, view: View, room: Point, smooth: bool) -> None:
        """Say how it lies in the panel; what was drawn before must be drawn anew.

        Args:
            size: of the photo, whatever the size of the copy.
            room: width and height of the panel in screen pixels.
            smooth: no squares, however large the pixels are.
        """
        wanted = size, view, room, smooth
        if self._picture is None or wanted == self._made:
            return
        self._made = wanted
        self._squares.drop()
        self._corners = view.to_panel((0, 0)), view.to_panel(size)
        if smooth or pixel_side(self._picture, size, view) < SQUARES_FROM:
            return
        part = nearest_part(self._picture, size, view, room)
        if part is not None:
            rect, pixels = part
            self._squares.show(pixels)
            self._corners = (rect.x, rect.y), (rect.right, rect.bottom)

    def draw(self, until: float | None = None) -> None:
        """Draw it where it lies.

        Args:
            until: draw what is at the left of this x of the panel alone.
        """
        (left, top), (right, bottom) = self._corners
        shown = self.texture if self._squares.empty else self._squares
        end = right if until is None else min(until, right)
        if end > left:
            share = (end - left) / (right - left)
            dpg.draw_image(shown.tag, (left, top), (end, bottom), uv_max=(share, 1.0))
