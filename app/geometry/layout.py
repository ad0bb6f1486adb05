"""Where everything lies in the window: a grid of panels that fills it, in whole pixels."""

from __future__ import annotations

from collections.abc import Sequence

from app.geometry.plane import Rect

GAP = 8
TOOLBAR = 44
TIMELINE = 70
LANE = 18
"""Height of each run in the timeline after the first."""
STATUS = 28
GRID = (
    ("photo", "observed", "rendered"),
    ("loss", "occlusion", "body"),
)
COLUMNS = (1.28, 1.0, 1.0)
WHY = 0.27, 470
"""Width of the panel that answers why: its share of the window, and at most so many pixels."""
ROWS = (1.12, 1.0)


def arrange(width: int, height: int, lanes: int = 1, why: bool = False) -> dict[str, Rect]:
    """Rectangles of the bars and the panels for a window of this size.

    Args:
        lanes: runs in the timeline.
        why: the panel that answers why is there, on the right of the grid.

    Names: toolbar, photo, observed, rendered, loss, occlusion, body, timeline, status,
    and answer if it is there.
    """
    inner = width - 2 * GAP
    places = {"toolbar": Rect(GAP, GAP, inner, TOOLBAR)}
    status_top = height - STATUS
    tall = TIMELINE + LANE * max(lanes - 1, 0)
    timeline_top = status_top - tall
    places["timeline"] = Rect(GAP, timeline_top, inner, tall)
    places["status"] = Rect(GAP, status_top, inner, STATUS)
    grid_top = TOOLBAR + 2 * GAP
    grid_height = timeline_top - GAP - grid_top
    if why:
        wide = min(round(WHY[0] * inner), WHY[1])
        places["answer"] = Rect(width - GAP - wide, grid_top, wide, grid_height)
        inner -= wide + GAP
    columns = _share(inner, COLUMNS)
    rows = _share(grid_height, ROWS)
    for names, (top, tall) in zip(GRID, rows, strict=True):
        for name, (left, wide) in zip(names, columns, strict=True):
            places[name] = Rect(GAP + left, grid_top + top, wide, tall)
    return places


def _share(length: int, weights: Sequence[float]) -> list[tuple[int, int]]:
    """Cut ``length`` into (start, size) pieces by weight, with gaps between them."""
    usable = max(length - GAP * (len(weights) - 1), len(weights))
    edges = [round(usable * sum(weights[:k]) / sum(weights)) for k in range(len(weights) + 1)]
    return [(edges[k] + GAP * k, edges[k + 1] - edges[k]) for k in range(len(weights))]
