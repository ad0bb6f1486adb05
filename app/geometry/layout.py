"""Where everything lies in the window: rows of panels that fill it, in whole pixels."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.geometry.plane import Rect
from app.geometry.units import px

GAP = 8
TOOLBAR = 44
TIMELINE = 70
LANE = 18
"""Height of each run in the timeline after the first."""
STATUS = 28
STRIP, LOW_STRIP = 92, 70
"""Height of the strip of photos, and in windows lower than `TALL`."""
TALL = 700
WHY = 0.27, 470
"""Width of the panel that answers why: its share of the window, and at most so many pixels."""
LEAST = 240, 160
"""Width and height of a panel below which rows are folded into one that has fewer panels."""
SMALLEST = 90
"""No divider makes a panel narrower or lower than so many pixels."""
PANELS = ("photo", "observed", "rendered", "loss", "occlusion", "body")
BARS = ("timeline", "strip")


@dataclass(frozen=True)
class Cell:
    """A panel in a row; ``width`` is its share of the row, relative to its neighbours'."""

    panel: str
    width: float = 1.0


@dataclass(frozen=True)
class Row:
    """Panels side by side; ``height`` is the row's share, relative to the other rows'."""

    cells: tuple[Cell, ...]
    height: float = 1.0


@dataclass(frozen=True)
class Layout:
    """Rows of panels, and the names of panels and bars that are hidden."""

    rows: tuple[Row, ...]
    hidden: tuple[str, ...] = ()

    @property
    def panels(self) -> tuple[str, ...]:
        """The panels that are shown, row by row."""
        return tuple(cell.panel for row in self.shown for cell in row.cells)

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows without what is hidden."""
        rows = (
            replace(row, cells=tuple(c for c in row.cells if c.panel not in self.hidden))
            for row in self.rows
        )
        return tuple(row for row in rows if row.cells)

    def toggled(self, name: str) -> Layout:
        """With a panel or bar hidden that was shown, or shown; the last panel stays."""
        if name in self.hidden:
            return replace(self, hidden=tuple(n for n in self.hidden if n != name))
        return self if self.panels == (name,) else replace(self, hidden=(*self.hidden, name))

    def moved(self, divider: Divider, pixels: float, places: dict[str, Rect]) -> Layout:
        """With a divider moved to the right or down.

        Args:
            places: where the panels are, as `arrange` has put them.
        """
        rows = list(self.rows)
        if divider.rows is not None:
            sizes = [_height(rows[i], places) for i in divider.rows]
            new = _shifted([rows[i].height for i in divider.rows], sizes, pixels)
            for i, height in zip(divider.rows, new, strict=True):
                rows[i] = replace(rows[i], height=height)
            return replace(self, rows=tuple(rows))
        widths = {cell.panel: cell.width for row in rows for cell in row.cells}
        sizes = [places[name].width for name in divider.panels]
        new = _shifted([widths[name] for name in divider.panels], sizes, pixels)
        widths |= dict(zip(divider.panels, new, strict=True))
        wider = [tuple(Cell(c.panel, widths[c.panel]) for c in row.cells) for row in rows]
        new_rows = (replace(row, cells=cells) for row, cells in zip(rows, wider, strict=True))
        return replace(self, rows=tuple(new_rows))


@dataclass(frozen=True)
class Divider:
    """The gap between two panels, or between two rows, which the mouse drags.

    Attributes:
        place: in the window.
        panels: those at its left and its right; empty between rows.
        rows: numbers of the rows above and below; None within a row.
    """

    place: Rect
    panels: tuple[str, ...] = ()
    rows: tuple[int, int] | None = None


def _row(height: float, **widths: float) -> Row:
    return Row(tuple(Cell(name, width) for name, width in widths.items()), height)


STANDARD = Layout(
    (
        _row(1.12, photo=1.28, observed=1.0, rendered=1.0),
        _row(1.0, loss=1.28, occlusion=1.0, body=1.0),
    )
)
BUILT_IN = {
    "standard": STANDARD,
    "photo and body": Layout(
        (_row(1.0, photo=1.6, body=1.0), _row(0.4, loss=1.0, observed=1.0)),
        hidden=("loss", "observed", "rendered", "occlusion"),
    ),
    "maps": Layout(
        (
            _row(1.3, observed=1.0, rendered=1.0, occlusion=1.0),
            _row(1.0, photo=1.0, body=1.0, loss=1.0),
        ),
    ),
    "curves": Layout(
        (_row(1.0, photo=1.0, body=1.0), _row(1.3, loss=1.0)),
        hidden=("observed", "rendered", "occlusion"),
    ),
}
"""Layouts that everybody has, by name."""


def completed(layout: Layout) -> Layout:
    """The layout with every panel that it lacks in its last row, hidden."""
    there = {cell.panel for row in layout.rows for cell in row.cells}
    lacking = [name for name in PANELS if name not in there]
    if not lacking:
        return layout
    *rows, last = layout.rows
    last = replace(last, cells=(*last.cells, *(Cell(name) for name in lacking)))
    hidden = layout.hidden + tuple(name for name in lacking if name not in layout.hidden)
    return Layout((*rows, last), hidden)


def is_sound(layout: Layout) -> bool:
    """Whether a layout from a file shows something, and every panel once at most."""
    names = [cell.panel for row in layout.rows for cell in row.cells]
    shares = [row.height for row in layout.rows]
    shares += [cell.width for row in layout.rows for cell in row.cells]
    known = set(names) <= set(PANELS) and set(layout.hidden) <= {*PANELS, *BARS}
    once = len(set(names)) == len(names) and all(row.cells for row in layout.rows)
    return known and once and bool(layout.panels) and all(1e-3 <= s <= 1e3 for s in shares)


def arrange(
    width: int,
    height: int,
    lanes: int = 1,
    why: bool = False,
    strip: bool = False,
    layout: Layout = STANDARD,
    largest: str = "",
    turn: int = 0,
) -> dict[str, Rect]:
    """Rectangles of the bars and the panels for a window of this size.

    Args:
        lanes: runs in the timeline.
        why: the panel that answers why is there, on the right of the rows.
        strip: there is a strip of photos.
        largest: name of the panel that has the place of all; empty for none.
        turn: which panels come first where there is no room for all, see `folded`.

    Names: toolbar, status, the panels that are shown, and timeline, answer and strip if they are
    there.
    """
    gap, inner = px(GAP), width - 2 * px(GAP)
    places = {"toolbar": Rect(gap, gap, inner, px(TOOLBAR))}
    status_top = height - px(STATUS)
    places["status"] = Rect(gap, status_top, inner, px(STATUS))
    bottom = status_top
    if "timeline" not in layout.hidden:
        tall = px(TIMELINE) + px(LANE) * max(lanes - 1, 0)
        bottom -= tall
        places["timeline"] = Rect(gap, bottom, inner, tall)
    top = px(TOOLBAR) + 2 * gap
    if strip and "strip" not in layout.hidden:
        tall = px(STRIP) if height >= px(TALL) else px(LOW_STRIP)
        places["strip"] = Rect(gap, top, inner, tall)
        top += tall + gap
    if why:
        wide = min(round(WHY[0] * inner), px(WHY[1]))
        places["answer"] = Rect(width - gap - wide, top, wide, bottom - gap - top)
        inner -= wide + gap
    room = Rect(gap, top, inner, bottom - gap - top)
    return places | _in_rows(rows_in(room, layout, largest, turn), room)


def rows_in(room: Rect, layout: Layout, largest: str = "", turn: int = 0) -> tuple[Row, ...]:
    """The rows that a room has space for: of one panel if it is the largest, or folded."""
    if largest:
        return (Row((Cell(largest),)),)
    rows = layout.shown
    needed = px(LEAST[1]) * len(rows) + px(GAP) * (len(rows) - 1)
    if room.height >= needed or len(rows) == 1:
        return rows
    return (folded(layout, max(int((room.width + px(GAP)) / (px(LEAST[0]) + px(GAP))), 1), turn),)


def folded(layout: Layout, count: int, turn: int) -> Row:
    """One row of so many panels: the first stays, and turning brings the others in."""
    cells = [cell for row in layout.shown for cell in row.cells]
    first, others = cells[:1], cells[1:]
    if count < 2:
        return Row((cells[turn % len(cells)],))
    start = turn * (count - 1) % max(len(others), 1)
    return Row((*first, *(others[start:] + others[:start])[: count - 1]))


def dividers(places: dict[str, Rect], layout: Layout) -> list[Divider]:
    """The gaps between panels that are on screen side by side, and between whole rows."""
    found: list[Divider] = []
    rows = [[c.panel for c in row.cells if c.panel in places] for row in layout.rows]
    for names in rows:
        for left, right in itertools.pairwise(names):
            a, b = places[left], places[right]
            if a.y == b.y and b.x > a.x:
                place = Rect(a.right, a.y, b.x - a.right, a.height)
                found.append(Divider(place, (left, right)))
    whole = [i for i, names in enumerate(rows) if names]
    for above, below in itertools.pairwise(whole):
        a, b = places[rows[above][0]], places[rows[below][0]]
        edge = places[rows[above][-1]].right
        if b.y > a.y:
            place = Rect(a.x, a.bottom, edge - a.x, b.y - a.bottom)
            found.append(Divider(place, rows=(above, below)))
    return found


def _in_rows(rows: tuple[Row, ...], room: Rect) -> dict[str, Rect]:
    """Places of the panels of some rows, which fill the room."""
    places = {}
    tops = _share(int(room.height), [row.height for row in rows])
    for row, (top, tall) in zip(rows, tops, strict=True):
        columns = _share(int(room.width), [cell.width for cell in row.cells])
        for cell, (left, wide) in zip(row.cells, columns, strict=True):
            places[cell.panel] = Rect(room.x + left, room.y + top, wide, tall)
    return places


def _height(row: Row, places: dict[str, Rect]) -> float:
    """Pixels of a row on screen."""
    return next(places[cell.panel].height for cell in row.cells if cell.panel in places)


def _shifted(weights: list[float], sizes: list[float], pixels: float) -> tuple[float, float]:
    """Weights of two neighbours after their common edge has moved; their sum stays."""
    whole, least = sum(sizes), min(float(px(SMALLEST)), sum(sizes) / 2)
    first = min(max(sizes[0] + pixels, least), whole - least)
    total = sum(weights)
    return total * first / whole, total * (whole - first) / whole


def _share(length: int, weights: Iterable[float]) -> list[tuple[int, int]]:
    """Cut ``length`` into (start, size) pieces by weight, with gaps between them."""
    shares, gap = list(weights), px(GAP)
    usable = max(length - gap * (len(shares) - 1), len(shares))
    edges = [round(usable * sum(shares[:k]) / sum(shares)) for k in range(len(shares) + 1)]
    return [(edges[k] + gap * k, edges[k + 1] - edges[k]) for k in range(len(shares))]
