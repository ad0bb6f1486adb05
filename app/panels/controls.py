"""The bar of buttons at the top."""

from __future__ import annotations

from collections.abc import Callable

import dearpygui.dearpygui as dpg

from app import theme
from app.action import Action
from app.actions import BY_NAME
from app.geometry.plane import Rect
from app.geometry.units import px
from app.panels import text
from app.session import Session
from app.state import Phase

BUTTON_HEIGHT = px(32)
MARGIN = px(6)
GAP = px(4)
GROUPS = (
    (("open", px(70)), ("export", px(68))),
    (("run", px(84)), ("step", px(70)), ("restart", px(84))),
    (("edit", px(64)),),
    (("find", px(110)), ("occlude", px(92))),
    (("opacity", px(150)),),
    (("joints", px(76)), ("why", px(64))),
)
"""Names of actions, and the slider, with their widths in pixels."""
HELP, HELP_WIDTH = "help", px(34)
PHASE_WIDTH = px(130)  # pixels of the state in words, that the bar leaves free
AIR = px(5)
"""Pixels at both sides of a label that it has even in a narrow bar."""
NARROW_SLIDER = px(76)
SPARE = "export"
"""Left out, with the key as the only way, where even narrow buttons have no room."""
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
        self.buttons: tuple[str, ...] = BUTTONS  # that are there

    def build(self) -> None:
        """Create the bar (once)."""
        with dpg.child_window(tag="toolbar", no_scrollbar=True, no_scroll_with_mouse=True):
            with dpg.group(horizontal=True, pos=(MARGIN, MARGIN), tag="toolbar row"):
                for index, group in enumerate(GROUPS):
                    if index:
                        dpg.add_spacer(width=GAP, tag=f"toolbar gap {index}")
                    for name, width in group:
                        self._button(name, width) if name in BY_NAME else self._slider(width)
            dpg.add_text("", tag="phase", color=theme.DIM)
            self._button(HELP, HELP_WIDTH)
        dpg.bind_item_theme("toolbar", theme.bar_theme(AIR))
        self._accent = theme.accent_theme()
        dpg.bind_item_theme("run", self._accent)

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        dpg.configure_item("toolbar", pos=(rect.x, rect.y), width=rect.width, height=rect.height)
        dpg.configure_item("help", pos=(rect.width - MARGIN - HELP_WIDTH, MARGIN))
        self._right = rect.width - MARGIN - HELP_WIDTH - px(14)
        self._left = self._fit(self._right) + px(14)
        self._shown.pop("phase", None)

    def _fit(self, room: float) -> float:
        """Make the bar narrow, without gaps, if the state would have no room; its right end."""
        items = [item for group in GROUPS for item in group]
        least = sum(self._least(name) for name, _ in items) + px(8) * (len(items) - 1) + MARGIN
        tight = least > room
        dpg.configure_item(SPARE, show=not tight)
        self.buttons = tuple(name for name in BUTTONS if name != SPARE or not tight)
        items = [item for item in items if item[0] != SPARE or not tight]
        gaps = px(8) * (len(items) + len(GROUPS) - 2) + GAP * (len(GROUPS) - 1) + MARGIN
        narrow = sum(wide for _, wide in items) + gaps > room - PHASE_WIDTH
        right = px(8) * (len(items) - 1) + MARGIN if narrow else gaps
        for index in range(1, len(GROUPS)):
            dpg.configure_item(f"toolbar gap {index}", show=not narrow)
        widths = dict(items)
        if narrow:
            leasts = {name: self._least(name) for name, _ in items}
            spare = int(max(room - PHASE_WIDTH - right - sum(leasts.values()), 0)) // len(items)
            widths = {n: max(least, min(widths[n], least + spare)) for n, least in leasts.items()}
        for name, wide in widths.items():
            dpg.configure_item(name, width=wide)
        return right + sum(widths.values())

    def _least(self, name: str) -> int:
        """Width in pixels that an item needs."""
        if name not in BY_NAME:
            return NARROW_SLIDER
        labels = BY_NAME[name].label, BY_NAME[name].label_on
        return round(max(map(text.measure(self._fonts.text), labels))) + 2 * AIR

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
        dpg.bind_item_theme("opacity", theme.tall_theme(BUTTON_HEIGHT))
        self._tip("opacity", "How strongly the body covers the photo")

    def _tip(self, tag: str, words: str) -> None:
        with dpg.tooltip(tag, delay=0.4):
            dpg.add_text(words, wrap=px(320))

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

    def _set_phase(self, words: str) -> None:
        width = text.measure(self._fonts.text)
        words = text.cut(words, self._right - self._left, width)
        dpg.set_value("phase", words)
        dpg.configure_item("phase", pos=(self._right - width(words), MARGIN + px(3)))


def _phase(session: Session) -> str:
    """What is going on, with the progress of a fit."""
    words = session.phase.value
    if session.phase in (Phase.RUNNING, Phase.PAUSED) and session.steps:
        stage = session.stage_at(session.steps - 1)
        name = f", stage {stage.name}" if stage else ""
        words += f"{name} · step {session.steps - 1} of {session.planned - 1}"
    return words
