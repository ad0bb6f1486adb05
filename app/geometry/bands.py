"""Curves in bands of their own: where they lie, and which values and steps they span."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from app.geometry.plane import Rect

GAP = 5.0
NARROWEST = 4.0  # steps: no closer look than this
DECADES = 1e-4  # of the largest value: nearer to zero a signed logarithmic axis is linear

Span = tuple[float, float]


def stack(names: Sequence[str], area: Rect, first: float = 1.6) -> dict[str, Rect]:
    """One band a name from top to bottom, the first one ``first`` times as tall as the others."""
    if not names:
        return {}
    unit = (area.height - GAP * (len(names) - 1)) / (len(names) - 1 + first)
    bands, top = {}, area.y
    for index, name in enumerate(names):
        height = max(unit * (1.0 if index else first), 1.0)
        bands[name] = area._replace(y=top, height=height)
        top += height + GAP
    return bands


def value_range(values: Sequence[float]) -> Span:
    """The least and the largest finite value; a little apart if they are equal."""
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    room = 0.5 * max(abs(high), 1e-9) if high - low < 1e-9 * max(abs(high), 1e-9) else 0.0
    return low - room, high + room


def logarithmic(values: Sequence[float]) -> list[float]:
    """Values on a logarithmic axis; one that is linear near zero if they have both signs."""
    finite = [abs(value) for value in values if math.isfinite(value)]
    largest = max(finite, default=1.0) or 1.0
    least = max(largest * DECADES, sys.float_info.min)  # a product of tiny numbers is 0
    if all(value >= 0 for value in values):
        return [
            math.log10(max(value, least)) if math.isfinite(value) else value for value in values
        ]
    return [math.copysign(math.log10(1 + abs(value) / least), value) for value in values]


def zoomed(window: Span, at: float, factor: float, whole: Span) -> Span:
    """The steps on screen after a closer look (factor above 1) at one of them."""
    width = (window[1] - window[0]) / factor
    width = min(max(width, NARROWEST), whole[1] - whole[0])
    share = (at - window[0]) / max(window[1] - window[0], 1e-9)
    return inside((at - share * width, at + (1 - share) * width), whole)


def inside(window: Span, whole: Span) -> Span:
    """The window moved to where there are steps; as wide as it was, but not wider than all."""
    width = min(window[1] - window[0], whole[1] - whole[0])
    low = min(max(window[0], whole[0]), whole[1] - width)
    return low, low + width
