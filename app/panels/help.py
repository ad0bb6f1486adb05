"""A sheet with all that the mouse and the keys can do."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME, help_rows, with_keys
from app.geometry.units import px

MOUSE = (
    ("Photo", "left drag draws, moves, resizes the person's box; right drag pans; wheel zooms"),
    ("People", "thin boxes are people who were found; a click fits one, or looks closer"),
    ("Joints", "a circle is one standard deviation; point at one for its numbers"),
    ("By hand", "after {pose} drag a joint's ring, on the photo or in 3D: its limb follows"),
    ("Maps", "the pixel under the mouse is outlined everywhere; wheel zooms; a click asks why"),
    ("Why?", "click a pixel of the photo, or a joint: arrows show which term pulls it where"),
    (
        "Body",
        "drag turns, right drag shifts, wheel zooms, double click goes back to the photo's view",
    ),
    ("Panels", "double click on a title enlarges; drag the gaps between panels"),
    (
        "Timeline",
        "drag scrubs, right click compares; the button plays as the words at the right say",
    ),
    ("Loss", "drag scrubs, wheel zooms, right drag moves; click a name to hide its curve"),
    ("Strip", "click shows a photo or a person of a table, wheel scrolls"),
    ("Anywhere", "drop photos, records of fits, folders of these, or a table of nbf eval --each"),
    (
        "On a photo",
        "drop a body (npz) to start from it, keypoints (json) to fit them, a set of occluders",
    ),
)
COLUMNS = (("KEYS", help_rows()), ("MOUSE", MOUSE))
SHEET = "help sheet"
WIDTH, HEIGHT = px(900), px(560)


class Help:
    """Shown over the window until a key or a click."""

    def __init__(self, fonts: theme.Fonts) -> None:
        self._fonts = fonts

    def build(self) -> None:
        """Create the sheet (once), hidden."""
        with (
            dpg.window(
                tag=SHEET,
                label=BY_NAME["help"].tip,
                show=False,
                modal=True,
                no_resize=True,
                no_collapse=True,
                no_move=True,
                width=WIDTH,
                height=HEIGHT,
            ),
            dpg.table(header_row=False),
        ):
            for _ in COLUMNS:
                dpg.add_table_column(width_stretch=True)
            with dpg.table_row():
                for title, rows in COLUMNS:
                    self._build_column(title, rows)

    def _build_column(self, title: str, rows: tuple[tuple[str, str], ...]) -> None:
        """A heading, and names with their meanings."""
        with dpg.group():
            heading = dpg.add_text(title, color=theme.ACCENT)
            dpg.bind_item_font(heading, self._fonts.strong)
            with dpg.table(header_row=False, policy=dpg.mvTable_SizingFixedFit):
                dpg.add_table_column(width_fixed=True, init_width_or_weight=px(96))
                dpg.add_table_column(width_stretch=True)
                for name, meaning in rows:
                    with dpg.table_row():
                        dpg.bind_item_font(dpg.add_text(name, wrap=0), self._fonts.small)
                        words = dpg.add_text(with_keys(meaning), color=theme.DIM, wrap=0)
                        dpg.bind_item_font(words, self._fonts.small)

    @property
    def shown(self) -> bool:
        """Whether the sheet is up."""
        return bool(dpg.is_item_shown(SHEET))

    def hide(self) -> None:
        """Take it away."""
        dpg.hide_item(SHEET)

    def toggle(self, width: int, height: int) -> None:
        """Show it in the middle of a window of this size, or hide it."""
        wide, tall = min(WIDTH, width - 16), min(HEIGHT, height - 16)
        position = [(width - wide) // 2, (height - tall) // 2]
        dpg.configure_item(SHEET, show=not self.shown, pos=position, width=wide, height=tall)
