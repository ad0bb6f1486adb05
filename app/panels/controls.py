"""The bar of buttons at the top."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app import theme
from app.actions import BY_NAME, Action
from app.geometry.plane import Rect
from app.session import Session
from app.state import Phase

BUTTON_HEIGHT = 32
MARGIN = 6
GAP = 4
GROUPS = (
    (("open", 76),),
    (("run", 84), ("step", 70), ("restart", 84)),
    (("find", 110),),
    (("opacity", 150),),
    (("joints", 76),),
)
"""Names of actions, and the slider, with their widths in pixels."""
HELP, HELP_WIDTH = "help", 34
BUTTONS = (*(name for group in GROUPS for name, _ in group if name in BY_NAME), HELP)


class Controls:
    """Buttons of actions; they are enabled exactly when they would do something."""

    def __init__(
        self,
        fonts: theme.Fonts,
        do: Callable[[Action], None],
        set_opacity: Callable[[float], None],
    ) -> None:
        self._fonts = fonts
        self._do = do
        self._set_opacity = set_opacity
        self._shown: dict[str, object] = {}

    def build(self) -> None:
        """Create the bar (once)."""
        with dpg.child_window(tag="toolbar", no_scrollbar=True, no_scroll_with_mouse=True):
            with dpg.group(horizontal=True, pos=(MARGIN, MARGIN), tag="toolbar row"):
                for index, group in enumerate(GROUPS):
                    if index:
                        dpg.add_spacer(width=GAP)
                    for name, width in group:
                        self._button(name, width) if name in BY_NAME else self._slider(width)
            dpg.add_text("", tag="phase", color=theme.DIM)
            self._button(HELP, HELP_WIDTH)
        self._accent = theme.accent_theme()
        dpg.bind_item_theme("run", self._accent)

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        dpg.configure_item("toolbar", pos=(rect.x, rect.y), width=rect.width, height=rect.height)
        dpg.configure_item("help", pos=(rect.width - MARGIN - HELP_WIDTH, MARGIN))
        self._right = rect.width - MARGIN - HELP_WIDTH - 14
        self._shown.pop("phase", None)

    def draw(self, session: Session) -> None:
        """Enable, disable and label."""
        for name in BUTTONS:
            action = BY_NAME[name]
            self._change(f"{name} enabled", action.enabled(session), self._enable(name))
            self._change(f"{name} label", action.label_in(session), self._label(name))
            if not action.label_on:
                self._change(f"{name} on", action.on(session), self._light(name))
        self._change("phase", _phase(session), self._set_phase)

    def _button(self, name: str, width: int) -> None:
        action = BY_NAME[name]
        dpg.add_button(
            label=action.label,
            tag=name,
            width=width,
            height=BUTTON_HEIGHT,
            callback=lambda: self._do(action),
        )
        self._tip(name, action.tooltip)

    def _slider(self, width: int) -> None:
        dpg.add_slider_int(
            tag="opacity",
            default_value=75,
            min_value=0,
            max_value=100,
            width=width,
            format="body %d %%",
            callback=lambda _, value: self._set_opacity(value / 100),
        )
        self._tip("opacity", "How strongly the body covers the photo")

    def _tip(self, tag: str, text: str) -> None:
        with dpg.tooltip(tag, delay=0.4):
            dpg.add_text(text)

    def _change(self, name: str, value: object, apply: Callable[..., None]) -> None:
        """Touch the item only if the value is new."""
        if self._shown.get(name) != value:
            self._shown[name] = value
            apply(value)

    def _enable(self, name: str) -> Callable[[bool], None]:
        return lambda enabled: dpg.configure_item(name, enabled=enabled)

    def _label(self, name: str) -> Callable[[str], None]:
        return lambda label: dpg.configure_item(name, label=label)

    def _light(self, name: str) -> Callable[[bool], None]:
        return lambda on: dpg.bind_item_theme(name, self._accent if on else 0)

    def _set_phase(self, text: str) -> None:
        width, _ = dpg.get_text_size(text, font=self._fonts.text) or (0, 0)
        dpg.set_value("phase", text)
        dpg.configure_item("phase", pos=(self._right - width, MARGIN + 3))


def _phase(session: Session) -> str:
    """What is going on, with the progress of a fit."""
    text = session.phase.value
    if session.phase in (Phase.RUNNING, Phase.PAUSED) and session.steps:
        stage = session.stage_at(session.steps - 1)
        name = f", stage {stage.name}" if stage else ""
        text += f"{name} · step {session.steps - 1} of {session.planned - 1}"
    return text
