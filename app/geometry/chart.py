"""Where values lie in a chart: the numbers behind the drawing of sweeps and landscapes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from app.geometry.plane import Point, Rect

STOPS = ((13, 8, 60), (126, 32, 110), (233, 100, 52), (252, 244, 160))
"""Colours from low to high."""
UNKNOWN = (40, 44, 52)


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


def heat_colors(values: Float[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape 3"]:
    """Dark for the smallest value, bright for the largest; grey where there is none."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.broadcast_to(np.array(UNKNOWN, np.uint8), (*values.shape, 3)).copy()
    low, high = values[finite].min(), values[finite].max()
    share = np.clip((np.where(finite, values, low) - low) / max(high - low, 1e-12), 0, 1)
    steps = np.linspace(0, 1, len(STOPS))
    channels = [np.interp(share, steps, np.array(STOPS)[:, i]) for i in range(3)]
    colors = np.rint(np.stack(channels, -1)).astype(np.uint8)
    colors[~finite] = UNKNOWN
    return colors
