"""The places of panels in the window: arranged by the layout, changed by the mouse."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.layout import PANELS, STANDARD, Divider, arrange, dividers
from app.geometry.plane import Point, Rect
from app.geometry.units import px
from app.panels.controls import Controls
from app.panels.panel import Panel, Touchable
from app.panels.status import Status
from app.protocol.commands import Commands
from app.session import Session
from app.state import Message

GRIP = px(3)
"""Pixels beside a divider that still take hold of it."""
DRAWING = "desk drawing"


class Desk(Touchable):
    """A drag between panels moves their edge; a double click on a title enlarges its panel.

    Points are in pixels of the window.
    """

    def __init__(self, panels: Mapping[str, Panel], controls: Controls, status: Status) -> None:
        self._panels, self._controls, self._status = panels, controls, status
        self.size = (0, 0)
        self.places: dict[str, Rect] = {}
        self.dividers: list[Divider] = []
        self._arranged: Hashable = None
        self._drawn: Divider | None = None
        self._held: tuple[Divider, Point, dict[str, Rect]] | None = None
        self._whole = True
        self._before = STANDARD

    def build(self) -> None:
        """Create what is drawn over the panels (once)."""
        dpg.add_viewport_drawlist(tag=DRAWING, front=True)

    def arrange(self, session: Session) -> None:
        """Follow the window's size and the layout."""
        size = dpg.get_viewport_client_width(), dpg.get_viewport_client_height()
        several, view = len(session.album.items) > 1, session.view
        bars = max(len(session.lanes), 1), view.why, several
        wanted = *size, *bars, view.layout, view.largest, view.turn
        if wanted == self._arranged or min(size) <= 0:
            return
        self.size, self._arranged = size, wanted
        self.places = arrange(*wanted)
        self.dividers = dividers(self.places, view.layout)
        self._controls.place(self.places["toolbar"])
        self._status.place(self.places["status"])
        for name, panel in self._panels.items():
            panel.place(self.places[name]) if name in self.places else panel.hide()
        self._tell(session)

    def _tell(self, session: Session) -> None:
        """Say once that there is no room for all panels."""
        shown = session.view.layout.panels
        whole = bool(session.view.largest) or all(name in self.places for name in shown)
        if self._whole and not whole and session.record is not None:
            text = "The window is too small for all panels: {other panels} shows the others."
            session.message = Message(text)
        self._whole = whole

    def panel_at(self, point: Point) -> str:
        """The panel of the layout at a point, its title included; empty for none."""
        there = (name for name in PANELS if name in self.places)
        return next((name for name in there if self.places[name].contains(point)), "")

    def divider_at(self, point: Point) -> Divider | None:
        """The divider at a point."""
        near = (d for d in self.dividers if d.place.shrunk(-GRIP).contains(point))
        return next(near, None)

    def covers(self, point: Point) -> bool:
        """Whether a title or a divider is there."""
        titled = any(p.header.contains(point) for p in self._panels.values())
        return titled or self.divider_at(point) is not None

    def hover(self, point: Point | None) -> None:
        """Show the divider that is held, or is under the mouse."""
        under = None if point is None else self.divider_at(point)
        shown = under if self._held is None else self._held[0]
        if shown is not None:  # where it is now
            same = (d for d in self.dividers if (d.panels, d.rows) == (shown.panels, shown.rows))
            shown = next(same, None)
        if shown != self._drawn:
            self._drawn = shown
            dpg.delete_item(DRAWING, children_only=True)
            if shown is not None:
                (x, y, wide, tall), thin = shown.place, px(2)
                x, wide = (x + (wide - thin) / 2, thin) if shown.panels else (x, wide)
                y, tall = (y, tall) if shown.panels else (y + (tall - thin) / 2, thin)
                look = {"color": theme.ACCENT, "fill": theme.ACCENT, "parent": DRAWING}
                dpg.draw_rectangle((x, y), (x + wide, y + tall), **look)

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Take hold of a divider."""
        divider = self.divider_at(point) if button == 0 else None
        self._held = None if divider is None else (divider, point, self.places)
        self._before = session.view.layout
        return []

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Move the divider."""
        if self._held is None or button != 0:
            return []
        divider, start, places = self._held
        moved = point[0] - start[0] if divider.panels else point[1] - start[1]
        session.view.layout = self._before
        return session.move_divider(divider, moved, places)

    def release(self, session: Session, point: Point, button: int) -> Commands:  # noqa: ARG002
        """Let go."""
        self._held = None
        return []

    def cancel(self, session: Session) -> Commands:
        """The divider goes back."""
        if self._held is not None:
            session.view.layout, self._held = self._before, None
        return []

    def double_click(self, session: Session, point: Point) -> Commands:
        """Make the panel with this title the largest, or all again."""
        panels = (p.name for p in self._panels.values() if p.header.contains(point))
        return session.enlarge(next(panels, "")) if self.divider_at(point) is None else []
