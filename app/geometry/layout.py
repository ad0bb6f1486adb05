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
ROWS = (1.12, 1.0)


def arrange(width: int, height: int, lanes: int = 1) -> dict[str, Rect]:
    """Rectangles of the bars and the panels for a window of this size.

    Args:
        lanes: runs in the timeline.

    Names: toolbar, photo, observed, rendered, loss, occlusion, body, timeline, status.
    """
    inner = width - 2 * GAP
    places = {"toolbar": Rect(GAP, GAP, inner, TOOLBAR)}
    status_top = height - STATUS
    tall = TIMELINE + LANE * max(lanes - 1, 0)
    timeline_top = status_top - tall
    places["timeline"] = Rect(GAP, timeline_top, inner, tall)
    places["status"] = Rect(GAP, status_top, inner, STATUS)
    grid_top = TOOLBAR + 2 * GAP
    columns = _share(inner, COLUMNS)
    rows = _share(timeline_top - GAP - grid_top, ROWS)
    for names, (top, tall) in zip(GRID, rows, strict=True):
        for name, (left, wide) in zip(names, columns, strict=True):
            places[name] = Rect(GAP + left, grid_top + top, wide, tall)
    return places


def _share(length: int, weights: Sequence[float]) -> list[tuple[int, int]]:
    """Cut ``length`` into (start, size) pieces by weight, with gaps between them."""
    usable = max(length - GAP * (len(weights) - 1), len(weights))
    edges = [round(usable * sum(weights[:k]) / sum(weights)) for k in range(len(weights) + 1)]
    return [(edges[k] + GAP * k, edges[k + 1] - edges[k]) for k in range(len(weights))]
