"""Tables of a run's values by step, written as CSV files with a figure of each."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from core.io.atomic import write_atomic
from core.io.files import read_text, readable
from core.io.images import save_image
from core.pictures.curves import draw_curves

MAX_BYTES = 1 << 28
MOST_STEPS = 2**53


class Curves:
    """Rows of named values by step, written to ``<name>.csv`` and drawn to ``<name>.png``.

    Raises:
        UserError: there is such a file, and it is not what this class writes.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        self.rows: list[dict[str, float]] = []

    @property
    def last(self) -> float:
        """Step of the last row, 0 without any."""
        return self.rows[-1]["step"] if self.rows else 0

    def resume(self, step: int) -> None:
        """Read the rows that an earlier process wrote up to a step.

        Raises:
            UserError: the table is damaged.
        """
        self.rows = []
        if step == 0 or not self.path.is_file():
            return
        with readable(self.path, "table of a run", "delete it, and its curves begin anew"):
            text = io.StringIO(read_text(self.path, MAX_BYTES))
            self.rows = [_parse(row) for row in csv.DictReader(text, strict=True)]
        self.cut(step)

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
            save_image(self.path.with_suffix(".png"), draw_curves(self.rows))

    def _write(self, path: Path) -> None:
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)


def _parse(row: dict[str, str]) -> dict[str, float]:
    """A row's numbers; empty cells are values that it lacks.

    Raises:
        ValueError: a cell is no number, or the row has no step or too many cells.
    """
    if None in row or not row.get("step"):
        raise ValueError("a row has no step, or more cells than the first line")
    numbers = {name: float(value) for name, value in row.items() if value}
    if not 0 <= numbers["step"] < MOST_STEPS:
        raise ValueError("a step is not one")
    return numbers
