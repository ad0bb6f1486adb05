"""The steps of the fit as a track that the mouse scrubs along."""

from __future__ import annotations

from collections.abc import Hashable

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.layout import TIMELINE
from app.geometry.plane import Point, Rect
from app.panels import text
from app.panels.panel import MARGIN, Panel
from app.session import Commands, Session

INSET = 14.0
TRACK_TOP, TRACK_BOTTOM = 24.0, 40.0


class TimelinePanel(Panel):
    """Stages in colours, recorded steps bright, a diamond at the best step, a handle at the shown.

    The track is as long as the whole schedule.
    """

    name = "timeline"

    def build(self) -> None:
        """A panel without a title."""
        with dpg.child_window(tag=self.name, no_scrollbar=True, no_scroll_with_mouse=True):
            self.build_canvas((MARGIN, 2))

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        dpg.configure_item(self.name, pos=(rect.x, rect.y), width=rect.width, height=TIMELINE - 6)
        self.area = rect._replace(
            x=rect.x + MARGIN, y=rect.y + 2, width=rect.width - 2 * MARGIN, height=TIMELINE - 10
        )
        self.place_content()

    def key(self, session: Session) -> Hashable:
        """Everything on the track."""
        return session.stages, session.steps, session.shown, session.best

    def x_of(self, session: Session, step: float) -> float:
        """Position of a step on the track."""
        last = max(session.planned - 1, 1)
        return INSET + (self.size[0] - 2 * INSET) * step / last

    def step_at(self, session: Session, x: float) -> int:
        """The step nearest to a position."""
        last = max(session.planned - 1, 1)
        return round((x - INSET) / (self.size[0] - 2 * INSET) * last)

    def paint(self, session: Session) -> None:
        """Stages, progress, best, handle."""
        right = self.size[0] - INSET
        dpg.draw_rectangle(
            (INSET, TRACK_TOP), (right, TRACK_BOTTOM), color=theme.WELL, fill=theme.WELL, rounding=3
        )
        if not session.stages:
            self._label(INSET, "the steps of the fit: scrub here, or with the arrow keys")
            return
        for index, stage in enumerate(session.stages):
            self._paint_stage(session, index, stage.name, stage.start, stage.stop)
        if session.best is not None:
            self._paint_best(self.x_of(session, session.best))
        if session.steps:
            self._paint_handle(session)

    def _paint_stage(self, session: Session, index: int, name: str, start: int, stop: int) -> None:
        """A stage: dim where it is to come, bright where it is recorded."""
        color = theme.STAGES[index % len(theme.STAGES)]
        left, right = self.x_of(session, start), self.x_of(session, min(stop, session.planned - 1))
        dim = (*color[:3], 70)
        dpg.draw_rectangle((left, TRACK_TOP), (right, TRACK_BOTTOM), color=dim, fill=dim)
        done = min(right, self.x_of(session, session.steps - 1))
        if done > left and session.steps:
            dpg.draw_rectangle((left, TRACK_TOP), (done, TRACK_BOTTOM), color=color, fill=color)
        dpg.draw_line((left, TRACK_TOP - 6), (left, TRACK_BOTTOM), color=theme.DIM, thickness=1)
        count = stop - start
        room = right - left - 8
        words = f"{name}  ·  {count} steps"
        self._label(left, words if self.width(words) <= room else text.cut(name, room, self.width))

    def _paint_best(self, x: float) -> None:
        """A diamond on the track."""
        middle = (TRACK_TOP + TRACK_BOTTOM) / 2
        points = [(x, middle - 6), (x + 6, middle), (x, middle + 6), (x - 6, middle)]
        dpg.draw_polygon([*points, points[0]], color=theme.GOOD, fill=theme.GOOD)

    def _paint_handle(self, session: Session) -> None:
        """A line through the track with the step's number under it."""
        x = self.x_of(session, session.shown)
        dpg.draw_line((x, TRACK_TOP - 4), (x, TRACK_BOTTOM + 4), color=theme.ACCENT, thickness=3)
        words = f"step {session.shown}"
        if session.shown == session.best:
            words += " (best)"
        width = self.width(words)
        x = min(max(x - width / 2, INSET), self.size[0] - INSET - width)
        dpg.draw_text((x, TRACK_BOTTOM + 3), words, size=theme.SMALL_SIZE, color=theme.TEXT)

    def _label(self, x: float, words: str) -> None:
        dpg.draw_text((x + 5, 4), words, size=theme.SMALL_SIZE, color=theme.DIM)

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub to the step under the mouse."""
        return self.drag(session, point, button)

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub along."""
        return session.scrub(self.step_at(session, point[0])) if button == 0 else []

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:  # noqa: ARG002
        """A step a notch."""
        return session.scrub(session.view.step + (1 if notches > 0 else -1))
