"""The part of a picture that a panel shows, with a sharp square for each pixel."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int, UInt8

from app.geometry.plane import Point, Rect, View

SQUARES_FROM = 4.0
"""Screen pixels a pixel of the picture from which squares are told apart."""


def pixel_side(picture: UInt8[np.ndarray, "_ _ _"], size: Point, view: View) -> float:
    """Screen pixels a pixel of the picture.

    Args:
        picture: a copy of an image of this size, perhaps a smaller one.
        view: where the image lies in the panel.
    """
    return view.scale * size[0] / picture.shape[1]


def nearest_part(
    picture: UInt8[np.ndarray, "height width channels"], size: Point, view: View, room: Point
) -> tuple[Rect, UInt8[np.ndarray, "rows columns channels"]] | None:
    """The part in sight, a pixel for each screen pixel, and where it lies; None if none is.

    The graphics card smooths between pixels of a texture, and cannot be told otherwise. A texture
    of as many pixels as it has on screen looks as it is.

    Args:
        picture: a copy of the image, perhaps a smaller one.
        size: of the image.
        room: width and height of the panel in screen pixels.
    """
    low, high = view.to_panel((0, 0)), view.to_panel(size)
    left, top = (max(math.floor(edge), 0) for edge in low)
    right, bottom = (min(math.ceil(edge), int(side)) for edge, side in zip(high, room, strict=True))
    if right <= left or bottom <= top:
        return None
    columns = _under(left, right, low[0], high[0], picture.shape[1])
    rows = _under(top, bottom, low[1], high[1], picture.shape[0])
    return Rect(left, top, right - left, bottom - top), picture[rows[:, None], columns[None]]


def _under(start: int, stop: int, low: float, high: float, count: int) -> Int[np.ndarray, " n"]:
    """Which of ``count`` pixels between two edges is under the middle of each screen pixel."""
    middles = np.arange(start, stop) + 0.5
    return ((middles - low) / (high - low) * count).astype(np.int64).clip(0, count - 1)
