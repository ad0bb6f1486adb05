"""Tables of a run's values by step, written as CSV files with a figure of each."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import cv2

from core.io.atomic import write_atomic
from core.io.files import read_text, readable
from core.pictures.curves import draw_curves

_MAX_BYTES = 1 << 28
_MOST_STEPS = 2**53


class Curves:
    """Rows of named values by step, written to ``<name>.csv`` and drawn to ``<name>.png``.

    Raises:
        UserError: there is such a file, and it is not what this class writes.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self.rows: list[dict[str, float]] = []
        if self.path.is_file():
            with readable(self.path, "table of a run", "move it away to go on without it"):
                rows = csv.DictReader(io.StringIO(read_text(self.path, _MAX_BYTES)), strict=True)
                self.rows = [{k: float(v) for k, v in row.items() if v} for row in rows]
                if not all(0 <= row["step"] < _MOST_STEPS for row in self.rows):
                    raise ValueError("a step is not one")

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
