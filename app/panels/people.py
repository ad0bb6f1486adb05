"""Boxes of the people who were found, on the photo."""

from __future__ import annotations

from collections.abc import Sequence

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.people import Person
from app.geometry.plane import Rect, View
from app.geometry.units import px
from app.panels.text import Measure

COLOR = (170, 210, 255, 190)
LABEL = px(18)  # pixels that a label is tall


def paint_people(
    view: View, people: Sequence[Person], shown: Rect | None, under: int | None, width: Measure
) -> None:
    """Thin boxes around all but the person on screen; words on the one under the mouse.

    Args:
        shown: the box that is drawn already.
    """
    for number, person in enumerate(people):
        if person.box == shown:
            continue
        low = view.to_panel((person.box.x, person.box.y))
        high = view.to_panel((person.box.right, person.box.bottom))
        color = theme.ACCENT if number == under else COLOR
        dpg.draw_rectangle(low, high, color=color, thickness=2 if number == under else 1)
        if number == under:
            _label(low, f"person {number + 1} of {len(people)}: click to fit", width)


def _label(corner: tuple[float, float], words: str, width: Measure) -> None:
    """Words in the upper left corner of a box, or at the panel's edge if that is outside."""
    x, y = max(corner[0], 0), max(corner[1], 0)
    ground = (x, y), (x + width(words) + 8, y + LABEL)
    dpg.draw_rectangle(*ground, color=theme.ACCENT_DARK, fill=theme.ACCENT_DARK)
    dpg.draw_text((x + 4, y + 1), words, size=theme.SMALL_SIZE, color=theme.TEXT)
