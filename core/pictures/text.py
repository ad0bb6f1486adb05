"""Text and simple shapes on pictures."""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from core.pictures.palette import BACKGROUND, TEXT, Color

_ELLIPSIS = "..."


@cache
def font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Pillow's built-in font, so that pictures are the same on every machine."""
    return ImageFont.load_default(size)


def text_width(text: str, size: int) -> int:
    """Width of a line of text in pixels."""
    return int(np.ceil(font(size).getlength(text)))


def shorten(text: str, size: int, width: int) -> str:
    """The text, with its middle replaced by an ellipsis if it is wider than ``width`` pixels."""
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = text[: (kept + 1) // 2] + _ELLIPSIS + text[len(text) - kept // 2 :]
        if text_width(short, size) <= width:
            return short
    return _ELLIPSIS


class Canvas:
    """A picture to draw on; positions are (x, y) pixels of top left corners."""

    def __init__(self, width: int, height: int, color: Color = BACKGROUND) -> None:
        self._image = Image.new("RGB", (width, height), color)
        self._draw = ImageDraw.Draw(self._image)

    def box(self, x: int, y: int, width: int, height: int, color: Color, radius: int = 0) -> None:
        """Draw a filled rectangle with rounded corners."""
        corners = (x, y, x + width - 1, y + height - 1)
        self._draw.rounded_rectangle(corners, radius, fill=color)

    def line(self, x: int, y: int, to_x: int, to_y: int, color: Color) -> None:
        """Draw a straight line, one pixel wide."""
        self._draw.line((x, y, to_x, to_y), fill=color)

    def text(self, x: int, y: int, text: str, size: int = 15, color: Color = TEXT) -> None:
        """Draw one line of text; characters that are not printable are left out."""
        printable = "".join(c for c in text if c.isprintable())
        self._draw.text((x, y), printable, fill=color, font=font(size))

    def paste(self, x: int, y: int, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Paste another picture, RGB."""
        self._image.paste(Image.fromarray(picture), (x, y))

    def pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture, RGB."""
        return np.array(self._image)
