"""A person's box as the user gives it: read and checked."""

from __future__ import annotations

import math

from core.errors import UserError
from core.geometry.crop import Box

MIN_SIDE = 8.0
"""Pixels; a person smaller than this shows no limbs."""
MAX_EXTENT = 10.0
"""Largest side in image diagonals: a cut-off person reaches past the photo, but not that far."""


def parse_box(text: str) -> Box:
    """Read ``x,y,w,h`` (pixels, top left corner first).

    Raises:
        UserError: not four finite numbers, or no area.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"box {text!r} is not x,y,w,h: give four numbers in pixels") from error
    _check_numbers(Box(x, y, width, height), text)
    return Box(x, y, width, height)


def check_box(box: Box, width: int, height: int) -> Box:
    """The same box if it can hold a person of a ``width`` x ``height`` photo.

    A box may reach past the photo's edge: cut-off people have such boxes, and the crop must keep
    their scale, so nothing is clipped.

    Raises:
        UserError: the box is not finite, has no area, or lies outside the photo.
    """
    name = f"{box.x:g},{box.y:g},{box.width:g},{box.height:g}"
    _check_numbers(box, name)
    outside_x = box.x >= width or box.x + box.width <= 0
    outside_y = box.y >= height or box.y + box.height <= 0
    if outside_x or outside_y:
        raise UserError(f"box {name} lies outside the photo of {width} x {height} pixels")
    if max(box.width, box.height) > MAX_EXTENT * math.hypot(width, height):
        raise UserError(f"box {name} is far larger than the photo of {width} x {height} pixels")
    return box


def _check_numbers(box: Box, name: str) -> None:
    if not all(map(math.isfinite, (box.x, box.y, box.width, box.height))):
        raise UserError(f"box {name!r} holds a number that is not finite")
    if min(box.width, box.height) < MIN_SIDE:
        message = f"box {name!r} is too small: width and height must be {MIN_SIDE:g} pixels or more"
        raise UserError(message)
