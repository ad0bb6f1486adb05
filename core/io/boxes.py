"""Parsing and checking of what the user says about a photo: a person's box, the focal length."""

from __future__ import annotations

import math
from collections.abc import Iterable

from core.errors import UserError
from core.geometry.crop import Box

MIN_SIDE = 8.0
"""Smallest side in pixels; the limbs of a smaller person cannot be seen."""
MAX_EXTENT = 10.0
"""Largest side in image diagonals: the box of a truncated person may reach past the photo."""
FOCAL = (1.0, 1e6)
"""Range of focal lengths in pixels."""


def parse_box(text: str) -> Box:
    """Read ``x,y,w,h`` (pixels, top left corner first).

    Raises:
        UserError: the text is not four finite numbers, or the box is too small.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"box {text!r} is not x,y,w,h: give four numbers in pixels") from error
    _check_numbers(Box(x, y, width, height), text)
    return Box(x, y, width, height)


def check_box(box: Box, width: int, height: int) -> Box:
    """Return the box if it can hold a person in a photo of ``width`` x ``height`` pixels.

    A box may reach past the photo's edge, as boxes of truncated people do. It is not clipped,
    because the crop must keep the person's scale.

    Raises:
        UserError: the box is not finite, too small, far too large, or outside the photo.
    """
    name = f"{box.x:g},{box.y:g},{box.width:g},{box.height:g}"
    _check_numbers(box, name)
    outside_x = box.x >= width or box.x + box.width <= 0
    outside_y = box.y >= height or box.y + box.height <= 0
    if outside_x or outside_y:
        raise UserError(f"box {name} is outside the photo of {width} x {height} pixels")
    if max(box.width, box.height) > MAX_EXTENT * math.hypot(width, height):
        raise UserError(f"box {name} is far larger than the photo of {width} x {height} pixels")
    return box


def parse_place(text: str) -> tuple[float, float]:
    """Read ``x,y`` (pixels).

    Raises:
        UserError: the text is not two numbers.
    """
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"place {text!r} is not x,y: give two numbers in pixels") from error
    return x, y


def check_place(place: Iterable[float], width: int, height: int) -> tuple[float, float]:
    """A pixel of a photo of ``width`` x ``height`` as plain numbers.

    Raises:
        UserError: it is not two numbers, or outside the photo.
    """
    try:
        x, y = (float(value) for value in place)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"place {place!r:.60} is not x and y in pixels") from error
    if not (0 <= x < width and 0 <= y < height):
        raise UserError(f"place {x:g},{y:g} is outside the photo of {width} x {height} pixels")
    return x, y


def as_box(box: Box | Iterable[float]) -> Box:
    """A box, or x, y, width and height of any numeric type, as a box.

    Raises:
        UserError: it is something else.
    """
    if isinstance(box, Box):
        return box
    try:
        x, y, width, height = (float(value) for value in box)
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"box {box!r:.60} is not x, y, width and height in pixels") from error
    return Box(x, y, width, height)


def check_focal(focal: float) -> float:
    """A focal length as a plain number.

    Raises:
        UserError: it is not a number, or not one that pixels can have.
    """
    try:
        number = float(focal)
    except (TypeError, ValueError, RuntimeError) as error:  # of a tensor with several numbers
        raise UserError(f"focal length {focal!r:.40} is not a number of pixels") from error
    if not FOCAL[0] <= number < FOCAL[1]:
        raise UserError(f"focal length {number} px makes no sense; give pixels, e.g. 1200")
    return number


def _check_numbers(box: Box, name: str) -> None:
    if not all(map(math.isfinite, (box.x, box.y, box.width, box.height))):
        raise UserError(f"box {name!r} holds a number that is not finite")
    if min(box.width, box.height) < MIN_SIDE:
        message = f"box {name!r} is too small: width and height must be {MIN_SIDE:g} pixels or more"
        raise UserError(message)
