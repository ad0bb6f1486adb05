"""The dialog to change weights and step size, before a run branches or starts again."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import dearpygui.dearpygui as dpg

from app import theme
from app.action import Action
from app.geometry.units import px
from app.panels.dialog import ActionDialog
from app.protocol.commands import Commands
from app.protocol.run import RunKey
from app.session import Session

DIALOG, ROWS, NAME, RATE = "edit dialog", "edit rows", "edit name", "edit rate"
WIDTH, LABELS, BUTTON = px(460), px(130), px(164)
SLOW, FAST = 0.05, 20.0
"""Range of the factor on the step size."""


class EditDialog(ActionDialog):
    """A field for the name, the step size and each term of the run on screen."""

    tag, width, room = DIALOG, WIDTH, px(400)
    labels: ClassVar = {"branch": "Branch from this step", "restart": "Start again with these"}

    def __init__(
        self,
        fonts: theme.Fonts,
        do: Callable[[Action], None],
        send: Callable[[Callable[[Session], Commands]], None],
    ) -> None:
        super().__init__(fonts, do, send)
        self._fields: list[str] = [NAME, RATE]
        self._key: RunKey | None = None
        self._terms: tuple[str, ...] = ()

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with self.frame("Weights and steps"):
            with dpg.group(horizontal=True, xoffset=LABELS):
                dpg.add_text("name of the run")
                dpg.add_input_text(
                    tag=NAME,
                    width=-1,
                    on_enter=True,
                    callback=lambda _, words: self._send(lambda s: s.rename(words.strip())),
                )
            with dpg.group(horizontal=True, xoffset=LABELS):
                dpg.add_text("step size ×")
                dpg.add_drag_float(
                    tag=RATE,
                    width=-1,
                    min_value=SLOW,
                    max_value=FAST,
                    clamped=True,
                    speed=0.02,
                    format="%.3g",
                    callback=lambda _, value: self._send(lambda s: s.draft_learning_rate(value)),
                )
            dpg.add_separator()
            dpg.add_group(tag=ROWS)
            dpg.add_separator()
            with dpg.group(horizontal=True):
                self.add_buttons(("branch", "restart"), BUTTON)
                self.add_buttons(("as it was",), px(90))
            hint = dpg.add_text(
                "Drag a number, or double click to type one. The new run leaves this one as it is.",
                wrap=WIDTH - px(20),
                color=theme.DIM,
            )
            dpg.bind_item_font(hint, self._fonts.small)

    @property
    def items(self) -> list[str]:
        """Its fields and buttons."""
        return [*self._fields, *super().items]

    @property
    def typing(self) -> bool:
        """Whether keys are meant for one of its fields."""
        return self.shown and any(dpg.is_item_active(field) for field in self._fields)

    def draw(self, session: Session) -> None:
        """Show the drafted values, except in the field that the user is changing."""
        if not self.shown or session.record is None:
            return
        self.draw_buttons(session)
        names = tuple(term.name for term in session.terms)
        if names != self._terms:
            self._list(session)
        if session.view.key != self._key and not dpg.is_item_active(NAME):
            self._key = session.view.key
            dpg.set_value(NAME, session.record.run.name)
        rate = session.drafted.learning_rate
        self._set(RATE, 1.0 if rate is None else rate)
        for name in names:
            self._set(_field(name), session.weight_of(name))

    def _list(self, session: Session) -> None:
        """A row for each term."""
        dpg.delete_item(ROWS, children_only=True)
        self._terms = tuple(term.name for term in session.terms)
        self._fields = [NAME, RATE, *map(_field, self._terms)]
        for term in session.terms:
            with dpg.group(horizontal=True, parent=ROWS, xoffset=LABELS):
                label = dpg.add_text(term.name)
                dpg.add_drag_float(
                    tag=_field(term.name),
                    width=-1,
                    min_value=0.0,
                    max_value=1e6,
                    clamped=True,
                    speed=max(term.weight, 0.1) / 50,
                    format="%.4g",
                    callback=self._weigh(term.name),
                )
            if term.description:
                with dpg.tooltip(label, delay=0.4):
                    dpg.add_text(f"{term.description} ({term.unit or 'no unit'})", wrap=px(320))

    def _weigh(self, name: str) -> Callable[[object, float], None]:
        def changed(_sender: object, value: float) -> None:
            self._send(lambda session: session.draft_weight(name, value))

        return changed

    def _set(self, field: str, value: float) -> None:
        if not dpg.is_item_active(field) and abs(dpg.get_value(field) - value) > 1e-6 * abs(value):
            dpg.set_value(field, value)


def _field(name: str) -> str:
    return f"edit weight {name}"
