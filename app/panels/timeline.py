"""The steps of the fit as a track that the mouse scrubs along; all runs of the image as lanes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import dearpygui.dearpygui as dpg

from app import theme
from app.document import RunRecord
from app.geometry.lanes import Lane
from app.geometry.layout import LANE
from app.geometry.plane import Point, Rect
from app.geometry.units import px
from app.panels import text
from app.panels.panel import MARGIN, Panel
from app.protocol.commands import Commands
from app.protocol.run import RunKey, StageMark
from app.session import Session

INSET, LEFT = px(14), px(40)
PLAY = Rect(px(8), px(21), px(24), px(22))
"""The place of the button that plays."""
Span = tuple[float, float]
TRACK_TOP, TRACK = px(24), px(16)
LABEL_SIZE = px(12)
BEST = px(6)


class TimelinePanel(Panel):
    """Stages in colours, recorded steps bright, a diamond at the best step, a handle at the shown.

    Each run has a lane, a branch below its parent from the step where it starts; the track is as
    long as the whole schedule of the run on screen.
    """

    name = "timeline"
    open_time: Callable[[], None] = staticmethod(lambda: None)
    """Shows the dialog of speed, jumps and bookmarks."""
    _about = Rect(0, 0, 0, 0)
    _pressing = False  # on the lanes

    def build(self) -> None:
        """A panel without a title."""
        with dpg.child_window(tag=self.name, no_scrollbar=True, no_scroll_with_mouse=True):
            self.build_canvas((MARGIN, 2))

    def place(self, rect: Rect) -> None:
        """Take this rectangle of the window."""
        dpg.configure_item(
            self.name, pos=(rect.x, rect.y), width=rect.width, height=rect.height - 6
        )
        self.area = rect._replace(
            x=rect.x + MARGIN, y=rect.y + 2, width=rect.width - 2 * MARGIN, height=rect.height - 10
        )
        self.place_content()

    def key(self, session: Session) -> Hashable:
        """Everything on the track."""
        runs = tuple(
            (lane, record.label, record.steps, record.best) for lane, record in self._lanes(session)
        )
        looks = session.view.key, session.view.other, session.shown
        marks = tuple(tuple(sorted(r.bookmarks.items())) for _, r in self._lanes(session))
        play = session.view.play
        plays = play.steps.on, play.steps.rate, play.stride, play.loop
        return session.stages, session.planned, looks, runs, marks, plays

    def x_of(self, session: Session, step: float) -> float:
        """Position of a step on the track."""
        last = max(session.planned - 1, 1)
        return LEFT + (self.size[0] - LEFT - INSET) * step / last

    def step_at(self, session: Session, x: float) -> int:
        """The step nearest to a position."""
        last = max(session.planned - 1, 1)
        return round((x - LEFT) / (self.size[0] - LEFT - INSET) * last)

    def _lanes(self, session: Session) -> list[tuple[Lane, RunRecord]]:
        """The lanes on screen with their runs."""
        image = session.image
        return [] if image is None else [(lane, image.runs[lane.run]) for lane in session.lanes]

    def paint(self, session: Session) -> None:
        """Lanes with stages, progress and best step; the handle."""
        found = self._lanes(session)
        if not found:
            ground = (LEFT, TRACK_TOP), (self.size[0] - INSET, TRACK_TOP + TRACK)
            dpg.draw_rectangle(*ground, color=theme.WELL, fill=theme.WELL, rounding=3)
            self._label(LEFT, "the steps of the fit: scrub here, or with the arrow keys")
            return
        for lane, record in found:
            self._paint_lane(session, lane, record, several=len(found) > 1)
        self._paint_playing(session)
        for stage in session.stages:
            self._paint_stage_name(session, stage)
        if session.steps:
            bottom = _rows(len(found) - 1)[1]
            taken = self._paint_handle(session, bottom)
            self._paint_mark_names(session, bottom, taken)

    def _paint_lane(self, session: Session, lane: Lane, record: RunRecord, several: bool) -> None:
        """A run: dim where it is to come, bright where it is recorded."""
        top, bottom = _rows(lane.row)
        shown, key = session.record is record, (session.view.image, lane.run)
        ground = (self.x_of(session, lane.start), top), (self.size[0] - INSET, bottom)
        dpg.draw_rectangle(*ground, color=theme.WELL, fill=theme.WELL, rounding=3)
        for index, stage in enumerate(record.stages):
            color = theme.STAGES[index % len(theme.STAGES)]
            left = self.x_of(session, max(stage.start, lane.start))
            right = self.x_of(session, min(stage.stop, record.planned - 1))
            done = min(right, self.x_of(session, record.steps - 1))
            for end, opacity in ((right, 70), (done, 255 if shown else 130)):
                if end > left:
                    shade = (*color[:3], opacity)
                    dpg.draw_rectangle((left, top), (end, bottom), color=shade, fill=shade)
        if lane.above is not None:
            x = self.x_of(session, lane.start)
            dpg.draw_line((x, _rows(lane.above)[1]), (x, bottom), color=theme.TEXT, thickness=2)
        if several:
            self._paint_name(session, lane, record, shown)
        if record.best is not None:
            self._paint_best(self.x_of(session, record.best), top, bottom)
        for step in record.bookmarks:
            paint_flag(self.x_of(session, step), top, bottom)
        if key == session.view.other:
            dpg.draw_rectangle(*ground, color=theme.ACCENT, rounding=3)

    def _paint_name(self, session: Session, lane: Lane, record: RunRecord, shown: bool) -> None:
        """Number and name of a run, on its lane."""
        left = self.x_of(session, lane.start) + 6
        room = self.size[0] - INSET - left - 14
        words = text.cut(f"run {lane.run}  {record.label}".strip(), room, self.width)
        color = theme.TEXT if shown else theme.DIM
        dpg.draw_text((left, _rows(lane.row)[0] + 1), words, size=LABEL_SIZE, color=color)

    def _paint_stage_name(self, session: Session, stage: StageMark) -> None:
        """Where a stage begins, and its name above the lanes."""
        left = self.x_of(session, stage.start)
        right = min(self.x_of(session, min(stage.stop, session.planned - 1)), self._about.x - 8)
        dpg.draw_line((left, TRACK_TOP - 6), (left, TRACK_TOP + TRACK), color=theme.DIM)
        room = right - left - 8
        words = f"{stage.name}  ·  {stage.stop - stage.start} steps"
        short = text.cut(stage.name, room, self.width)
        self._label(left, words if self.width(words) <= room else short)

    def _paint_best(self, x: float, top: float, bottom: float) -> None:
        """A diamond on a lane."""
        middle = (top + bottom) / 2
        points = [(x, middle - BEST), (x + BEST, middle), (x, middle + BEST), (x - BEST, middle)]
        dpg.draw_polygon([*points, points[0]], color=theme.GOOD, fill=theme.GOOD)

    def _paint_playing(self, session: Session) -> None:
        """The button that plays, or stops; at the right, how it plays."""
        play = session.view.play
        x, y, right, bottom = PLAY.x, PLAY.y, PLAY.right, PLAY.bottom
        color = theme.ACCENT if play.steps.on else theme.TEXT if session.steps > 1 else theme.FAINT
        dpg.draw_rectangle((x, y), (right, bottom), color=theme.LINE, fill=theme.WELL, rounding=4)
        if play.steps.on:
            for left in (x + px(7), x + px(13)):
                dpg.draw_rectangle(
                    (left, y + px(6)), (left + px(4), bottom - px(6)), color=color, fill=color
                )
        else:
            tip = right - px(7), (y + bottom) / 2
            dpg.draw_triangle(
                (x + px(8), y + px(5)), (x + px(8), bottom - px(5)), tip, color=color, fill=color
            )
        words = f"{play.steps.rate:.3g}/s"
        words += f" · every {play.stride}" if play.stride > 1 else ""
        words += " · loop" if play.loop else ""
        wide = self.width(words)
        self._about = Rect(self.size[0] - INSET - wide, 3, wide, TRACK_TOP - 5)
        dpg.draw_text((self._about.x, 4), words, size=theme.SMALL_SIZE, color=theme.DIM)

    def _paint_mark_names(self, session: Session, bottom: float, taken: Span) -> None:
        """Names of the shown run's bookmarks under the lanes, as far as there is room."""
        spans = [taken]
        for step, name in sorted(session.record.bookmarks.items() if session.record else ()):
            left = self.x_of(session, step)
            right = left + self.width(name)
            free = right < self.size[0] and all(right < a or left > b for a, b in spans)
            if name and free:
                spans.append((left, right + 8))
                place = left, bottom + 3
                dpg.draw_text(place, name, size=theme.SMALL_SIZE, color=theme.BOX)

    def _paint_handle(self, session: Session, bottom: float) -> Span:
        """A line through the lanes with the step's number under it; where that lies."""
        x = self.x_of(session, session.shown)
        dpg.draw_line((x, TRACK_TOP - 4), (x, bottom + 4), color=theme.ACCENT, thickness=px(3))
        words = f"step {session.shown}"
        if session.shown == session.best:
            words += " (best)"
        width = self.width(words)
        x = min(max(x - width / 2, INSET), self.size[0] - INSET - width)
        dpg.draw_text((x, bottom + 3), words, size=theme.SMALL_SIZE, color=theme.TEXT)
        return x - 6, x + width + 6

    def _label(self, x: float, words: str) -> None:
        dpg.draw_text((x + 5, 4), words, size=theme.SMALL_SIZE, color=theme.DIM)

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub in the run whose lane is under the mouse; the right button compares with it.

        Beside the lanes are a button that plays and the words that open the dialog of time.
        """
        self._pressing = not (PLAY.contains(point) or self._about.contains(point))
        if button == 0 and PLAY.contains(point):
            return session.play()
        if button == 0 and self._about.contains(point):
            self.open_time()
        if not self._pressing:
            return []
        key = self.run_at(session, point)
        if key is not None and key != session.view.key:
            if button == 1:
                return session.compare(key)
            commands = session.show(key) if button == 0 else []
            return [*commands, *self.drag(session, point, button)]
        return self.drag(session, point, button)

    def lanes(self, session: Session) -> dict[int, Rect]:
        """Places of the runs' lanes in the drawing area."""
        return {
            lane.run: Rect(
                self.x_of(session, lane.start),
                _rows(lane.row)[0],
                self.size[0] - INSET - self.x_of(session, lane.start),
                TRACK,
            )
            for lane in session.lanes
        }

    def run_at(self, session: Session, point: Point) -> RunKey | None:
        """The run whose lane is at a point."""
        for lane in session.lanes:
            top, bottom = _rows(lane.row)
            if top - 1 <= point[1] <= bottom + 1 and session.view.image is not None:
                return session.view.image, lane.run
        return None

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub along."""
        scrubs = button == 0 and self._pressing
        return session.scrub(self.step_at(session, point[0])) if scrubs else []

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:  # noqa: ARG002
        """A step a notch."""
        return session.scrub(session.view.step + (1 if notches > 0 else -1))


def paint_flag(x: float, top: float, bottom: float) -> None:
    """A bookmark on a lane."""
    dpg.draw_line((x, top - 3), (x, bottom), color=theme.BOX, thickness=2)
    corners = (x, top - px(4)), (x + px(9), top), (x, top + px(5))
    dpg.draw_triangle(*corners, color=(0, 0, 0), fill=theme.BOX)


def _rows(row: int) -> tuple[float, float]:
    """Top and bottom of a lane."""
    top = TRACK_TOP + px(LANE) * row
    return top, top + TRACK
