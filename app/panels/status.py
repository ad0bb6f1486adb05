"""The line at the bottom: what happened, which initialisation won, which engine."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import with_keys
from app.geometry.plane import Rect
from app.geometry.units import px
from app.panels import text
from app.session import Session
from app.state import Level


class Status:
    """Message at the left, facts at the right."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts
        self._rect = Rect(0, 0, 1, 1)
        self._last: object = None

    def build(self) -> None:
        """Create the line (once)."""
        for tag in ("message", "facts"):
            dpg.add_text("", tag=tag, color=theme.DIM)
            dpg.bind_item_font(tag, self._fonts.small)

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        self._rect = rect
        self._last = None

    def draw(self, session: Session) -> None:
        """Show the session's message and facts."""
        facts = _facts(session)
        looks = session.message, facts, theme.is_light()
        if self._last == looks:
            return
        self._last = looks
        y, width = self._rect.y + px(3), text.measure(self._fonts.small)
        message = text.cut(with_keys(session.message.text), self._rect.width - 8, width)
        dpg.set_value("message", message)
        color = _color(session.message.level)
        dpg.configure_item("message", color=color, pos=(self._rect.x + 4, y))
        facts = text.cut(facts, self._rect.width - width(message) - px(40), width)
        dpg.set_value("facts", facts)
        dpg.configure_item("facts", pos=(self._rect.right - 4 - width(facts), y))


def _color(level: Level) -> theme.Color:
    colors = {Level.INFO: theme.TEXT, Level.WARNING: theme.BOX, Level.ERROR: theme.BAD}
    return colors[level]


def _facts(session: Session) -> str:
    """Photo, chosen start, time, engine."""
    image, record = session.image, session.record
    parts = []
    if image is not None and record is not None:
        parts = [image.name, record.info.winner]
        if taken := record.curves.taken:
            parts.append(f"{1000 * record.curves.seconds / taken:.0f} ms a step")
    return "   ·   ".join(part for part in [*parts, session.engine] if part)
