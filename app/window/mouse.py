"""The mouse as presses, drags and releases, each sent to the panel in which it began."""

from __future__ import annotations

from dataclasses import dataclass, field

import dearpygui.dearpygui as dpg

from app.geometry.plane import Point
from app.panels.panel import Touchable
from app.protocol.commands import Command, Commands
from app.session import Session

BUTTONS = (0, 1, 2)  # left, right, middle


@dataclass
class Mouse:
    """Polled once a frame; wheel and double clicks come through Dear PyGui's handlers.

    Attributes:
        blocked: a dialog takes the mouse.
    """

    panels: list[Touchable]
    position: Point = (-1.0, -1.0)
    notches: float = 0.0
    doubled: bool = False
    blocked: bool = False
    _holding: dict[int, Touchable] = field(default_factory=dict)
    _down: set[int] = field(default_factory=set)

    def listen(self) -> None:
        """Register the handlers."""
        with dpg.handler_registry():
            dpg.add_mouse_wheel_handler(callback=self._on_wheel)
            dpg.add_mouse_double_click_handler(button=0, callback=self._on_double)

    def poll(self, session: Session, blocked: bool) -> Commands:
        """What the mouse did since the last frame, as commands.

        Args:
            blocked: a dialog is open; new presses are not for the panels.
        """
        x, y = dpg.get_mouse_pos(local=False)
        self.position = float(x), float(y)
        self.blocked = blocked
        commands: list[Command] = []
        for button in BUTTONS:
            commands += self._poll_button(session, button)
        panel = self.under()
        notches, self.notches = self.notches, 0.0
        doubled, self.doubled = self.doubled, False
        if panel is not None and notches:
            commands += panel.wheel(session, self.inside(panel), notches)
        if panel is not None and doubled:
            commands += panel.double_click(session, self.inside(panel))
        return commands

    def cancel(self, session: Session) -> Commands:
        """Give up what is being dragged; the buttons that are down do nothing more."""
        panels, self._holding = list(self._holding.values()), {}
        return [command for panel in panels for command in panel.cancel(session)]

    @property
    def ahead(self) -> bool:
        """Whether the mouse did something that the last poll did not see."""
        down = {button for button in BUTTONS if dpg.is_mouse_button_down(button)}
        return down != self._down or tuple(dpg.get_mouse_pos(local=False)) != self.position

    @property
    def held(self) -> bool:
        """Whether a button is down."""
        return bool(self._down)

    def under(self) -> Touchable | None:
        """The panel whose drawing area the mouse is over; none under a dialog."""
        if self.blocked:
            return None
        return next((p for p in self.panels if p.covers(self.position)), None)

    def inside(self, panel: Touchable) -> Point:
        """The mouse in the coordinates of a panel's drawing area."""
        return self.position[0] - panel.area.x, self.position[1] - panel.area.y

    def _poll_button(self, session: Session, button: int) -> Commands:
        """Press, drag or release of one button."""
        down = dpg.is_mouse_button_down(button)
        if down and button not in self._down:
            self._down.add(button)
            panel = self.under()
            if panel is None:
                return []
            self._holding[button] = panel
            return panel.press(session, self.inside(panel), button)
        holder = self._holding.get(button)
        if not down:
            self._down.discard(button)
            self._holding.pop(button, None)
        if holder is None:
            return []
        act = holder.drag if down else holder.release
        return act(session, self.inside(holder), button)

    def _on_wheel(self, _sender: object, notches: float) -> None:
        self.notches += notches

    def _on_double(self) -> None:
        self.doubled = True
