"""Dialogs that lie beside what they change and do not block it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, ClassVar

import dearpygui.dearpygui as dpg

from app import theme
from app.action import Action
from app.actions import BY_NAME
from app.geometry.plane import Point, Rect
from app.geometry.units import px
from app.protocol.commands import Commands
from app.session import Session


class SideDialog:
    """A small window in the large one, at the right if nothing else is said.

    Subclasses create it with the tag and the width, hidden.
    """

    tag = ""
    width, room = 0, 0  # pixels; room: below the place at which it is shown

    @property
    def shown(self) -> bool:
        """Whether it is on screen."""
        return bool(dpg.is_item_shown(self.tag))

    @property
    def typing(self) -> bool:
        """Whether keys are meant for one of its fields."""
        return False

    @property
    def items(self) -> list[str]:
        """What can be clicked."""
        return []

    def build(self) -> None:
        """Create it (once), hidden."""
        raise NotImplementedError

    def frame(self, label: str, **options: Any) -> AbstractContextManager[Any]:
        """The window that all its parts are created in, hidden.

        Args:
            options: of `dearpygui.dearpygui.window` besides those that all dialogs share.
        """
        common = {"show": False, "no_resize": True, "no_collapse": True, "on_close": self.hide}
        return dpg.window(tag=self.tag, label=label, width=self.width, **common, **options)

    def draw(self, session: Session) -> None:
        """Show what is there now; called in each frame."""

    def covers(self, point: Point) -> bool:
        """Whether it lies over a point of the window."""
        if not self.shown:
            return False
        x, y = dpg.get_item_pos(self.tag)
        size = dpg.get_item_width(self.tag), dpg.get_item_height(self.tag)
        return Rect(x, y, *size).contains(point)

    def hide(self) -> None:
        """Take it away."""
        dpg.hide_item(self.tag)

    def toggle(self, width: int, height: int) -> None:
        """Show it at the right of a window of this size, or hide it."""
        if self.shown:
            self.hide()
            return
        dpg.configure_item(self.tag, show=True, pos=self.corner(width, height))

    def corner(self, width: int, height: int) -> tuple[int, int]:
        """Where it is shown in a window of this size."""
        return max(width - self.width - px(24), 0), max(min(px(64), height - self.room), 0)


class ActionDialog(SideDialog):
    """A dialog whose buttons are actions, which are lit and enabled as the session is.

    Attributes:
        labels: those that differ from the actions' own, by name.
        buttons: names of the actions, once it is built.
    """

    labels: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        fonts: theme.Fonts,
        do: Callable[[Action], None],
        send: Callable[[Callable[[Session], Commands]], None],
    ) -> None:
        self._fonts = fonts
        self._do = do
        self._send = send
        self._shown: dict[str, object] = {}
        self._accent: int | str = 0
        self.buttons: list[str] = []

    @property
    def items(self) -> list[str]:
        """Its buttons."""
        return [self.item(name) for name in self.buttons]

    def item(self, name: str) -> str:
        """The tag of one of its items."""
        return f"{self.tag.removesuffix(' dialog')} {name}"

    def add_buttons(self, names: tuple[str, ...], wide: int) -> None:
        """A row of buttons."""
        self._accent = self._accent or theme.accent_theme()
        with dpg.group(horizontal=True):
            for name in names:
                action, tag = BY_NAME[name], self.item(name)
                label = self.labels.get(name, action.label)
                dpg.add_button(tag=tag, label=label, width=wide, callback=self._doing(action))
                with dpg.tooltip(tag, delay=0.4):
                    dpg.add_text(action.tooltip, wrap=px(320))
        self.buttons += names

    def draw_buttons(self, session: Session) -> None:
        """Light, label and enable them."""
        for name in self.buttons:
            action, tag = BY_NAME[name], self.item(name)
            self.changed(f"{tag} on", action.on(session), self._light(tag))
            self.changed(f"{tag} able", action.enabled(session), self._enable(tag))
            label = self.labels.get(name, action.label_in(session))
            self.changed(f"{tag} label", label, self._label(tag))

    def changed(self, name: str, value: object, apply: Callable[..., None]) -> None:
        """Touch an item only if the value is new."""
        if self._shown.get(name, self) != value:
            self._shown[name] = value
            apply(value)

    def _doing(self, action: Action) -> Callable[[], None]:
        return lambda: self._do(action)

    def _light(self, tag: str) -> Callable[[bool], None]:
        return lambda on: dpg.bind_item_theme(tag, self._accent if on else 0)

    def _enable(self, tag: str) -> Callable[[bool], None]:
        return lambda able: dpg.configure_item(tag, enabled=able)

    def _label(self, tag: str) -> Callable[[str], None]:
        return lambda label: dpg.configure_item(tag, label=label)
