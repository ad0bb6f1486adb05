"""Triangulated points over time: OpenSim's TRC files, and npz files of the same content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from core.datasets.files import FIX, Npz
from core.errors import UserError
from core.io.files import printable, read_text, readable

MAX_BYTES = 1 << 30
_UNITS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_HEADER_LINES = 5


@dataclass(frozen=True)
class MarkerTrack:
    """Named points of one person.

    Attributes:
        names: of the points, in the file's order.
        frames: number of each row's frame in its films; the first is 0.
        points: metres in the world's frame, NaN where unknown.
    """

    names: tuple[str, ...]
    frames: tuple[int, ...]
    points: Float64[np.ndarray, "frames points 3"]


def read_track(path: Path) -> MarkerTrack:
    """The points of a ``.trc`` or ``.npz`` file.

    A TRC of Pose2Sim has y up: its (x, y, z) is (y, z, x) of the calibration's world. An npz holds
    ``points`` (frames, points, 3) in metres of that world, ``names``, and perhaps ``frames``.

    Raises:
        UserError: the file is missing, damaged or of another layout.
    """
    return _read_npz(path) if path.suffix.lower() == ".npz" else _read_trc(path)


def _read_npz(path: Path) -> MarkerTrack:
    file = Npz(path, "npz of 3D points")
    names = tuple(file.texts("names"))
    points = file.numbers("points", (None, len(names), 3)).astype(np.float64)
    rows = len(points)
    frames = file.numbers("frames", (rows,)) if "frames" in file else np.arange(rows)
    return _checked(path, MarkerTrack(names, tuple(int(f) for f in frames), points))


def _read_trc(path: Path) -> MarkerTrack:
    with readable(path, "TRC file", FIX):
        lines = read_text(path, MAX_BYTES).splitlines()
        header = dict(zip(lines[1].split(), lines[2].split(), strict=True))
        scale = _UNITS.get(header.get("Units", ""))
        if scale is None:
            raise ValueError("its Units are not m, cm or mm")
        names = tuple(name for name in lines[3].split("\t")[2:] if name.strip())
        body = [line for line in lines[_HEADER_LINES:] if line.strip()]
        table = np.array([_numbers(line, 2 + 3 * len(names)) for line in body])
        table = table.reshape(len(body), 2 + 3 * len(names))
        frames = tuple(int(number) - 1 for number in table[:, 0])
    points = scale * table[:, 2:].reshape(len(body), len(names), 3)
    return _checked(path, MarkerTrack(names, frames, points[..., [2, 0, 1]]))


def _numbers(line: str, count: int) -> list[float]:
    """The cells of a row; unknown points are empty cells, and those at the end may be missing."""
    cells = (line.split("\t") + [""] * count)[:count]
    return [float(cell) if cell.strip() else np.nan for cell in cells]


def _checked(path: Path, track: MarkerTrack) -> MarkerTrack:
    """Refuse numbers that no recording has."""
    if not track.names or not track.frames:
        raise UserError(f"{printable(path)} holds no points; {FIX}")
    if min(track.frames) < 0 or np.nanmax(np.abs(track.points), initial=0) > 1e4:
        raise UserError(f"{printable(path)} holds negative frames or points beyond 10 km; {FIX}")
    return track
