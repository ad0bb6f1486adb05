"""MPI-INF-3DHP as its authors distribute the training part (Mehta et al., 3DV 2017).

``S1/Seq1/annot.mat`` (MATLAB 5) holds the cells ``annot2`` (frames x 56: 28 points in pixels) and
``annot3`` (frames x 84: millimetres, in the camera) of 14 cameras. ``camera.calibration`` in the
same folder holds their intrinsics. Photos are frames of the videos, extracted as by SPIN:
``S1/Seq1/imageFrames/video_0/frame_000001.jpg``, counted from 1.

The test part is in MATLAB 7.3 files, which need another library: use SPIN's npz for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from core.datasets.files import (
    FIX,
    HELP,
    MAX_BYTES,
    fit_shape,
    require_folder,
    to_float32,
)
from core.datasets.landmarks import MPI_INF_3DHP_28, fill_missing_hips, sort_points
from core.datasets.mat5 import read_cells
from core.datasets.record import Columns, PhotoDataset, without_bad_boxes
from core.errors import UserError
from core.io.files import printable, read_bytes, readable

CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
"""SPIN's choice of the fourteen."""
STEP = 10
"""Every tenth frame is used: consecutive ones look alike, and there are 1.3 million."""
SIDE = 2048
"""Width and height of the videos."""

_BODY = [row for row, name in enumerate(MPI_INF_3DHP_28) if name]
_FIRST_HDF = b"MATLAB 7.3"


def open_mpi_inf_3dhp(
    folder: Path, split: str = "train", name: str = "mpi-inf-3dhp-raw"
) -> PhotoDataset:
    """The people of the training part, every tenth frame; points outside the photo are unknown.

    Args:
        folder: holds ``S1`` to ``S8``, or some of them.

    Raises:
        UserError: there is no annot.mat, or one is damaged or of the test part.
    """
    require_folder(folder, "MPI-INF-3DHP's S1 to S8")
    files = sorted(folder.glob("S*/Seq*/annot.mat"))
    if not files:
        raise UserError(f"{printable(folder)} has no S1/Seq1/annot.mat and the like ({HELP})")
    parts = [part for path in files for part in _sequence(path, folder)]
    columns: Columns = {k: np.concatenate([p[k] for p in parts]) for k in parts[0] if k != "images"}
    images = [image for part in parts for image in part["images"]]
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=folder,
        images=images,
        placed=True,
        **columns,
        subjects=[image.split("/")[0] for image in images],
        sequences=[image.rpartition("/")[0] for image in images],
    )
    return without_bad_boxes(dataset)


def _sequence(path: Path, folder: Path) -> Iterator[Columns]:
    """The columns of each camera of a sequence."""
    annotations = _read(path)
    intrinsics_of = _calibration(path.with_name("camera.calibration"))
    place = path.parent.relative_to(folder).as_posix()
    for camera in CAMERAS:
        where = f"{printable(path)}: camera {camera}"
        flat2d, flat3d = (_cell(annotations[k], camera, where) for k in ("annot2", "annot3"))
        points = to_float32(fit_shape(flat2d, (None, 28, 2), where)[::STEP])
        joints = to_float32(fit_shape(flat3d, (None, 28, 3), where)[::STEP]) / 1000
        if len(points) != len(joints):
            raise UserError(f"{where} has annot2 and annot3 of different lengths")
        numbers = np.arange(len(points), dtype=np.int32) * STEP + 1
        intrinsics = intrinsics_of.get(camera, np.full(4, np.nan, np.float32))
        yield _columns(points, joints) | {
            "images": [f"{place}/imageFrames/video_{camera}/frame_{n:06d}.jpg" for n in numbers],
            "numbers": numbers,
            "intrinsics": np.repeat(intrinsics[None], len(points), 0),
        }


def _columns(points: np.ndarray, joints: np.ndarray) -> Columns:
    inside = ((points >= 0) & (points < SIDE)).all(2, keepdims=True)
    marked = sort_points(np.concatenate([points, inside], 2).astype(np.float32), MPI_INF_3DHP_28)
    fill_missing_hips(*marked)
    known = np.concatenate([joints, np.ones_like(joints[..., :1])], 2)
    joints3d, landmarks3d = sort_points(known, MPI_INF_3DHP_28)
    body = points[:, _BODY]
    low, size = body.min(1), np.ptp(body, axis=1)
    return {
        "boxes": np.concatenate([low, size], 1),
        "joints2d": marked[0],
        "landmarks2d": marked[1],
        "joints3d": joints3d,
        "landmarks3d": landmarks3d,
    }


def _read(path: Path) -> dict[str, Sequence[np.ndarray | None]]:
    """The cells of both arrays."""
    with readable(path, "MPI-INF-3DHP annot.mat", FIX):
        content = read_bytes(path, MAX_BYTES)
        if content.startswith(_FIRST_HDF):
            message = "is a MATLAB 7.3 file (the test part), which cannot be read here"
            raise UserError(f"{printable(path)} {message}; use SPIN's npz ({HELP})")
        found = read_cells(content, ("annot2", "annot3"))
    for key in ("annot2", "annot3"):
        if key not in found:
            raise UserError(f"{printable(path)} lacks the cells {key}; get the file again")
    return {**found}


def _cell(cells: Sequence[np.ndarray | None], camera: int, where: str) -> np.ndarray:
    found = cells[camera] if camera < len(cells) else None
    if found is None:
        raise UserError(f"{where} is missing or holds no table of numbers; get the file again")
    return found


def _calibration(path: Path) -> dict[int, Float32[np.ndarray, "4"]]:
    """fx, fy, cx, cy by camera; empty if there is no file.

    Raises:
        UserError: the file is damaged.
    """
    if not path.is_file():
        return {}
    with readable(path, "calibration", FIX):
        return _parse_calibration(read_bytes(path, MAX_BYTES).decode("utf-8", "replace"))


def _parse_calibration(text: str) -> dict[int, Float32[np.ndarray, "4"]]:
    intrinsics_of = {}
    for block in re.split(r"^name", text, flags=re.MULTILINE)[1:]:
        number = re.match(r"\s+(\d+)", block)
        intrinsic = re.search(r"^\s*intrinsic\s+(.+)$", block, re.MULTILINE)
        if number is None or intrinsic is None:
            continue
        matrix = np.array(intrinsic[1].split(), np.float32).reshape(4, 4)
        intrinsics_of[int(number[1])] = matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
    return intrinsics_of
