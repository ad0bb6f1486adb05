"""Triangulated points over time: OpenSim's TRC files, and npz files of the same content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from core.datasets.files import FIX, Npz
from core.errors import UserError
from core.io.files import check_file, printable, unreadable

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
    try:
        check_file(path, MAX_BYTES)
        lines = path.read_text(encoding="utf-8").splitlines()
        header = dict(zip(lines[1].split(), lines[2].split(), strict=True))
        scale = _UNITS[header["Units"]]
        names = tuple(name for name in lines[3].split("\t")[2:] if name.strip())
        body = [line for line in lines[_HEADER_LINES:] if line.strip()]
        # rows may lack trailing cells, and unknown points are empty cells
        cells = [
            (line.split("\t") + [""] * (2 + 3 * len(names)))[: 2 + 3 * len(names)] for line in body
        ]
        table = np.array([[float(c) if c.strip() else np.nan for c in row] for row in cells])
        table = table.reshape(len(body), 2 + 3 * len(names))
        frames = tuple(int(number) - 1 for number in table[:, 0])
    except KeyError as error:
        raise UserError(
            f"{printable(path)} does not say its Units in m, cm or mm; {FIX}"
        ) from error
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise unreadable(path, "TRC file", error, FIX) from error
    points = scale * table[:, 2:].reshape(len(body), len(names), 3)
    return _checked(path, MarkerTrack(names, frames, points[..., [2, 0, 1]]))


def _checked(path: Path, track: MarkerTrack) -> MarkerTrack:
    """Refuse numbers that no recording has."""
    if not track.names or not track.frames:
        raise UserError(f"{printable(path)} holds no points; {FIX}")
    if min(track.frames) < 0 or np.nanmax(np.abs(track.points), initial=0) > 1e4:
        raise UserError(f"{printable(path)} holds negative frames or points beyond 10 km; {FIX}")
    return track
