"""EFT's json files: SMPL fitted to the people of COCO, MPII and LSPET (Joo et al., 3DV 2021).

``{"ver": ..., "data": [{...}]}`` with one entry per person: ``parm_pose`` (24 rotation matrices),
``parm_shape`` (10), ``parm_cam`` (s, tx, ty: the crop spans -1..1, x = s X + tx), ``bbox_center``
and ``bbox_scale`` (a square of 200 * scale pixels, the box widened by 1.2), ``imageName`` (no
folder), ``gt_keypoint_2d`` (SPIN's 49, pixels; not in all releases), ``annotId`` (COCO), and
``smpltype``. The bodies are fitted to crops, so the frame is "crop".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from scipy.spatial.transform import Rotation

from core.datasets.coco import read_keypoints
from core.datasets.files import all_finite, fit_shape, read_json, relative_photo_path, to_float32
from core.datasets.landmarks import COCO_17, SPIN_49, PointLayout, fill_missing_hips, sort_points
from core.datasets.record import Columns, PhotoDataset, without_bad_boxes
from core.datasets.spin import PIXELS, square_boxes
from core.errors import UserError
from core.io.files import printable

_NOT_ORTHOGONAL = 0.02
"""Largest entry of |R R^T - I| of a rotation matrix of a fit."""


@dataclass(frozen=True)
class _Fit:
    """One entry as arrays, which take less memory than lists."""

    image: str
    center: Float32[np.ndarray, "2"]
    scale: float
    rotations: Float32[np.ndarray, "24 3 3"]
    betas: Float32[np.ndarray, "10"]
    camera: Float32[np.ndarray, "3"]
    points: Float32[np.ndarray, "49 3"] | None
    annotation: int | None
    is_smpl: bool


def open_eft(
    path: Path,
    root: Path,
    name: str,
    split: str,
    folder: str = "",
    annotations: Path | None = None,
) -> PhotoDataset:
    """The people of one of EFT's files.

    Args:
        path: the json.
        root: folder of the data set.
        folder: photos' folder in ``root``.
        annotations: COCO's own json, for the 2D points of releases without ``gt_keypoint_2d``.

    Raises:
        UserError: the file is missing or damaged, or an entry is incomplete or invalid.
    """
    fits = _read(path)
    boxes = square_boxes(
        np.stack([fit.center for fit in fits]), np.array([fit.scale for fit in fits], np.float32)
    )
    joints2d, landmarks2d, notes = _points2d(fits, annotations)
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=root / folder,
        images=[fit.image for fit in fits],
        boxes=boxes,
        frame="crop",
        joints2d=joints2d,
        landmarks2d=landmarks2d,
        **_bodies(fits, path),
        genders=["neutral"] * len(fits),
        notes=notes,
    )
    return without_bad_boxes(dataset)


def _read(path: Path) -> list[_Fit]:
    def keep(entry: dict) -> Any:
        return _fit(entry, path) if "parm_pose" in entry else entry

    document = read_json(path, "EFT file", keep)
    fits = document.get("data") if isinstance(document, dict) else None
    if not isinstance(fits, list) or not fits or not all(isinstance(f, _Fit) for f in fits):
        message = 'it has no "data" of fits with parm_pose; get the file again'
        raise UserError(f"{printable(path)} is not a json of EFT: {message}")
    return fits


def _fit(entry: Mapping[str, Any], path: Path) -> _Fit:
    """One entry, checked."""
    where = f"{printable(path)}: the fit to {entry.get('imageName', '?')!r:.60}"

    def numbers(key: str, *shape: int) -> np.ndarray:
        return _numbers(entry.get(key), shape, f"{where}: {key}")

    points = entry.get("gt_keypoint_2d")
    annotation = entry.get("annotId")
    annotation = annotation[0] if isinstance(annotation, list) and annotation else annotation
    name = str(entry.get("imageName", "")).replace("\\", "/").rpartition("/")[2]
    return _Fit(
        image=relative_photo_path(name, where),
        center=numbers("bbox_center", 2),
        scale=float(numbers("bbox_scale", 1)[0]),
        rotations=numbers("parm_pose", 24, 3, 3),
        betas=numbers("parm_shape", 10),
        camera=numbers("parm_cam", 3),
        points=None if points is None else numbers("gt_keypoint_2d", 49, 3),
        annotation=annotation if isinstance(annotation, int) else None,
        is_smpl=entry.get("smpltype", "smpl") == "smpl",
    )


def _numbers(values: object, shape: tuple[int, ...], where: str) -> np.ndarray:
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"{where} is missing or does not hold numbers") from error
    if not all_finite(array):
        raise UserError(f"{where} is missing or does not hold finite numbers")
    return fit_shape(to_float32(array.reshape(1, -1)), (1, *shape), where)[0]


def _bodies(fits: Sequence[_Fit], path: Path) -> Columns:
    """Pose, shape and camera."""
    matrices = np.stack([fit.rotations for fit in fits])
    _check_rotations(matrices, fits, path)
    pose = Rotation.from_matrix(matrices.reshape(-1, 3, 3).astype(np.float64)).as_rotvec()
    betas = np.stack([fit.betas for fit in fits])
    betas[[not fit.is_smpl for fit in fits]] = np.nan
    return {
        "pose": pose.reshape(-1, 24, 3).astype(np.float32),
        "betas": betas,
        "weak_camera": _weak_cameras(fits, path),
    }


def _check_rotations(
    matrices: Float32[np.ndarray, "people 24 3 3"], fits: Sequence[_Fit], path: Path
) -> None:
    error = matrices @ matrices.swapaxes(-1, -2) - np.eye(3, dtype=np.float32)
    wrong = np.abs(error).max((1, 2, 3)) > _NOT_ORTHOGONAL
    wrong |= (np.linalg.det(matrices) < 0).any(1)
    if wrong.any():
        image = fits[int(wrong.argmax())].image
        raise UserError(f"{printable(path)}: parm_pose of the fit to {image} is no rotation matrix")


def _weak_cameras(fits: Sequence[_Fit], path: Path) -> Float32[np.ndarray, "people 3"]:
    """EFT translates after scaling, in half crops; records translate before, in metres."""
    scale, x, y = np.stack([fit.camera for fit in fits]).T
    if (scale <= 0).any():
        image = fits[int((scale <= 0).argmax())].image
        raise UserError(f"{printable(path)}: parm_cam of the fit to {image} has no positive scale")
    half = PIXELS / 2 * np.array([fit.scale for fit in fits], np.float32)
    return np.stack([half * scale, x / scale, y / scale], 1)


def _points2d(
    fits: Sequence[_Fit], annotations: Path | None
) -> tuple[np.ndarray | None, np.ndarray | None, tuple[str, ...]]:
    """2D joints, 2D landmarks, and notes about them."""
    layout: PointLayout
    if any(fit.points is not None for fit in fits):
        found = np.stack([np.zeros((49, 3)) if f.points is None else f.points for f in fits])
        points, layout = np.concatenate([found[:, 25:], found[:, :25]], 1), SPIN_49
    elif annotations is not None and annotations.is_file():
        marked = read_keypoints(annotations).by_id
        nothing = np.zeros((17, 3), np.float32)
        points = np.stack([marked.get(f.annotation, nothing) for f in fits])
        layout = COCO_17
    else:
        hint = "" if annotations is None else f": put COCO's {annotations.name} into annotations/"
        return None, None, (f"no 2D points in this release of EFT{hint}",)
    joints, landmarks = sort_points(points, layout)
    fill_missing_hips(joints, landmarks)
    return joints, landmarks, ()
