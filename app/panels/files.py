"""The dialog to choose a photo."""

from __future__ import annotations

import time
from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME
from app.geometry.units import px
from app.panels.folder import Chooser

DIALOG, ROWS, PLACE = "file dialog", "file rows", "file folder"
WIDTH, HEIGHT = px(640), px(480)
ROW = px(28)  # pixels a row, with the gap below it


class FileDialog:
    """A list over the window: a click chooses, a double click or the key opens."""

    def __init__(self, fonts: theme.Fonts, opened: Callable[[str], None]) -> None:
        self._fonts = fonts
        self._opened = opened
        self.chooser = Chooser()
        self.rows: list[int | str] = []

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with dpg.window(
            tag=DIALOG,
            label=BY_NAME["open"].tooltip.partition(" (")[0],
            show=False,
            modal=True,
            no_resize=True,
            no_collapse=True,
            no_move=True,
        ):
            dpg.add_text("", tag=PLACE, color=theme.DIM)
            dpg.bind_item_font(PLACE, self._fonts.small)
            dpg.add_child_window(tag=ROWS, border=False)
            with dpg.group(horizontal=True):
                dpg.add_button(
                    label=BY_NAME["open"].label, width=px(90), callback=lambda: self.enter()
                )
                dpg.add_button(
                    label=BY_NAME["cancel"].label, width=px(90), callback=lambda: self.hide()
                )

    @property
    def shown(self) -> bool:
        """Whether it is on screen."""
        return bool(dpg.is_item_shown(DIALOG))

    def show(self, width: int, height: int) -> None:
        """Show it in the middle of a window of this size."""
        wide, tall = min(WIDTH, width - 16), min(HEIGHT, height - 16)
        place = [(width - wide) // 2, (height - tall) // 2]
        dpg.configure_item(DIALOG, show=True, width=wide, height=tall, pos=place)
        dpg.configure_item(ROWS, height=tall - px(130))
        self.chooser.look()
        self._list()

    def hide(self) -> None:
        """Take it away."""
        dpg.hide_item(DIALOG)

    def move(self, count: int) -> None:
        """Choose another row."""
        if self.shown:
            self.chooser.move(count)
            self._mark()
            middle = self.chooser.chosen * ROW - dpg.get_item_height(ROWS) / 2
            dpg.set_y_scroll(ROWS, min(max(middle, 0), dpg.get_y_scroll_max(ROWS)))

    def enter(self) -> None:
        """Open the chosen file, or go into the chosen folder."""
        if not self.shown:
            return
        path = self.chooser.enter()
        if path is None:
            self._list()
        else:
            self.hide()
            self._opened(path)

    def _list(self) -> None:
        """The rows of another folder."""
        dpg.set_value(PLACE, self.chooser.complaint or str(self.chooser.folder))
        dpg.delete_item(ROWS, children_only=True)
        self.rows = []
        for number, entry in enumerate(self.chooser.entries):
            row = dpg.add_selectable(
                label=entry.label, parent=ROWS, callback=self._click(number), height=ROW - px(6)
            )
            self.rows.append(row)
        dpg.set_y_scroll(ROWS, 0)
        self._mark()

    def _click(self, number: int) -> Callable[[], None]:
        def clicked() -> None:
            if self.chooser.click(number, time.monotonic()):
                self.enter()
            else:
                self._mark()

        return clicked

    def _mark(self) -> None:
        """Light the chosen row alone."""
        for number, row in enumerate(self.rows):
            dpg.set_value(row, number == self.chooser.chosen)
