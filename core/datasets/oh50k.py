"""3DOH50K: people behind objects indoors (Zhang et al., CVPR 2020).

``trainset/annots.json`` and ``testset/annots.json`` hold one object per photo, by its number, with
``img_path`` ("images/00000.jpg"), ``bbox`` ([[x1, y1], [x2, y2]]), ``intri`` (3 x 3), ``extri``
(4 x 4), ``smpl_joints_2d`` (24 x 2), ``smpl_joints_3d`` (24 x 3), ``pose`` (72), ``betas`` (10),
``scale``, ``trans``.

Lengths are in units of the authors' calibration, of which ``scale`` are a metre. Some readers of
the file take the joints to be in the camera frame, others in the world frame. For each person the
frame is used in which the joints project onto the file's own 2D joints; if they do in neither, the
3D joints are unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.datasets.files import all_finite, fit_shape, read_json, relative_photo_path, require_file
from core.datasets.record import Columns, PhotoDataset, without_bad_boxes
from core.errors import UserError
from core.io.files import printable

SPLITS = ("train", "test")
AGREES = 0.02
"""Share of the box's longer side by which projected joints may miss the file's 2D joints."""

_SHAPES = {
    "bbox": (2, 2),
    "intri": (3, 3),
    "extri": (4, 4),
    "smpl_joints_2d": (24, 2),
    "smpl_joints_3d": (24, 3),
    "pose": (24, 3),
    "betas": (10,),
    "scale": (1,),
}


def open_3doh50k(folder: Path, split: str, name: str = "3doh50k") -> PhotoDataset:
    """The people of a split of 3DOH50K.

    Args:
        folder: holds ``trainset`` and ``testset``.

    Raises:
        UserError: the annotations are missing or damaged, or an entry is incomplete.
    """
    part = f"{split}set"
    path = require_file(folder, [f"{part}/annots.json"], "3DOH50K", "from its authors")
    document = read_json(path, "3DOH50K annotation file", _keeper(path))
    entries = document.items() if isinstance(document, dict) else []
    people = [(key, entry) for key, entry in entries if isinstance(entry, _Entry)]
    if not people:
        raise UserError(f"{printable(path)} holds no annotations with img_path; get it again")
    rows = [entry.columns for _, entry in people]
    columns: Columns = {k: np.stack([r[k] for r in rows]).astype(np.float32) for k in rows[0]}
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=folder / part,
        images=[entry.image for _, entry in people],
        placed=True,
        **columns,
        genders=["neutral"] * len(people),
        numbers=_numbers([key for key, _ in people]),
    )
    lost = int((~dataset.has("joints3d")).sum())
    if lost:
        note = f"{lost} people without 3D: their joints do not project onto the 2D joints"
        dataset = replace(dataset, notes=(note,))
    return without_bad_boxes(dataset)


class _Entry:
    """One annotation, as arrays."""

    def __init__(self, entry: Mapping[str, Any], path: Path) -> None:
        image = str(entry["img_path"])
        where = f"{printable(path)}: {image:.60}"
        self.image = relative_photo_path(image, where)
        found = {key: _array(entry, key, shape, where) for key, shape in _SHAPES.items()}
        self.columns = _columns(found, where)


def _keeper(path: Path) -> Any:
    def keep(entry: dict) -> Any:
        return _Entry(entry, path) if "img_path" in entry else entry

    return keep


def _array(entry: Mapping[str, Any], key: str, shape: tuple[int, ...], where: str) -> np.ndarray:
    try:
        array = np.array(entry.get(key), np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where}: {key} is missing or does not hold numbers") from error
    if not all_finite(array):
        raise UserError(f"{where}: {key} is missing or does not hold finite numbers")
    return fit_shape(array.reshape(1, -1), (1, *shape), f"{where}: {key}")[0]


def _columns(found: dict[str, np.ndarray], where: str) -> Columns:
    """A person's rows."""
    (scale,) = found["scale"]
    if scale <= 0:
        raise UserError(f"{where}: scale is {scale:g}, it must be positive")
    low, high = found["bbox"]
    points, extri = found["smpl_joints_2d"], found["extri"]
    intrinsics = found["intri"][[0, 1, 0, 1], [0, 1, 2, 2]]
    in_world = found["smpl_joints_3d"] @ extri[:3, :3].T + extri[:3, 3]
    candidates = (found["smpl_joints_3d"], in_world)
    misses = [_miss(joints, intrinsics, points) for joints in candidates]
    best = int(np.argmin(misses))
    agrees = misses[best] < AGREES * max(*(high - low), 1.0)
    joints = candidates[best] / scale if agrees else np.zeros((24, 3))
    known = np.full((24, 1), float(agrees))
    pose = found["pose"].copy()
    root = Rotation.from_matrix(extri[:3, :3]) * Rotation.from_rotvec(pose[0])
    pose[0] = root.as_rotvec()
    return {
        "boxes": np.array([*low, *(high - low)]),
        "joints2d": np.concatenate([points, np.ones((24, 1))], 1),
        "joints3d": np.concatenate([joints, known], 1),
        "pose": pose,
        "betas": found["betas"],
        "intrinsics": intrinsics,
    }


def _miss(
    joints: Float[np.ndarray, "24 3"],
    intrinsics: Float[np.ndarray, "4"],
    points: Float[np.ndarray, "24 2"],
) -> float:
    """Median distance in pixels of projected joints from the 2D joints."""
    if (joints[:, 2] <= 0).any():
        return float("inf")
    pixels = joints[:, :2] / joints[:, 2:] * intrinsics[:2] + intrinsics[2:]
    return float(np.median(np.linalg.norm(pixels - points, axis=1)))


def _numbers(keys: list[str]) -> np.ndarray | None:
    """The photos' numbers, by which they can be thinned out although they form no sequence."""
    digits = all(key.isascii() and key.isdecimal() and len(key) < 10 for key in keys)
    return np.array([int(key) for key in keys], np.int32) if digits else None
