"""The dialog to change the body by hand: what a drag does, and numbers of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import dearpygui.dearpygui as dpg

from app import theme
from app.action import Action
from app.geometry.units import px
from app.panels.dialog import ActionDialog
from app.protocol.commands import Commands
from app.session import Session
from core.body.moves import SIGMAS
from core.body.numbers import SHAPES

DIALOG, SAID = "pose dialog", "pose said"
HARD, SIGMA, FOCAL = (f"pose {name}" for name in ("how", "sigma", "focal"))
WIDTH, HEIGHT = px(420), px(424)
MOVE, WISH = "moves it at once", "is a wish, give or take"
TURNS = (("pelvis.x", "nod"), ("pelvis.y", "about itself"), ("pelvis.z", "sideways"))
PLACED = (("x", "right"), ("y", "down"), ("depth", "away"))
FOCALS = 50.0, 50000.0


class PoseDialog(ActionDialog):
    """What a drag of a joint does, turns of the root, the place, the shape and the focal length."""

    tag, width, room = DIALOG, WIDTH, HEIGHT
    labels: ClassVar = {"branch": "Go on from this body", "restart": "Start again with it"}

    def __init__(
        self,
        fonts: theme.Fonts,
        do: Callable[[Action], None],
        send: Callable[[Callable[[Session], Commands]], None],
    ) -> None:
        super().__init__(fonts, do, send)
        self._names: list[str] = []

    def build(self) -> None:
        """Create the dialog (once), hidden."""
        with self.frame("The body by hand", height=HEIGHT):
            with dpg.group(horizontal=True):
                dpg.add_text("A drag of a joint")
                dpg.add_combo(
                    [MOVE, WISH],
                    tag=HARD,
                    default_value=MOVE,
                    width=px(170),
                    callback=lambda _, how: self._send(lambda s: s.set_soft(how == WISH)),
                )
                dpg.add_drag_float(
                    tag=SIGMA,
                    width=-1,
                    min_value=SIGMAS[0],
                    max_value=SIGMAS[1],
                    clamped=True,
                    speed=0.2,
                    format="%.3g px",
                    callback=lambda _, sigma: self._send(lambda s: s.set_sigma(sigma)),
                )
            self._row("turn the body, degrees", TURNS, 1.0, "%.0f°", (-180.0, 180.0))
            self._row("pelvis, metres in the crop's camera", PLACED, 0.01, "%.2f", (-50.0, 50.0))
            label = dpg.add_text("shape, standard deviations along principal components")
            dpg.bind_item_font(label, self._fonts.small)
            with dpg.tooltip(label, delay=0.4):
                dpg.add_text(
                    "The body model's own directions of shape. None of them is height or weight "
                    "alone; the first changes size most.",
                    wrap=px(320),
                )
            for row in (SHAPES[:5], SHAPES[5:]):
                with dpg.group(horizontal=True):
                    for name in row:
                        self._field(name, name[-1], 0.02, "%.2f", (-5.0, 5.0), px(72))
            dpg.add_separator()
            with dpg.group(horizontal=True):
                for name, wide in (("branch", 190), ("as it was", 90), ("drop wishes", 100)):
                    self.add_buttons((name,), px(wide))
            dpg.add_separator()
            with dpg.group(horizontal=True):
                dpg.add_text("focal length, px")
                dpg.add_input_float(
                    tag=FOCAL,
                    width=px(110),
                    step=0,
                    format="%.0f",
                    min_value=FOCALS[0],
                    max_value=FOCALS[1],
                    min_clamped=True,
                    max_clamped=True,
                    callback=lambda _, focal: self._send(lambda s: s.draft_focal(focal)),
                )
                self.add_buttons(("restart",), px(140))
            said = dpg.add_text("", tag=SAID, wrap=WIDTH - px(20), color=theme.DIM)
            dpg.bind_item_font(said, self._fonts.small)

    def hide(self) -> None:
        """Take it away, and the joints out of the hand."""
        super().hide()
        self._send(lambda session: session.take_pose(False))

    def _row(
        self,
        words: str,
        names: tuple[tuple[str, str], ...],
        speed: float,
        shape: str,
        ends: tuple[float, float],
    ) -> None:
        """Fields side by side, with words above."""
        label = dpg.add_text(words)
        dpg.bind_item_font(label, self._fonts.small)
        with dpg.group(horizontal=True):
            for name, how in names:
                self._field(name, how, speed, shape, ends, px(126))

    def _field(
        self, name: str, how: str, speed: float, shape: str, ends: tuple[float, float], wide: int
    ) -> None:
        self._names.append(name)
        dpg.add_drag_float(
            tag=_tag(name),
            width=wide,
            speed=speed,
            min_value=ends[0],
            max_value=ends[1],
            clamped=True,
            format=f"{how} {shape}",
            callback=lambda _, value: self._send(lambda s: s.set_number(name, value)),
        )

    @property
    def items(self) -> list[str]:
        """Its fields and buttons."""
        return [HARD, SIGMA, FOCAL, *map(_tag, self._names), *super().items]

    @property
    def typing(self) -> bool:
        """Whether keys are meant for one of its fields."""
        fields = (SIGMA, FOCAL, *map(_tag, self._names))
        return self.shown and any(dpg.is_item_active(field) for field in fields)

    def draw(self, session: Session) -> None:
        """Show the body on screen in numbers, except in the field that the user is changing."""
        if not self.shown:
            return
        self.draw_buttons(session)
        dpg.set_value(HARD, WISH if session.view.soft else MOVE)
        dpg.configure_item(SIGMA, show=session.view.soft)
        self._set(SIGMA, session.view.sigma)
        self._set(FOCAL, session.focal)
        for name in self._names:
            self._set(_tag(name), session.number_of(name))
        dpg.set_value(SAID, _said(session))

    def _set(self, field: str, value: float) -> None:
        if not dpg.is_item_active(field) and abs(dpg.get_value(field) - value) > 1e-6:
            dpg.set_value(field, value)


def _tag(name: str) -> str:
    return f"pose {name}"


def _said(session: Session) -> str:
    """What has been done by hand, and what it costs."""
    moves, tried = session.view.moves, session.tried
    if not session.view.by_hand:
        return "Drag a ring on the photo or on the body. Nothing changes the run on screen."
    words = ", ".join(move.text for move in moves[-3:])
    words = f"{len(moves)} moves: … {words}" if len(moves) > 3 else words
    words = ", ".join(filter(None, (words, *(w.text for w in session.wishes))))
    if tried is None or session.view.step >= len(session.curves.total):
        return words
    before, after = session.curves.total[session.view.step], tried.total
    return f"{words}. Total from {before:.4g} to {after:.4g}"
