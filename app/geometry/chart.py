"""Where values lie in a chart: the numbers behind the drawing of sweeps and landscapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from app.geometry.plane import Point, Rect


@dataclass(frozen=True)
class Axis:
    """Values along a side of a chart, in pixels."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Pixel of a value."""
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def value(self, place: float) -> float:
        """Value at a pixel, inside the axis."""
        share = (place - self.start) / ((self.end - self.start) or 1.0)
        return self.low + min(max(share, 0.0), 1.0) * (self.high - self.low)


def axes_of(area: Rect, across: Sequence[float], up: Sequence[float]) -> tuple[Axis, Axis]:
    """Axes that show all finite values, the second one growing upwards."""
    low, high = _ends(across)
    least, most = _ends(up)
    return Axis(low, high, area.x, area.right), Axis(least, most, area.bottom, area.y)


def _ends(values: Sequence[float]) -> Point:
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def filled(total: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """A grid that is known from coarse to fine, with unknown points as their coarse neighbours."""
    rows, columns = np.indices(total.shape)
    shown = total.copy()
    for stride in (2, 4, 8):
        coarse = total[rows - rows % stride, columns - columns % stride]
        shown = np.where(np.isnan(shown), coarse, shown)
    return shown


def shares(values: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """0 for the smallest value, 1 for the largest; NaN where there is none."""
    finite = np.where(np.isfinite(values), values, np.nan)
    if np.isnan(finite).all():
        return finite
    low, high = np.nanmin(finite), np.nanmax(finite)
    return (finite - low) / max(high - low, 1e-12)
