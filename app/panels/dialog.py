"""Dialogs that lie beside what they change and do not block it."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app.geometry.plane import Point, Rect
from app.geometry.units import px


class SideDialog:
    """A small window at the right of the large one.

    Subclasses create it with the tag and the width, hidden.
    """

    tag = ""
    width, room = 0, 0  # pixels; room: below the place at which it is shown

    @property
    def shown(self) -> bool:
        """Whether it is on screen."""
        return bool(dpg.is_item_shown(self.tag))

    def covers(self, point: Point) -> bool:
        """Whether it lies over a point of the window."""
        if not self.shown:
            return False
        x, y = dpg.get_item_pos(self.tag)
        size = dpg.get_item_width(self.tag), dpg.get_item_height(self.tag)
        return Rect(x, y, *size).contains(point)

    def hide(self) -> None:
        """Take it away."""
        dpg.hide_item(self.tag)

    def toggle(self, width: int, height: int) -> None:
        """Show it at the right of a window of this size, or hide it."""
        if self.shown:
            self.hide()
            return
        place = [max(width - self.width - px(24), 0), max(min(px(64), height - self.room), 0)]
        dpg.configure_item(self.tag, show=True, pos=place)
