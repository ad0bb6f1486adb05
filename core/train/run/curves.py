"""Tables of a run's values by step, written as CSV files with a figure of each."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2

from core.io.atomic import write_atomic
from core.pictures.curves import draw_curves


class Curves:
    """Rows of named values by step, written to ``<name>.csv`` and drawn to ``<name>.png``."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self.rows: list[dict[str, float]] = []
        if self.path.is_file():
            with self.path.open(newline="") as file:
                rows = csv.DictReader(file)
                self.rows = [{k: float(v) for k, v in row.items() if v} for row in rows]

    def cut(self, step: int) -> None:
        """Drop the rows after a step; a resumed run adds them again."""
        self.rows = [row for row in self.rows if row["step"] <= step]

    def add(self, step: int, values: dict[str, float]) -> None:
        """Append a row."""
        self.rows.append({"step": float(step), **values})

    def save(self) -> None:
        """Write the table and its figure."""
        if self.rows:
            write_atomic(self.path, self._write)
            picture = draw_curves(self.rows)[..., ::-1]  # OpenCV writes BGR
            write_atomic(self.path.with_suffix(".png"), lambda p: cv2.imwrite(str(p), picture))

    def _write(self, path: Path) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)
