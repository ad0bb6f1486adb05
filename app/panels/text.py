"""Texts that fit their room."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

Measure = Callable[[str], float]
"""Pixels that a text is wide."""


def measure(font: int | str) -> Measure:
    """How wide texts are in a font."""
    return lambda text: (dpg.get_text_size(text, font=font) or (8 * len(text), 0))[0]


def cut(text: str, room: float, width: Measure) -> str:
    """The text with its end cut off if it is wider than the room; empty if hardly any is left."""
    if width(text) <= room:
        return text
    while text and width(text + "…") > room:
        text = text[:-1]
    text = text.rstrip(" ·,")
    return text + "…" if len(text) > 2 else ""


def wrapped(text: str, room: float, width: Measure) -> list[str]:
    """The text in lines no wider than the room, if its words are not."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        lines = [*lines[:-1], longer] if width(longer) <= room else [*lines, word]
    return lines


def figure(value: float) -> str:
    """A figure that may not be defined."""
    return "–" if value != value else f"{value:.2f}"
