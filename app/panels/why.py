"""The answer to why a pixel or a joint is as it is."""

from __future__ import annotations

import math
from collections.abc import Hashable

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.panels import text
from app.panels.loss import term_colors
from app.panels.panel import Panel
from app.protocol.why import Answer, Arrow, Bars
from app.session import Session
from core.words import Table

LINE = theme.SMALL_SIZE + px(4)
GAP = px(8)
BARS = px(84)  # height in pixels
LONGEST = px(110)  # pixels on screen of the longest arrow
NAMED = px(24)  # pixels from which an arrow has its name beside it
SHORTEST = 3.0


class WhyPanel(Panel):
    """Lines, bars and tables, one below the other, as far as there is room."""

    name = "answer"
    title = "WHY?"
    hint = (
        "Click a pixel of a map or of the photo, and what made it is listed here. {joints} draws "
        "the joints: click one, and arrows say how it would move if each term of the objective "
        "alone took a small step, and the maps show which pixels its limb explains."
    )

    def draw(self, session: Session) -> None:
        """Say which step it is, then draw."""
        self.note(f"step {session.probed.step}" if session.probed else "")
        super().draw(session)

    def key(self, session: Session) -> Hashable:
        """The answer; nothing else is shown."""
        return session.probed, session.view.target is None

    def paint(self, session: Session) -> None:
        """The answer from top to bottom."""
        self.well()
        if session.probed is None:
            asked = session.view.target is not None
            self.say(("asking…",) if asked else ("click a pixel or a joint",))
            return
        answer, y = session.probed.answer, 4.0
        for line in answer.words.lines:
            for part in text.wrapped(line, self.size[0] - 2 * GAP, self.width):
                self._text((GAP, y), part, theme.TEXT)
                y += LINE
            y += 2
        if answer.bars:
            y = self._paint_bars(answer.bars, y + 4)
        colors = term_colors(session)
        for table in answer.words.tables:
            y = self._paint_table(table, colors, y + GAP)

    def _paint_bars(self, bars: tuple[Bars, ...], top: float) -> float:
        """Values side by side around a line of zeros; where they end."""
        x, colors = float(GAP), (theme.ACCENT, theme.BOX)
        for group, color in zip(bars, colors, strict=False):
            dpg.draw_rectangle((x, top + 4), (x + px(10), top + px(12)), color=color, fill=color)
            self._text((x + px(14), top - 1), group.name, theme.DIM)
            x += px(30) + self.width(group.name)
        low, high = top + LINE + 2, top + LINE + BARS
        middle, reach = (low + high) / 2, (high - low) / 2
        known = [abs(v) for group in bars for v in group.values if math.isfinite(v)]
        largest = max(known, default=0.0) or 1.0
        count = max(len(group.values) for group in bars)
        wide = (self.size[0] - 2 * GAP) / max(count, 1)
        for i, (group, color) in enumerate(zip(bars, colors, strict=False)):
            for k, value in enumerate(group.values):
                if not math.isfinite(value):
                    continue
                left = GAP + (k + i / len(colors)) * wide
                end = left + max(0.8 * wide / len(colors), 1.0), middle - reach * value / largest
                dpg.draw_rectangle((left, middle), end, color=color, fill=color)
        dpg.draw_line((GAP, middle), (self.size[0] - GAP, middle), color=theme.FAINT)
        return high

    def _paint_table(self, table: Table, colors: dict[str, theme.Color], top: float) -> float:
        """Words on the left, numbers on the right; where the table ends."""
        self._text((GAP, top), table.title, theme.ACCENT)
        columns = (*table.labels, *table.figures)
        grid = (columns, *table.rows)
        widths = [max(self.width(row[i]) for row in grid) for i in range(len(columns))]
        room = self.size[0] - 2 * GAP - sum(widths)
        space = min(max(room / max(len(columns) - 1, 1), 4.0), 18.0)
        y = top + LINE
        for row in grid:
            if y + LINE > self.size[1]:
                break
            x = float(GAP)
            for i, word in enumerate(row):
                right = 0.0 if i < len(table.labels) else widths[i] - self.width(word)
                shade = theme.DIM if row is columns else theme.TEXT
                if i == 0 and row is not columns:
                    shade = colors.get(word, shade)
                self._text((x + right, y), word, shade)
                x += widths[i] + space
            y += LINE
        return y

    def _text(self, place: Point, words: str, color: theme.Color) -> None:
        dpg.draw_text(place, words, size=theme.SMALL_SIZE, color=color)


def paint_arrows(answer: Answer, view: View, colors: dict[str, theme.Color]) -> None:
    """The answer's arrows over the photo; the longest has a certain length on screen."""
    if answer.place is None:
        return
    start = view.to_panel(answer.place)
    for arrow, way in screen_arrows(answer.arrows):
        color = colors.get(arrow.name, theme.TEXT)
        end = start[0] + way[0], start[1] + way[1]
        dpg.draw_line(start, end, color=(0, 0, 0, 180), thickness=5)
        dpg.draw_arrow(end, start, color=color, thickness=3, size=8)
        if math.hypot(*way) >= NAMED:
            place = end[0] + 6, end[1] - theme.SMALL_SIZE / 2
            dpg.draw_text((place[0] + 1, place[1] + 1), arrow.name, size=14, color=(0, 0, 0))
            dpg.draw_text(place, arrow.name, size=theme.SMALL_SIZE, color=color)
    dpg.draw_circle(start, 5, color=(0, 0, 0), fill=(255, 255, 255))


def screen_arrows(arrows: tuple[Arrow, ...]) -> list[tuple[Arrow, Point]]:
    """Arrows in pixels of the screen, scaled alike; those that are too short to see are left out.

    The longest comes first, so that others are drawn over it.
    """
    finite = [arrow for arrow in arrows if all(map(math.isfinite, arrow.way))]
    longest = max((math.hypot(*arrow.way) for arrow in finite), default=0.0)
    if longest == 0:
        return []
    scale = LONGEST / longest
    scaled = [(arrow, (scale * arrow.way[0], scale * arrow.way[1])) for arrow in finite]
    seen = [pair for pair in scaled if math.hypot(*pair[1]) >= SHORTEST]
    return sorted(seen, key=lambda pair: -math.hypot(*pair[1]))
