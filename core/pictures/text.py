"""Text and plain shapes on pictures, in the colours of all our figures."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

Color = tuple[int, int, int]

BACKGROUND: Color = (15, 17, 21)
SURFACE: Color = (23, 26, 32)
WELL: Color = (17, 19, 24)
"""Where pictures and curves lie."""
LINE: Color = (44, 49, 58)
TEXT: Color = (214, 220, 228)
DIM: Color = (140, 150, 164)

_ELLIPSIS = "..."


@cache
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """The font inside Pillow, so that pictures are the same on every machine."""
    return ImageFont.load_default(size)


def text_width(text: str, size: int) -> int:
    """Pixels that a line of text takes."""
    return int(np.ceil(font(size).getlength(text)))


def shorten(text: str, size: int, width: int) -> str:
    """The text, its middle left out where it is wider than ``width`` pixels."""
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2] + _ELLIPSIS + text[len(text) - kept // 2 :]
        if text_width(short, size) <= width:
            return short
    return _ELLIPSIS


class Canvas:
    """A picture being drawn; positions are (x, y) pixels of top left corners."""

    def __init__(self, width: int, height: int, color: Color = BACKGROUND) -> None:
        self._image = Image.new("RGB", (width, height), color)
        self._draw = ImageDraw.Draw(self._image)

    def box(self, x: int, y: int, width: int, height: int, color: Color, radius: int = 0) -> None:
        """A filled rectangle with round corners."""
        corners = (x, y, x + width - 1, y + height - 1)
        self._draw.rounded_rectangle(corners, radius, fill=color)

    def line(self, x: int, y: int, to_x: int, to_y: int, color: Color) -> None:
        """A thin straight line."""
        self._draw.line((x, y, to_x, to_y), fill=color)

    def text(self, x: int, y: int, text: str, size: int = 15, color: Color = TEXT) -> None:
        """One line of text; characters that do not print are left out."""
        printable = "".join(c for c in text if c.isprintable())
        self._draw.text((x, y), printable, fill=color, font=font(size))

    def paste(self, x: int, y: int, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Another picture."""
        self._image.paste(Image.fromarray(picture), (x, y))

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """What has been drawn, RGB."""
        return np.array(self._image)
