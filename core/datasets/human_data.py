"""mmhuman3d's HumanData files.

Arrays: ``image_path``; ``bbox_xywh`` (4 or 5 numbers, widened by 1.2 by their converters);
``keypoints2d`` and ``keypoints3d`` (also with the suffix ``_original`` or ``_smpl``) of 190 points
with confidences, of which compressed files hold those that ``..._mask`` marks. Dictionaries:
``smpl`` (``global_orient``, ``body_pose``, ``betas``, ``transl``) or ``smplx``; ``meta`` and
``misc``; ``cam_param``. They are pickles inside the npz and are read through an allow-list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from core.datasets.files import Npz, fit_shape, relative_photo_path, to_float32
from core.datasets.landmarks import HUMAN_DATA_190, fill_missing_hips, sort_points
from core.datasets.record import Columns, Frame, PhotoDataset, without_bad_boxes
from core.datasets.spin import MARGIN, names_from_paths
from core.errors import UserError
from core.io.files import printable

_GENDERS = {"m": "male", "f": "female", "n": "neutral"}
_CONVENTION = "human_data"


def open_human_data(path: Path, root: Path, name: str, split: str) -> PhotoDataset:
    """The people of a HumanData file.

    Args:
        path: the npz.
        root: folder that ``image_path`` is relative to.

    Raises:
        UserError: the file is missing, damaged or unsafe, or something in it has a wrong shape.
    """
    file = Npz(path, "HumanData npz")
    images = [relative_photo_path(text, printable(path)) for text in file.texts("image_path")]
    config = file.texts("config") if "config" in file else []
    boxes = _boxes(file)
    if len(boxes) != len(images):
        raise UserError(f"{printable(path)} has {len(boxes)} boxes for {len(images)} images")
    points2d, points3d = _points(file, "keypoints2d", 3), _points(file, "keypoints3d", 4)
    columns: Columns = {}
    if points2d is not None:
        joints, landmarks = sort_points(points2d, HUMAN_DATA_190)
        fill_missing_hips(joints, landmarks)
        columns |= {"joints2d": joints, "landmarks2d": landmarks}
    if points3d is not None:
        joints, landmarks = sort_points(points3d, HUMAN_DATA_190)
        columns |= {"joints3d": joints, "landmarks3d": landmarks}
        columns["placed"] = _is_in_front(joints, landmarks)
    frame: Frame = "crop" if "eft" in config else "camera"
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=root,
        images=images,
        boxes=boxes,
        frame=frame,
        **columns,
        **_body(file, len(images)),
        intrinsics=_intrinsics(file, len(images)),
        genders=_genders(file, len(images)),
        **names_from_paths(images),
    )
    return without_bad_boxes(dataset)


def _boxes(file: Npz) -> np.ndarray:
    """Boxes without the converters' margin."""
    found = file.any_numbers("bbox_xywh")
    if found.ndim != 2 or found.shape[1] not in (4, 5):
        raise UserError(
            f"{printable(file.path)}: bbox_xywh has the shape {found.shape}, not (n, 5)"
        )
    corner, size = found[:, :2], found[:, 2:4]
    return np.concatenate([corner + size * (0.5 - 0.5 / MARGIN), size / MARGIN], 1)


def _points(file: Npz, stem: str, columns: int) -> np.ndarray | None:
    """All 190 points, with zeros where a compressed file leaves them out."""
    key = next((k for k in (f"{stem}_original", stem, f"{stem}_smpl") if k in file), None)
    if key is None:
        return None
    convention = f"{key}_convention"
    if convention in file and file.texts(convention) != [_CONVENTION]:
        message = "keypoints are not in the convention human_data; convert them (convert_kps)"
        raise UserError(f"{printable(file.path)}: {message}")
    points = file.any_numbers(key)
    count = points.shape[1] if points.ndim == 3 else 0
    mask = file.any_numbers(f"{key}_mask").ravel() > 0 if f"{key}_mask" in file else None
    if count != len(HUMAN_DATA_190) and mask is not None and mask.sum() == count:
        full = np.zeros((len(points), len(mask), points.shape[2]), np.float32)
        full[:, mask] = points
        points = full
    return fit_shape(points, (None, len(HUMAN_DATA_190), columns), f"{printable(file.path)}: {key}")


