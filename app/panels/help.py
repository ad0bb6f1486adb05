"""A sheet with all that the mouse and the keys can do."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME, help_rows

MOUSE = (
    ("Photo", "left drag draws, moves, resizes the person's box; right drag pans; wheel zooms"),
    ("Joints", "a circle is one standard deviation; point at one for its numbers"),
    ("Maps", "the cell under the mouse is outlined in every map and on the photo"),
    ("Body", "drag turns, wheel zooms, double click goes back to the photo's view"),
    ("Timeline", "drag to scrub through the steps"),
    ("Loss", "drag scrubs, wheel zooms, right drag moves; click a name to hide its curve"),
    ("Anywhere", "drop a photo"),
)
WIDTH, HEIGHT = 680, 728


class Help:
    """Shown over the window until a key or a click."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts

    def build(self) -> None:
        """Create the sheet (once), hidden."""
        with dpg.window(
            tag="help sheet",
            label=BY_NAME["help"].tip,
            show=False,
            modal=True,
            no_resize=True,
            no_collapse=True,
            no_move=True,
            width=WIDTH,
            height=HEIGHT,
        ):
            for title, rows in (("KEYS", help_rows()), ("MOUSE", MOUSE)):
                heading = dpg.add_text(title, color=theme.ACCENT)
                dpg.bind_item_font(heading, self._fonts.strong)
                with dpg.table(header_row=False, policy=dpg.mvTable_SizingFixedFit):
                    dpg.add_table_column(width_fixed=True, init_width_or_weight=130)
                    dpg.add_table_column(width_stretch=True)
                    for name, meaning in rows:
                        with dpg.table_row():
                            dpg.bind_item_font(dpg.add_text(name), self._fonts.small)
                            text = dpg.add_text(meaning, color=theme.DIM, wrap=500)
                            dpg.bind_item_font(text, self._fonts.small)
                dpg.add_spacer(height=4)

    @property
    def shown(self) -> bool:
        """Whether the sheet is up."""
        return bool(dpg.is_item_shown("help sheet"))

    def hide(self) -> None:
        """Take it away."""
        dpg.hide_item("help sheet")

    def toggle(self, width: int, height: int) -> None:
        """Show it in the middle of a window of this size, or hide it."""
        position = [max((width - WIDTH) // 2, 0), max((height - HEIGHT) // 2, 0)]
        dpg.configure_item("help sheet", show=not self.shown, pos=position)
