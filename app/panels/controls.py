"""The bar of buttons at the top."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry2d import Rect
from app.session import Session
from app.state import Phase
from app.view import JOINTS

BUTTON_HEIGHT = 32


@dataclass(frozen=True)
class Actions:
    """What the buttons and the keys do."""

    open: Callable[[], None]
    paste: Callable[[], None]
    toggle: Callable[[], None]
    step: Callable[[], None]
    restart: Callable[[], None]
    find: Callable[[], None]
    joints: Callable[[], None]
    help: Callable[[], None]
    opacity: Callable[[float], None]


class Controls:
    """Buttons are enabled exactly when they would do something."""

    def __init__(self, fonts: theme.Fonts, actions: Actions) -> None:
        self._fonts = fonts
        self._actions = actions
        self._shown: dict[str, object] = {}

    def build(self) -> None:
        """Create the bar (once)."""
        do = self._actions
        with dpg.child_window(tag="toolbar", no_scrollbar=True, no_scroll_with_mouse=True):
            with dpg.group(horizontal=True, pos=(MARGIN, MARGIN), tag="toolbar row"):
                self._button("open", "Open", 76, do.open, "Open a photo (O). Or drop one anywhere.")
                dpg.add_spacer(width=4)
                self._button("run", "Run", 84, do.toggle, "Run or pause the fit (Space)")
                self._button("step", "Step", 70, do.step, "Take one step (S)")
                self._button("restart", "Restart", 84, do.restart, "Start the fit again (R)")
                dpg.add_spacer(width=4)
                tip = "Forget the drawn box and look for the person again (B)"
                self._button("find", "Find person", 110, do.find, tip)
                dpg.add_spacer(width=4)
                dpg.add_slider_int(
                    tag="opacity",
                    default_value=75,
                    min_value=0,
                    max_value=100,
                    width=150,
                    format="body %d %%",
                    callback=lambda _, value: do.opacity(value / 100),
                )
                self._tip("opacity", "How strongly the body covers the photo")
                dpg.add_spacer(width=4)
                tip = "Show the joints that the network estimates, and the body's (J)"
                self._button("joints", "Joints", 76, do.joints, tip)
            dpg.add_text("", tag="phase", color=theme.DIM)
            self._button("help", "?", 34, do.help, "Mouse and keys (F1 or ?)")
        self._accent = theme.accent_theme()
        dpg.bind_item_theme("run", self._accent)

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        dpg.configure_item("toolbar", pos=(rect.x, rect.y), width=rect.width, height=rect.height)
        dpg.configure_item("help", pos=(rect.width - MARGIN - 34, MARGIN))
        self._right = rect.width - MARGIN - 34 - 14
        self._shown.pop("phase", None)

    def draw(self, session: Session) -> None:
        """Enable, disable and label."""
        running = session.phase is Phase.RUNNING
        self._change("run label", "Pause" if running else "Run", self._set_run_label)
        states = {
            "run": session.can_run,
            "step": session.can_run,
            "restart": session.can_restart or session.phase is Phase.DOWN,
            "find": session.can_restart,
            "joints": session.record is not None,
        }
        for name, enabled in states.items():
            self._change(name, enabled, lambda e, n=name: dpg.configure_item(n, enabled=e))
        self._change("joints on", JOINTS in session.view.overlays, self._set_joints)
        self._change("phase", _phase(session), self._set_phase)

    def _button(
        self, tag: str, label: str, width: int, callback: Callable[[], None], tip: str
    ) -> None:
        dpg.add_button(
            label=label, tag=tag, width=width, height=BUTTON_HEIGHT, callback=lambda: callback()
        )
        self._tip(tag, tip)

    def _tip(self, tag: str, text: str) -> None:
        with dpg.tooltip(tag, delay=0.4):
            dpg.add_text(text)

    def _change(self, name: str, value: object, apply: Callable[..., None]) -> None:
        """Touch the item only if the value is new."""
        if self._shown.get(name) != value:
            self._shown[name] = value
            apply(value)

    def _set_run_label(self, label: str) -> None:
        dpg.configure_item("run", label=label)

    def _set_joints(self, on: bool) -> None:
        dpg.bind_item_theme("joints", self._accent if on else 0)

    def _set_phase(self, text: str) -> None:
        width, _ = dpg.get_text_size(text, font=self._fonts.text) or (0, 0)
        dpg.set_value("phase", text)
        dpg.configure_item("phase", pos=(self._right - width, MARGIN + 3))


MARGIN = 6


def _phase(session: Session) -> str:
    """What is going on, with the progress of a fit."""
    text = session.phase.value
    if session.phase in (Phase.RUNNING, Phase.PAUSED) and session.steps:
        stage = session.stage_at(session.steps - 1)
        name = f", stage {stage.name}" if stage else ""
        text += f"{name} · step {session.steps - 1} of {session.planned - 1}"
    return text
