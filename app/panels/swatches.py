"""Small marks that several panels draw: colours with their meanings, and frames."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.plane import Point
from app.geometry.units import px
from app.panels import text
from app.protocol.scene import Legend


def outline(low: Point, high: Point) -> None:
    """A frame that is seen on any ground."""
    dpg.draw_rectangle(
        (low[0] - 1, low[1] - 1), (high[0] + 1, high[1] + 1), color=(0, 0, 0, 200), thickness=4
    )
    dpg.draw_rectangle(low, high, color=(255, 255, 255), thickness=2)


def paint_swatches(place: Point, legend: Legend, width: text.Measure) -> float:
    """A swatch and a word for each colour, side by side; where they end."""
    x, y = place
    for color, word in legend:
        low, high = (x, y + px(2)), (x + px(12), y + px(14))
        dpg.draw_rectangle(low, high, color=color, fill=color, rounding=2)
        dpg.draw_text((x + px(18), y), word, size=theme.SMALL_SIZE, color=theme.DIM)
        x += px(30) + width(word)
    return x
