"""The dialog of time: how steps play, where to jump, and the bookmarks."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app.actions import BY_NAME
from app.geometry.units import px
from app.panels.dialog import ActionDialog
from app.playing import RATES, STRIDES
from app.session import Session

WIDTH, HEIGHT = px(390), px(360)
WIDE, NARROW = px(116), px(84)
DIALOG, ROWS, RATE, STRIDE, NAME = (f"time {n}" for n in ("dialog", "rows", "rate", "nth", "name"))


class TimeDialog(ActionDialog):
    """Its buttons are actions; a click on a bookmark goes there."""

    tag, width, room = DIALOG, WIDTH, HEIGHT

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with self.frame(BY_NAME["time"].label, height=HEIGHT):
            with dpg.group(horizontal=True):
                self.add_buttons(("play", "loop"), NARROW)
                dpg.add_slider_float(
                    tag=RATE,
                    width=-1,
                    min_value=RATES[0],
                    max_value=RATES[1],
                    clamped=True,
                    format="%.3g steps a second",
                    callback=lambda _, rate: self._send(lambda s: s.set_rate(rate)),
                )
            with dpg.group(horizontal=True):
                dpg.add_text("every")
                dpg.add_radio_button(
                    [str(stride) for stride in STRIDES],
                    tag=STRIDE,
                    horizontal=True,
                    callback=lambda _, n: self._send(lambda s: s.set_stride(int(n))),
                )
                dpg.add_text("steps")
            dpg.add_separator()
            self.add_buttons(("best", "moves most", "flips most"), WIDE)
            dpg.add_separator()
            self.add_buttons(("mark", "mark before", "next mark"), WIDE)
            with dpg.group(horizontal=True, xoffset=WIDE + px(8)):
                dpg.add_text("its name")
                dpg.add_input_text(
                    tag=NAME,
                    width=-1,
                    on_enter=True,
                    callback=lambda _, words: self._send(lambda s: s.name_mark(words)),
                )
            dpg.add_child_window(tag=ROWS, height=-1, border=False)

    @property
    def typing(self) -> bool:
        """Whether keys are meant for its field."""
        return self.shown and bool(dpg.is_item_active(NAME) or dpg.is_item_active(RATE))

    @property
    def items(self) -> list[str]:
        """Its buttons and fields."""
        return [*super().items, RATE, NAME]

    def draw(self, session: Session) -> None:
        """Show how steps play, and the bookmarks."""
        if not self.shown:
            return
        self.draw_buttons(session)
        play = session.view.play
        if not dpg.is_item_active(RATE):
            self.changed("rate", play.steps.rate, lambda rate: dpg.set_value(RATE, rate))
        self.changed("nth", str(play.stride), lambda words: dpg.set_value(STRIDE, words))
        marks = session.record.bookmarks if session.record is not None else {}
        place = session.view.key, session.view.step
        if not dpg.is_item_active(NAME):
            name = marks.get(session.view.step, "")
            self.changed("name", (place, name), lambda _: dpg.set_value(NAME, name))
        listed = tuple(sorted(marks.items()))
        self.changed("list", (listed, place), lambda _: self._list(listed, session.view.step))

    def _list(self, marks: tuple[tuple[int, str], ...], shown: int) -> None:
        """A row for each bookmark."""
        dpg.delete_item(ROWS, children_only=True)
        for step, name in marks:
            dpg.add_selectable(
                label=f"step {step}   {name}##{step}",
                parent=ROWS,
                default_value=step == shown,
                callback=self._going(step),
            )

    def _going(self, step: int) -> Callable[[], None]:
        return lambda: self._send(lambda session: session.scrub(step))
