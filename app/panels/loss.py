"""Every term of the objective over the steps, each in a band of its own."""

from __future__ import annotations

import math
from collections.abc import Hashable

import dearpygui.dearpygui as dpg

from app import theme
from app.document import Curves
from app.geometry.bands import Span, inside, logarithmic, stack, value_range, zoomed
from app.geometry.plane import Point, Rect
from app.geometry.units import px
from app.panels import text
from app.panels.panel import Panel
from app.protocol.commands import Commands
from app.protocol.run import TermInfo
from app.session import Session

LINE = theme.SMALL_SIZE + px(4)
FOOT = LINE  # below the bands: numbers of steps, and the names that are hidden
NAMES, VALUES = 0.3, px(132)  # the names' share of the panel's width, and its most in pixels
TOTAL = "total"


class LossPanel(Panel):
    """Curves with their values at the step on screen; the mouse scrubs, zooms and hides.

    The terms are those that the steps name, in the engine's order.
    """

    name = "loss"
    title = "LOSS BY TERM"
    hint = (
        "Weighted terms, which add up to the total. Each has an axis of its own, from its least to "
        "its largest value on screen. Drag to scrub, the wheel zooms the steps, right drag moves "
        "them, a double click shows all. Click a name to hide its curve, and again to show it. "
        "{log} changes between linear and logarithmic axes."
    )

    def __init__(self, fonts: theme.Fonts) -> None:
        super().__init__(fonts)
        self._terms: tuple[TermInfo, ...] = ()
        self._held: Point | None = None

    # --- where things lie ---

    @property
    def plot(self) -> Rect:
        """The part of the drawing area that has the curves."""
        width, height = self.size
        names = min(NAMES * width, VALUES)
        return Rect(names, 2, max(width - names - 4, 1), max(height - FOOT - 4, 1))

    def bands(self, session: Session) -> dict[str, Rect]:
        """Places of the curves on screen."""
        names = [n for n in curve_names(session) if n not in session.view.hidden_terms]
        return stack(names, self.plot)

    def hidden(self, session: Session) -> dict[str, Rect]:
        """Places of the names of hidden curves, at the foot."""
        places, x = {}, self.plot.x + px(34)
        for name in curve_names(session):
            if name in session.view.hidden_terms:
                width = 10 + self.width(name)
                places[name] = Rect(x, self.size[1] - LINE, width, LINE)
                x += width + 4
        return places

    def window(self, session: Session) -> Span:
        """First and last step on screen."""
        whole = 0.0, float(max(session.planned - 1, 1))
        return inside(session.view.loss_window or whole, whole)

    def x_of(self, session: Session, step: float) -> float:
        """Position of a step."""
        low, high = self.window(session)
        return self.plot.x + self.plot.width * (step - low) / (high - low)

    def step_at(self, session: Session, x: float) -> float:
        """The step at a position."""
        low, high = self.window(session)
        return low + (high - low) * (x - self.plot.x) / self.plot.width

    # --- drawing ---

    def draw(self, session: Session) -> None:
        """Describe the terms, then draw."""
        self._describe(session.terms)
        scale = "logarithmic" if session.view.loss_log else "linear"
        self.note(f"step {session.shown} · {scale}" if session.steps else "")
        super().draw(session)

    def key(self, session: Session) -> Hashable:
        """The curves, and how they are looked at."""
        view = session.view
        looks = view.hidden_terms, view.loss_window, view.loss_log
        return (
            view.key,
            view.other,
            session.steps,
            session.planned,
            session.shown,
            session.best,
            looks,
        )

    def paint(self, session: Session) -> None:
        """Bands, curves, and the step on screen."""
        self.well()
        if not session.steps:
            self.say(("the terms of the loss over the steps",))
            return
        colors = term_colors(session)
        curves = drawn_curves(session.curves)
        others = drawn_curves(session.other.curves) if session.other else {}
        for name, band in self.bands(session).items():
            pair = curves[name], others.get(name, [])
            self._paint_band(session, name, pair, band, colors[name])
        self._paint_steps(session)
        for name, place in self.hidden(session).items():
            self._text((place.x + 4, place.y), name, theme.FAINT)

    def _paint_band(
        self,
        session: Session,
        name: str,
        pair: tuple[list[float], list[float]],
        band: Rect,
        color: theme.Color,
    ) -> None:
        """One curve, its name, its value at the step on screen, its range.

        Args:
            pair: its values, and those of the run that is compared with: grey, on the same axis.
        """
        ground = (band.x, band.y), (band.right, band.bottom)
        dpg.draw_rectangle(*ground, color=theme.LINE, fill=theme.PANEL)
        values, seen = pair[0], [v for part in pair for v in self._seen(session, part)]
        low, high = value_range(seen)
        tall = band.height >= 2 * LINE
        if tall:
            for words, y in ((f"{high:.3g}", band.y), (f"{low:.3g}", band.bottom - LINE)):
                self._text((band.right - 4 - self.width(words), y), words, theme.FAINT)
        points, other = self._points(session, pair, band)
        if len(other) > 1:
            dpg.draw_polyline(other, color=theme.DIM, thickness=1.5)
        if len(points) > 1:
            weight = 2.0 if name == TOTAL else 1.5
            dpg.draw_polyline(points, color=color, thickness=weight)
        elif points:
            dpg.draw_circle(points[0], 2, color=color, fill=color)
        if band.height >= LINE - 3:
            value = f"{values[min(session.shown, len(values) - 1)]:.4g}"
            x = 6.0 if tall else self.plot.x - 6 - self.width(value)
            room = self.plot.x - 12 if tall else x - 12
            self._text((6, band.y), text.cut(name, room, self.width), color)
            self._text((x, band.y + LINE - 2 if tall else band.y), value, theme.TEXT)

    def _points(
        self, session: Session, pair: tuple[list[float], list[float]], band: Rect
    ) -> tuple[list[Point], list[Point]]:
        """The points of two curves in a band; together they span its height."""
        mine, theirs = (self._seen(session, values) for values in pair)
        seen = [*mine, *theirs]
        scaled = logarithmic(seen) if session.view.loss_log else seen
        low, high = value_range(scaled)
        start = math.ceil(self.window(session)[0])
        left, right = self.x_of(session, start), self.x_of(session, start + 1)
        tall = (band.height - 6) / (high - low)

        def placed(values: list[float]) -> list[Point]:
            return [
                (left + (right - left) * i, band.bottom - 3 - tall * (value - low))
                for i, value in enumerate(values)
                if math.isfinite(value)
            ]

        return placed(scaled[: len(mine)]), placed(scaled[len(mine) :])

    def _seen(self, session: Session, values: list[float]) -> list[float]:
        """The values of the steps on screen."""
        low, high = self.window(session)
        return values[math.ceil(low) : math.floor(high) + 1]

    def _paint_steps(self, session: Session) -> None:
        """Stages, the best step, the step on screen, and the numbers of the first and the last."""
        plot = self.plot
        stages = [(stage.start, theme.DIM) for stage in session.stages[1:]]
        best = [(session.best, theme.GOOD)] if session.best is not None else []
        for step, color in [*stages, *best, (session.shown, theme.ACCENT)]:
            x = self.x_of(session, step)
            if plot.x <= x <= plot.right:
                shade = (*color[:3], 255 if color == theme.ACCENT else 110)
                dpg.draw_line((x, plot.y), (x, plot.bottom), color=shade, thickness=1)
        low, high = (str(round(step)) for step in self.window(session))
        foot = self.size[1] - LINE
        self._text((plot.x, foot), low, theme.DIM)
        self._text((plot.right - self.width(high), foot), high, theme.DIM)

    def _text(self, place: Point, words: str, color: theme.Color) -> None:
        dpg.draw_text(place, words, size=theme.SMALL_SIZE, color=color)

    def _describe(self, terms: tuple[TermInfo, ...]) -> None:
        """Units and descriptions in the tooltip."""
        if terms != self._terms:
            self._terms = terms
            self.explain("\n".join([self.hint, *descriptions(terms)]))

    # --- the mouse ---

    def press(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub to the step under the mouse, or hide or show the curve whose name is there."""
        self._held = None
        name = self._name_at(session, point)
        if button == 0 and name is not None:
            session.view.toggle_term(name)
            return []
        if session.steps and self.plot.x <= point[0]:
            self._held = point
            return self.drag(session, point, button)
        return []

    def drag(self, session: Session, point: Point, button: int) -> Commands:
        """Scrub along, or move the steps."""
        if self._held is None:
            return []
        if button == 0:
            return session.scrub(round(self.step_at(session, point[0])))
        low, high = self.window(session)
        moved = (high - low) * (self._held[0] - point[0]) / self.plot.width
        session.view.loss_window = low + moved, high + moved
        session.view.loss_window = self.window(session)
        self._held = point
        return []

    def wheel(self, session: Session, point: Point, notches: float) -> Commands:
        """Look closer at the steps under the mouse."""
        if session.steps:
            at, whole = self.step_at(session, point[0]), (0.0, float(max(session.planned - 1, 1)))
            session.view.loss_window = zoomed(self.window(session), at, 1.25**notches, whole)
        return []

    def double_click(self, session: Session, point: Point) -> Commands:
        """Show all steps."""
        if self._name_at(session, point) is None:
            session.view.loss_window = None
        return []

    def _name_at(self, session: Session, point: Point) -> str | None:
        """The curve whose name is at a point."""
        left = {
            name: Rect(0, band.y, self.plot.x, band.height)
            for name, band in self.bands(session).items()
        }
        places = {**left, **self.hidden(session)}
        return next((name for name, place in places.items() if place.contains(point)), None)


def drawn_curves(curves: Curves) -> dict[str, list[float]]:
    """The total and the weighted terms by name, without those that are 0 at every step."""
    named = {TOTAL: curves.total, **curves.terms}
    return {name: values for name, values in named.items() if any(values)}


def curve_names(session: Session) -> list[str]:
    """Names of the curves: the total, then terms in the engine's order, then any others."""
    curves = drawn_curves(session.curves)
    order = [TOTAL, *(term.name for term in session.terms)]
    return sorted(curves, key=lambda n: order.index(n) if n in order else len(order))


def term_colors(session: Session) -> dict[str, theme.Color]:
    """A colour a term; it keeps it while others come and go."""
    names = [TOTAL, *(term.name for term in session.terms)]
    names += [name for name in session.curves.terms if name not in names]
    return {name: theme.SERIES[i % len(theme.SERIES)] for i, name in enumerate(names)}


def descriptions(terms: tuple[TermInfo, ...]) -> list[str]:
    """A line for each term that the engine describes, with the unit of the unweighted term."""
    return [
        f"{t.name} ({t.unit}): {t.description}" if t.unit else f"{t.name}: {t.description}"
        for t in terms
        if t.description
    ]
