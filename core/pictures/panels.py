"""Several pictures on one sheet, with titles, captions and legends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import UInt8

from core.pictures.palette import DIM, LINE, SURFACE, WELL, Color
from core.pictures.text import Canvas, shorten, text_width

MARGIN = 18
PADDING = 12
HEADER = 62
TITLE_ROW = 30
CAPTION_ROW = 28
SWATCH = 12

_NEAREST_FROM = 3.0  # scale above which maps are enlarged with square pixels


@dataclass(frozen=True)
class Panel:
    """A picture of a sheet.

    Attributes:
        title: short title above the picture.
        image: RGB of any size.
        caption: one dim line below the picture.
        legend: colours with their names, below the picture on the right.
    """

    title: str
    image: UInt8[np.ndarray, "height width 3"]
    caption: str = ""
    legend: Sequence[tuple[Color, str]] = ()


def compose_panels(
    panels: Sequence[Panel],
    title: str = "",
    subtitle: str = "",
    columns: int = 3,
    tile: tuple[int, int] = (420, 420),
) -> UInt8[np.ndarray, "height width 3"]:
    """Arrange panels on one dark sheet, row by row.

    Args:
        title, subtitle: header of the sheet; no header if both are empty.
        tile: width and height in pixels of the area into which each picture is scaled.

    Raises:
        ValueError: there is no panel.
    """
    if not panels:
        raise ValueError("a sheet needs at least one panel")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    card = tile[0] + 2 * PADDING, tile[1] + 2 * PADDING + TITLE_ROW + CAPTION_ROW
    top = MARGIN + (HEADER if title or subtitle else 0)
    width = MARGIN + columns * (card[0] + MARGIN)
    sheet = Canvas(width, top + rows * (card[1] + MARGIN))
    sheet.text(MARGIN + 2, MARGIN - 2, shorten(title, 26, width - 2 * MARGIN), 26)
    sheet.text(MARGIN + 2, MARGIN + 32, shorten(subtitle, 15, width - 2 * MARGIN), 15, DIM)
    pixels = sheet.pixels()
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        x, y = MARGIN + column * (card[0] + MARGIN), top + row * (card[1] + MARGIN)
        drawn = _card(panel, tile)
        pixels[y - 1 : y - 1 + drawn.shape[0], x - 1 : x - 1 + drawn.shape[1]] = drawn
    return pixels


def fit_into(
    image: UInt8[np.ndarray, "height width 3"], width: int, height: int
) -> UInt8[np.ndarray, "fitted_height fitted_width 3"]:
    """The picture scaled to fit into a frame; strongly enlarged maps keep square pixels."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    if scale < 1:
        method = cv2.INTER_AREA
    else:
        method = cv2.INTER_NEAREST if scale > _NEAREST_FROM else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=method))


def shrink(
    picture: UInt8[np.ndarray, "height width 3"], longest: int
) -> UInt8[np.ndarray, "low narrow 3"]:
    """The picture, scaled down where a side is longer than ``longest`` pixels."""
    if max(picture.shape[:2]) <= longest:
        return picture
    return fit_into(picture, longest, longest)


def _card(panel: Panel, tile: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """One picture with title, caption and legend on a card."""
    card = _empty_card(panel.title, tuple(panel.legend), tile).copy()
    picture = fit_into(panel.image, *tile)
    height, width = picture.shape[:2]
    x, y = PADDING + (tile[0] - width) // 2, PADDING + TITLE_ROW + (tile[1] - height) // 2
    card[1 + y : 1 + y + height, 1 + x : 1 + x + width] = picture
    caption = _caption(panel.caption, tile[0] - _legend_width(panel.legend) - 8)
    y = PADDING + TITLE_ROW + tile[1] + 10
    height, width = caption.shape[:2]
    card[1 + y : 1 + y + height, 1 + PADDING : 1 + PADDING + width] = caption
    return card


@lru_cache(maxsize=32)
def _empty_card(
    title: str, legend: tuple[tuple[Color, str], ...], tile: tuple[int, int]
) -> UInt8[np.ndarray, "height width 3"]:
    """A card without picture and caption, framed by one pixel; the same in all frames of a film."""
    width, height = tile
    full = height + TITLE_ROW + CAPTION_ROW + 2 * PADDING
    sheet = Canvas(width + 2 * PADDING + 2, full + 2)
    sheet.box(0, 0, width + 2 * PADDING + 2, full + 2, LINE, radius=9)
    sheet.box(1, 1, width + 2 * PADDING, full, SURFACE, radius=8)
    inner_x, inner_y = 1 + PADDING, 1 + PADDING + TITLE_ROW
    sheet.text(inner_x, 1 + PADDING - 2, shorten(title, 17, width), 17)
    sheet.box(inner_x, inner_y, width, height, WELL)
    _draw_legend(sheet, legend, inner_x + width, inner_y + height + 10)
    return sheet.pixels()


@lru_cache(maxsize=256)
def _caption(text: str, width: int) -> UInt8[np.ndarray, "height width 3"]:
    """A dim line."""
    line = Canvas(width, CAPTION_ROW - 10, SURFACE)
    line.text(0, 0, shorten(text, 14, width), 14, DIM)
    return line.pixels()


def _draw_legend(sheet: Canvas, legend: Sequence[tuple[Color, str]], right: int, y: int) -> None:
    """Draw swatches with names that end at ``right``."""
    x = right - _legend_width(legend)
    for color, name in legend:
        sheet.box(x + 6, y + 3, SWATCH, SWATCH, color, radius=3)
        sheet.text(x + 6 + SWATCH + 4, y, name, 14, DIM)
        x += _legend_width([(color, name)])


def _legend_width(legend: Sequence[tuple[Color, str]]) -> int:
    return sum(text_width(name, 14) + 10 + SWATCH + 6 for _, name in legend)
