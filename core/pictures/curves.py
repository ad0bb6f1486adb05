"""A figure of named curves over the steps of a run, one panel each, on white."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from core.pictures.palette import CURVE, CURVE_RAW, FRAME, INK, PAPER, Color

_PANEL = (220, 320)  # height, width in pixels
_MARGIN = 26
_COLUMNS = 4
_LARGEST = 1e300  # of values, whose range must be finite
_SMOOTHED_FROM = 60  # points from which a curve is also drawn smoothed


def draw_curves(rows: list[dict[str, float]]) -> UInt8[np.ndarray, "height width 3"]:
    """One panel for each column against the column ``step``, as an RGB image.

    Args:
        rows: values by name; columns may be missing in some rows.
    """
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "step"]
    panels = [_draw_panel(name, _points(rows, name)) for name in names]
    while len(panels) % _COLUMNS:
        panels.append(_empty_panel())
    lines = [np.concatenate(panels[i : i + _COLUMNS], 1) for i in range(0, len(panels), _COLUMNS)]
    return np.concatenate(lines, 0)


def smooth(values: Float[np.ndarray, " points"]) -> Float[np.ndarray, " points"]:
    """Moving average over a twentieth of the curve, over fewer points at the ends."""
    reach = len(values) // 40
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    start, stop = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(values))
    return (sums[stop] - sums[start]) / (stop - start)


def _points(rows: list[dict[str, float]], name: str) -> Float[np.ndarray, "points 2"]:
    """(step, value) of the values of a column that can be drawn."""
    points = np.array([(row["step"], row[name]) for row in rows if name in row])
    return points[np.abs(points[:, 1]) < _LARGEST]  # neither infinity nor NaN


def _empty_panel() -> UInt8[np.ndarray, "height width 3"]:
    return np.full((*_PANEL, 3), PAPER, np.uint8)


def _draw_panel(
    name: str, points: Float[np.ndarray, "points 2"]
) -> UInt8[np.ndarray, "height width 3"]:
    """A curve between its extremes, with name, last value and range above it."""
    height, width = _PANEL
    panel = _empty_panel()
    inner = (width - 2 * _MARGIN, height - 2 * _MARGIN)
    cv2.rectangle(panel, (_MARGIN, _MARGIN), (width - _MARGIN, height - _MARGIN), FRAME)
    if len(points):
        steps, values = points.T
        low, high = float(values.min()), float(values.max())
        x = _MARGIN + inner[0] * steps / max(steps.max(), 1)
        y = _MARGIN + inner[1] * (1 - (values - low) / max(high - low, 1e-12))
        smoothed = len(points) >= _SMOOTHED_FROM
        _draw_line(panel, x, y, CURVE_RAW if smoothed else CURVE)
        if smoothed:
            _draw_line(panel, x, smooth(y), CURVE)
        name = f"{name}  {values[-1]:.4g}   [{low:.3g}, {high:.3g}]"
    cv2.putText(panel, name, (_MARGIN, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return panel


def _draw_line(panel: np.ndarray, x: np.ndarray, y: np.ndarray, color: Color) -> None:
    line = np.stack([x, y], 1).round().astype(np.int32)
    cv2.polylines(panel, [line], False, color, 1, cv2.LINE_AA)
