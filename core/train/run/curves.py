"""Training curves: a CSV that only grows, and a picture of it."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np

from core.io.atomic import write_atomic

_PANEL = (220, 320)  # height, width in pixels
_MARGIN = 26
_COLUMNS = 4
_MANY = 60  # points from which a curve is also drawn as the mean of some neighbours
_PALE, _STRONG = (225, 205, 180), (160, 90, 20)


class Curves:
    """Rows of named numbers by step, written to ``<name>.csv`` and drawn to ``<name>.png``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self.rows: list[dict[str, float]] = []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                rows = csv.DictReader(file)
                self.rows = [{k: float(v) for k, v in row.items() if v} for row in rows]

    def cut(self, step: int) -> None:
        """Forget rows after a step: a resumed run will write them again."""
        self.rows = [row for row in self.rows if row["step"] <= step]

    def add(self, step: int, values: dict[str, float]) -> None:
        """Append a row."""
        self.rows.append({"step": float(step), **values})

    def save(self) -> None:
        """Write the table and its picture."""
        if self.rows:
            write_atomic(self.path, self._write)
            picture = draw_curves(self.rows)
            write_atomic(self.path.with_suffix(".png"), lambda p: cv2.imwrite(str(p), picture))

    def _write(self, path: Path) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)


def draw_curves(rows: list[dict[str, float]]) -> np.ndarray:
    """One panel for each column against the step, as a BGR image."""
    names = [name for name in dict.fromkeys(n for row in rows for n in row) if name != "step"]
    panels = [_draw_panel(name, _points(rows, name)) for name in names]
    while len(panels) % _COLUMNS:
        panels.append(np.full((*_PANEL, 3), 255, np.uint8))
    lines = [np.concatenate(panels[i : i + _COLUMNS], 1) for i in range(0, len(panels), _COLUMNS)]
    return np.concatenate(lines, 0)


def _points(rows: list[dict[str, float]], name: str) -> np.ndarray:
    points = np.array([(row["step"], row[name]) for row in rows if name in row])
    return points[np.isfinite(points[:, 1])]


def _draw_panel(name: str, points: np.ndarray) -> np.ndarray:
    height, width = _PANEL
    panel = np.full((height, width, 3), 255, np.uint8)
    inner = (width - 2 * _MARGIN, height - 2 * _MARGIN)
    cv2.rectangle(panel, (_MARGIN, _MARGIN), (width - _MARGIN, height - _MARGIN), (210,) * 3)
    if len(points):
        steps, values = points.T
        low, high = float(values.min()), float(values.max())
        x = _MARGIN + inner[0] * steps / max(steps.max(), 1)
        y = _MARGIN + inner[1] * (1 - (values - low) / max(high - low, 1e-12))
        many = len(points) >= _MANY
        _draw_line(panel, x, y, _PALE if many else _STRONG)
        if many:
            _draw_line(panel, x, smooth(y), _STRONG)
        name = f"{name}  {values[-1]:.4g}   [{low:.3g}, {high:.3g}]"
    cv2.putText(panel, name, (_MARGIN, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0,) * 3, 1, cv2.LINE_AA)
    return panel


def _draw_line(panel: np.ndarray, x: np.ndarray, y: np.ndarray, color: tuple[int, ...]) -> None:
    line = np.stack([x, y], 1).round().astype(np.int32)
    cv2.polylines(panel, [line], False, color, 1, cv2.LINE_AA)


def smooth(values: np.ndarray) -> np.ndarray:
    """The mean over a twentieth of the curve about each point, fewer at the ends."""
    reach = len(values) // 40
    sums = np.concatenate([[0.0], np.cumsum(values)])
    index = np.arange(len(values))
    start, stop = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(values))
    return (sums[stop] - sums[start]) / (stop - start)
