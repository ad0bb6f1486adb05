"""The list of all commands over the window; it also asks for a name."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app import theme
from app.action import Host
from app.actions import BY_NAME
from app.geometry.units import px
from app.palette import Entry, entries, matching
from app.panels import text
from app.session import Session

DIALOG, LETTERS, ROWS = "palette dialog", "palette letters", "palette rows"
WIDTH, HEIGHT, ROW = px(620), px(440), px(27)
NAMES, KEYS = px(190), px(130)


class Palette:
    """Letters narrow the list, arrows choose, the key or a click runs."""

    def __init__(self, fonts: theme.Fonts, host: Host) -> None:
        self._fonts = fonts
        self._host = host
        self._small = text.measure(fonts.small)
        self.found: list[Entry] = []
        self.chosen = 0
        self.rows: list[int | str] = []
        self._named: Callable[[str], None] | None = None

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with dpg.window(
            tag=DIALOG,
            label=BY_NAME["palette"].label,
            show=False,
            modal=True,
            no_resize=True,
            no_collapse=True,
            no_move=True,
        ):
            dpg.add_input_text(tag=LETTERS, width=-1, callback=lambda: self._narrow())
            dpg.add_child_window(tag=ROWS, border=False)

    @property
    def shown(self) -> bool:
        """Whether it is on screen."""
        return bool(dpg.is_item_shown(DIALOG))

    @property
    def typing(self) -> bool:
        """Whether letters reach it."""
        return bool(dpg.is_item_active(LETTERS))

    def toggle(self, width: int, height: int) -> None:
        """Show all commands, or hide them."""
        if self.shown:
            self.hide()
            return
        self._named = None
        self._show(BY_NAME["palette"].label, "a few letters of a command", width, height)

    def ask(self, title: str, named: Callable[[str], None], width: int, height: int) -> None:
        """Ask for a name."""
        self._named = named
        self._show(title, "a name", width, height)

    def _show(self, title: str, hint: str, width: int, height: int) -> None:
        wide, tall = min(WIDTH, width - px(16)), min(HEIGHT, height - px(16))
        tall = tall if self._named is None else px(84)
        place = [(width - wide) // 2, max(min(px(70), height - tall - px(8)), 0)]
        dpg.configure_item(DIALOG, show=True, label=title, width=wide, height=tall, pos=place)
        dpg.configure_item(ROWS, show=self._named is None)
        dpg.configure_item(LETTERS, hint=hint)
        dpg.set_value(LETTERS, "")
        self._wide = wide
        self._narrow()
        dpg.focus_item(LETTERS)

    def hide(self) -> None:
        """Take it away."""
        dpg.hide_item(DIALOG)

    def move(self, count: int) -> None:
        """Choose another line."""
        if self.rows:
            self.chosen = min(max(self.chosen + count, 0), len(self.rows) - 1)
            self._mark()
            middle = self.chosen * ROW - dpg.get_item_height(DIALOG) / 2
            dpg.set_y_scroll(ROWS, min(max(middle, 0), dpg.get_y_scroll_max(ROWS)))

    def enter(self) -> None:
        """Run the chosen line, or take the name."""
        words = str(dpg.get_value(LETTERS))
        self.hide()
        if self._named is not None:
            self._named(words)
        elif self.found:
            self.found[self.chosen].do(self._host)

    def _narrow(self) -> None:
        """List what the letters mean."""
        session: Session = self._host.session
        self.found = matching(str(dpg.get_value(LETTERS)), entries(session))
        self.chosen = 0
        dpg.delete_item(ROWS, children_only=True)
        self.rows = [self._row(number, entry) for number, entry in enumerate(self.found)]
        dpg.set_y_scroll(ROWS, 0)
        self._mark()

    def _row(self, number: int, entry: Entry) -> int | str:
        """Name, hint and keys side by side."""
        y = number * ROW
        color = theme.TEXT if entry.enabled else theme.FAINT
        row = dpg.add_selectable(
            label=f"##{entry.label}",
            parent=ROWS,
            pos=(0, y),
            height=ROW - px(6),
            callback=self._click(number),
        )
        dpg.add_text(entry.label, parent=ROWS, pos=(px(4), y), color=color)
        room = self._wide - NAMES - KEYS - px(40)
        words = (
            (text.cut(entry.hint, room, self._small), NAMES),
            (entry.keys, self._wide - KEYS - px(24)),
        )
        for part, x in words:
            item = dpg.add_text(part, parent=ROWS, pos=(x, y + px(1)), color=theme.DIM)
            dpg.bind_item_font(item, self._fonts.small)
        return row

    def _click(self, number: int) -> Callable[[], None]:
        def clicked() -> None:
            self.chosen = number
            self.enter()

        return clicked

    def _mark(self) -> None:
        """Light the chosen row alone."""
        for number, row in enumerate(self.rows):
            dpg.set_value(row, number == self.chosen)