def _is_in_front(joints: np.ndarray, landmarks: np.ndarray) -> bool:
    """Whether 3D points are at their position in the camera: all have a positive depth."""
    known = np.concatenate([joints, landmarks], 1).reshape(-1, 4)
    known = known[known[:, 3] > 0]
    return bool(len(known)) and bool((known[:, 2] > 0).all())


def _body(file: Npz, people: int) -> Columns:
    """Pose, shape and translation of SMPL; of SMPL-X only the pose, whose joints are the same."""
    is_smpl = "smpl" in file
    key = "smpl" if is_smpl else "smplx"
    if key not in file:
        return {}
    body = _dictionary(file, key)
    where = f"{printable(file.path)}: {key}"

    def numbers(name: str, *shape: int) -> np.ndarray:
        array = body.get(name)
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise UserError(f"{where} has no array {name}; export the file again")
        return fit_shape(to_float32(array), (people, *shape), f"{where}: {name}")

    hands = np.zeros((people, 0 if is_smpl else 2, 3), np.float32)
    parts = [numbers("global_orient", 1, 3), numbers("body_pose", 23 if is_smpl else 21, 3), hands]
    columns: Columns = {"pose": np.concatenate(parts, 1)}
    if is_smpl:
        columns["betas"] = numbers("betas", 10)
        if "transl" in body:
            transl = numbers("transl", 3)
            transl[transl[:, 2] <= 0] = np.nan  # behind the camera, so not in its frame
            columns["transl"] = transl
    if "has_smpl" in file:
        missing = file.numbers("has_smpl", (people,)) == 0
        for column in columns.values():
            column[missing] = np.nan
    return columns


def _genders(file: Npz, people: int) -> list[str | None] | None:
    meta = _dictionary(file, "meta").get("gender") if "meta" in file else None
    listed = meta.tolist() if isinstance(meta, np.ndarray) else meta
    if not isinstance(listed, list) or len(listed) != people:
        return None
    return [_GENDERS.get(str(text)[:1].lower()) for text in listed]


def _intrinsics(file: Npz, people: int) -> np.ndarray | None:
    """fx, fy, cx, cy of each photo, from ``cam_param``, ``meta`` or ``misc``."""
    if "cam_param" in file:
        cameras = file.tree("cam_param")
        cameras = [cameras] if isinstance(cameras, dict) else cameras
        if isinstance(cameras, list) and len(cameras) == people:
            return np.stack([_camera(c) for c in cameras])
    for key in ("meta", "misc"):
        found = _dictionary(file, key) if key in file else {}
        pair = [found.get("focal_length"), found.get("principal_point")]
        if all(isinstance(p, np.ndarray) and p.dtype.kind in "fiu" for p in pair):
            focal, point = (np.asarray(p, np.float32).reshape(-1, 2) for p in pair)
            return np.concatenate(np.broadcast_arrays(focal, point), 1) * np.ones((people, 1), "f")
    return None


def _camera(parameters: object) -> np.ndarray:
    """fx, fy, cx, cy of an mmhuman3d camera, NaN if it has no intrinsic matrix."""
    matrix = parameters.get("in_mat") if isinstance(parameters, dict) else None
    try:
        k = np.array(matrix, np.float32).reshape(3, 3)
    except (TypeError, ValueError):
        return np.full(4, np.nan, np.float32)
    return k[[0, 1, 0, 1], [0, 1, 2, 2]]


def _dictionary(file: Npz, key: str) -> dict[Any, Any]:
    found = file.tree(key)
    if not isinstance(found, dict):
        raise UserError(f"{printable(file.path)}: {key} is not a dictionary; export the file again")
    return found
