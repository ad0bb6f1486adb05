"""TensorBoard logs of a run's curves and pictures, in ``OUT/tensorboard``.

The logs copy ``losses.csv``, ``held_out.csv`` and the gallery; they hold nothing else.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from core.errors import UserError
from core.train.run.curves import Curves

FOLDER = "tensorboard"


class Logs:
    """Writes new rows of curves to TensorBoard.

    Args:
        folder: folder of the run.
        curves: curves to log; ``losses/pose`` is the column ``pose`` of ``losses.csv``.
        step: current step of the run; entries that an interrupted run logged after it are purged.

    Raises:
        UserError: TensorBoard is not installed.
    """

    def __init__(self, folder: Path, curves: Sequence[Curves], step: int = 0) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise UserError("--tensorboard needs a package: pip install nbf[train]")
        from torch.utils.tensorboard import SummaryWriter

        place = folder / FOLDER
        before = any(place.glob("events.*"))
        self.writer = SummaryWriter(str(place), purge_step=step + 1 if before else None)
        self.curves = curves
        self._written = [len(c.rows) if before else 0 for c in curves]

    def follow(self) -> None:
        """Write the new rows."""
        for index, curves in enumerate(self.curves):
            new = curves.rows[self._written[index] :]
            for row in new:
                self._write(curves.path.stem, row)
            self._written[index] += len(new)
            if new:
                self.writer.flush()

    def picture(self, step: int, picture: UInt8[np.ndarray, "height width 3"]) -> None:
        """Write the sheet of a validation."""
        self.writer.add_image("validation", picture, step, dataformats="HWC")
        self.writer.flush()

    def close(self) -> None:
        """Write the remaining rows and close the file."""
        self.follow()
        self.writer.close()

    def _write(self, group: str, row: dict[str, float]) -> None:
        """Write the values of one step."""
        step = int(row["step"])
        for name, value in row.items():
            if name != "step":
                self.writer.add_scalar(f"{group}/{name}", value, step)
