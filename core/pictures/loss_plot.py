"""A plot of the loss terms of a fit over its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from core.pictures.palette import BEST, DIM, LINE, SERIES, TEXT, WELL, Color
from core.pictures.text import Canvas, shorten, text_width

_LEGEND = 210  # width of the column of names and numbers
_LEFT, _TOP, _BOTTOM = 14, 30, 26
_SMALL = 13
_TICK_SPACING = 48  # smallest distance of step numbers, pixels
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates

_Values = Float[np.ndarray, " steps"]


def plot_losses(
    curves: Mapping[str, _Values],
    width: int = 640,
    height: int = 360,
    stages: Sequence[tuple[int, str]] = (),
    best: int | None = None,
) -> UInt8[np.ndarray, "height width 3"]:
    """`LossPlot` with one step marked, or none."""
    return LossPlot(curves, width, height, stages).marked(best)


class LossPlot:
    """Curves over the steps, each scaled to its own range: terms differ by orders of magnitude.

    Names are listed on the right with the first and the last value. The curves are drawn once,
    steps are marked on copies.

    Args:
        curves: loss by name, one value a step; the first is drawn on top. NaN leaves a gap.
        stages: first step and name of each stage.
    """

    def __init__(
        self,
        curves: Mapping[str, _Values],
        width: int = 640,
        height: int = 360,
        stages: Sequence[tuple[int, str]] = (),
    ) -> None:
        self._area = area = _LEFT, _TOP, width - _LEGEND - 16, height - _BOTTOM
        self._steps = steps = max((len(values) for values in curves.values()), default=0)
        canvas = Canvas(width, height, WELL)
        _draw_axis(canvas, area, steps)
        _draw_stages(canvas, area, steps, stages)
        _draw_names(canvas, curves, area[2] + 18, width)
        self._picture = canvas.pixels()
        for index, values in reversed(list(enumerate(curves.values()))):
            color = SERIES[index % len(SERIES)]
            _draw_curve(self._picture, area, values, steps, color, index == 0)

    def marked(self, step: int | None) -> UInt8[np.ndarray, "height width 3"]:
        """The plot with a step marked as the best."""
        picture = self._picture.copy()
        if step is None or self._steps == 0:
            return picture
        x = round(_x(step, self._steps, self._area))
        cv2.line(picture, (x, self._area[1]), (x, self._area[3]), BEST, 1, cv2.LINE_AA)
        canvas = Canvas(picture.shape[1], picture.shape[0])
        canvas.paste(0, 0, picture)
        _draw_best(canvas, self._area, self._steps, step)
        return canvas.pixels()


def _draw_axis(canvas: Canvas, area: tuple[int, int, int, int], steps: int) -> None:
    """Draw the horizontal axis with some step numbers."""
    left, _, right, bottom = area
    canvas.line(left, bottom, right, bottom, LINE)
    for step in _ticks(steps, (right - left) // _TICK_SPACING):
        x = round(_x(step, steps, area))
        canvas.line(x, bottom, x, bottom + 4, LINE)
        label = str(step)
        place = min(max(x - text_width(label, _SMALL) // 2, 0), right - text_width(label, _SMALL))
        canvas.text(place, bottom + 6, label, _SMALL, DIM)


def _draw_stages(
    canvas: Canvas, area: tuple[int, int, int, int], steps: int, stages: Sequence[tuple[int, str]]
) -> None:
    """Draw a line at the beginning of each stage, and its name, shortened to fit."""
    borders = [*(round(_x(start, steps, area)) for start, _ in stages), area[2]]
    for (_, name), x, next_x in zip(stages, borders[:-1], borders[1:], strict=True):
        canvas.line(x, area[1], x, area[3], LINE)
        canvas.text(x + 4, 9, shorten(name, _SMALL, max(next_x - x - 8, 0)), _SMALL, DIM)


def _draw_curve(
    picture: UInt8[np.ndarray, "height width 3"],
    area: tuple[int, int, int, int],
    values: _Values,
    steps: int,
    color: Color,
    strong: bool,
) -> None:
    """Draw one curve, scaled to the range of its finite values."""
    values = np.asarray(values, np.float64)
    finite = np.isfinite(values)
    if not finite.any():
        return
    low, high = values[finite].min(), values[finite].max()
    share = (values - low) / (high - low) if high > low else np.zeros_like(values)
    x = area[0] + (area[2] - area[0]) * np.arange(len(values)) / max(steps - 1, 1)
    y = area[3] - 3 - share * (area[3] - area[1] - 6)
    for run in np.split(np.arange(len(values)), np.flatnonzero(np.diff(finite)) + 1):
        if finite[run[0]]:
            points = np.stack([x[run], y[run]], 1) * 2**_SUBPIXEL
            line = points.round().astype(np.int32)
            thickness = 2 if strong else 1
            cv2.polylines(picture, [line], False, color, thickness, cv2.LINE_AA, _SUBPIXEL)


def _draw_best(canvas: Canvas, area: tuple[int, int, int, int], steps: int, best: int) -> None:
    """Draw the marked step's number next to its line, on the side with enough space."""
    label = f"best {best}"
    x = round(_x(best, steps, area)) + 5
    if x + text_width(label, _SMALL) > area[2]:
        x -= text_width(label, _SMALL) + 10
    canvas.text(x, area[1] + 2, label, _SMALL, BEST)


def _draw_names(canvas: Canvas, curves: Mapping[str, _Values], x: int, width: int) -> None:
    """Draw colour, name, first and last finite value of each curve."""
    for index, (name, values) in enumerate(curves.items()):
        y = _TOP + index * 38
        canvas.box(x, y + 5, 10, 10, SERIES[index % len(SERIES)], radius=3)
        canvas.text(x + 18, y, shorten(name, 15, width - x - 20), 15, TEXT)
        finite = np.asarray(values)[np.isfinite(values)]
        if len(finite):
            numbers = f"{finite[0]:.4g}  to  {finite[-1]:.4g}"
            canvas.text(x + 18, y + 18, shorten(numbers, _SMALL, width - x - 20), _SMALL, DIM)


def _x(step: float, steps: int, area: tuple[int, int, int, int]) -> float:
    """Horizontal pixel of a step."""
    return area[0] + (area[2] - area[0]) * step / max(steps - 1, 1)


def _ticks(steps: int, most: int) -> list[int]:
    """Round step numbers (multiples of 1, 2 or 5 times a power of ten), about ``most`` at most."""
    if steps <= 1:
        return [0]
    rounds = (base * 10**e for e in range(18) for base in (1, 2, 5))
    spacing = next(s for s in rounds if steps / s <= max(most, 1))
    return list(range(0, steps, spacing))
