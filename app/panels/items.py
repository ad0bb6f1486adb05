"""Where items of the toolkit lie in the window."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app.geometry.plane import Rect


def item_rect(item: int | str) -> Rect:
    """Where an item lies in the window."""
    state = dpg.get_item_state(item)
    x, y = state.get("rect_min") or state["pos"]
    width, height = dpg.get_item_rect_size(item)
    return Rect(x, y, width, height)
