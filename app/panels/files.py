"""The dialog to choose a photo."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME
from app.geometry.units import px
from app.panels.folder import Chooser

DIALOG, ROWS, PLACE = "file dialog", "file rows", "file folder"
NAME, GO = "file name", "file go"
NAME_ROW = px(40)  # pixels that the field of the name takes
WIDTH, HEIGHT = px(640), px(480)
ROW = px(28)  # pixels a row, with the gap below it


class FileDialog:
    """A list over the window: a click chooses, a double click or the key opens.

    It also asks for the name of a file to write: a click takes a file's name, and a name that is
    taken is written over at the second try only.
    """

    def __init__(self, fonts: theme.Fonts, opened: Callable[[str], None]) -> None:
        self._fonts = fonts
        self._opened = opened
        self.chooser = Chooser()
        self.rows: list[int | str] = []
        self._save: Callable[[str], None] | None = None
        self._warned = ""

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with dpg.window(
            tag=DIALOG,
            show=False,
            modal=True,
            no_resize=True,
            no_collapse=True,
            no_move=True,
        ):
            dpg.add_text("", tag=PLACE, color=theme.DIM)
            dpg.bind_item_font(PLACE, self._fonts.small)
            dpg.add_child_window(tag=ROWS, border=False)
            dpg.add_input_text(tag=NAME, width=-1, show=False)
            with dpg.group(horizontal=True):
                dpg.add_button(tag=GO, width=px(90), callback=lambda: self.enter())
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

    def ask_name(self, width: int, height: int, name: str, save: Callable[[str], None]) -> None:
        """Show it to ask where to write, and under which name; ``save`` gets the path."""
        self.show(width, height)
        self._save, self._warned = save, ""
        dpg.configure_item(DIALOG, label="Write a file")
        dpg.configure_item(NAME, show=True)
        dpg.configure_item(GO, label="Write")
        dpg.configure_item(ROWS, height=dpg.get_item_height(ROWS) - NAME_ROW)
        dpg.set_value(NAME, name)
        dpg.focus_item(NAME)

    @property
    def saving(self) -> bool:
        """Whether it asks for the name of a file to write."""
        return self.shown and self._save is not None

    def show(self, width: int, height: int) -> None:
        """Show it in the middle of a window of this size, to open a file."""
        self._save = None
        dpg.configure_item(DIALOG, label=BY_NAME["open"].tooltip.partition(" (")[0])
        dpg.configure_item(NAME, show=False)
        dpg.configure_item(GO, label=BY_NAME["open"].label)
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

    def enter(self, row: bool = False) -> None:
        """Open the chosen file, or go into the chosen folder; write the file that is named.

        Args:
            row: a row was clicked twice, which writes nothing.
        """
        if not self.shown:
            return
        if self._save is not None and not row:
            self._write(self._save)
            return
        path = self.chooser.enter()
        if path is None:
            self._list()
        elif self._save is not None:
            dpg.set_value(NAME, Path(path).name)
        else:
            self.hide()
            self._opened(path)

    def _write(self, save: Callable[[str], None]) -> None:
        """Hand over the path, unless it is no name or taken and nobody has said so yet."""
        name = dpg.get_value(NAME).strip()
        path = str(self.chooser.folder / name)
        if not name or Path(path).is_dir():
            dpg.set_value(PLACE, "Type the name of the file.")
        elif Path(path).exists() and self._warned != path:
            self._warned = path
            dpg.set_value(PLACE, f"{name} is there already: once more writes over it.")
        else:
            self.hide()
            save(path)

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
                self.enter(row=True)
                return
            self._mark()
            entry = self.chooser.entries[number]
            if self._save is not None and not entry.is_folder:
                dpg.set_value(NAME, entry.name)

        return clicked

    def _mark(self) -> None:
        """Light the chosen row alone."""
        for number, row in enumerate(self.rows):
            dpg.set_value(row, number == self.chooser.chosen)
