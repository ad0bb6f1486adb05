"""AGORA and BEDLAM as BEDLAM's authors prepare them: one npz per scene.

``imgname``; ``center`` and ``scale`` (SPIN's); ``pose_cam`` (72 numbers for SMPL, 66 or more for
SMPL-X), ``shape``, ``trans_cam``; ``cam_int`` (3 x 3); ``cam_ext`` (4 x 4), whose last column is
added to ``trans_cam``; ``gtkps`` (projected joints, pixels); ``gender``, ``sub``.

AGORA's own ``*_withjv.pkl`` hold pandas tables, which cannot be unpickled safely; use this npz.

Some scenes are stored rotated by 90 degrees, while their labels are for upright photos. They are
recognised by the principal point, which is the middle of the upright photo.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.datasets.files import Npz, relative_photo_path
from core.datasets.landmarks import SMPL_24, SMPLX_22, fill_missing_hips, sort_points
from core.datasets.record import Columns, PhotoDataset, without_bad_boxes
from core.datasets.spin import boxes_of, genders, names_from_paths
from core.errors import UserError
from core.io.files import printable
from core.io.images import load_image


def open_bedlam(path: Path, root: Path, name: str, split: str) -> PhotoDataset:
    """The people of a scene.

    Args:
        path: the npz.
        root: folder that ``imgname`` is relative to.

    Raises:
        UserError: the file is missing or damaged, or an array is missing or of a wrong shape.
    """
    file = Npz(path, "BEDLAM-style npz")
    images = [relative_photo_path(text, printable(path)) for text in file.texts("imgname")]
    pose = file.any_numbers("pose_cam")
    is_smpl = pose.ndim == 2 and pose.shape[1] == 72
    intrinsics, named = _intrinsics(file), names_from_paths(images)
    if "sub" in file:
        named["subjects"] = file.texts("sub")
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=root,
        images=images,
        boxes=boxes_of(file),
        **_points(file, is_smpl),
        **_body(file, pose, is_smpl),
        intrinsics=intrinsics,
        genders=genders(file),
        **named,
        quarter_turns=int(_is_rotated(intrinsics, root / images[0])) if images else 0,
        notes=()
        if is_smpl
        else ("SMPL-X bodies: their pose is used for SMPL, their shape is not",),
    )
    return without_bad_boxes(dataset)


def _points(file: Npz, is_smpl: bool) -> Columns:
    """2D joints of the model, which are the first points of ``gtkps``."""
    if "gtkps" not in file:
        return {}
    points = file.any_numbers("gtkps")
    layout = SMPL_24 if is_smpl else SMPLX_22
    if points.ndim != 3 or points.shape[1] < len(layout) or points.shape[2] not in (2, 3):
        raise UserError(
            f"{printable(file.path)}: gtkps has the shape {points.shape}, not (n, 24, 2)"
        )
    first = points[:, : len(layout), :2]
    known = np.concatenate([first, np.ones_like(first[..., :1])], 2)
    joints, landmarks = sort_points(known, layout)
    fill_missing_hips(joints, landmarks)
    return {"joints2d": joints}


def _body(file: Npz, pose: np.ndarray, is_smpl: bool) -> Columns:
    """Pose, and for SMPL also shape and translation."""
    if pose.ndim != 2 or pose.shape[1] < 66:
        raise UserError(
            f"{printable(file.path)}: pose_cam has the shape {pose.shape}, not (n, 72) or (n, 66)"
        )
    if not is_smpl:
        hands = np.zeros((len(pose), 6), np.float32)
        return {"pose": np.concatenate([pose[:, :66], hands], 1).reshape(-1, 24, 3)}
    columns: Columns = {"pose": pose.reshape(-1, 24, 3)}
    betas = file.any_numbers("shape")
    if betas.ndim != 2 or betas.shape[1] < 10:
        raise UserError(f"{printable(file.path)}: shape has the shape {betas.shape}, not (n, 10)")
    columns["betas"] = betas[:, :10].copy()
    if "trans_cam" in file and "cam_ext" in file:
        moved = file.numbers("cam_ext", (None, 4, 4))[:, :3, 3]
        columns["transl"] = file.numbers("trans_cam", moved.shape) + moved
    return columns


def _intrinsics(file: Npz) -> np.ndarray | None:
    matrix = file.optional("cam_int", (None, 3, 3))
    if matrix is None:
        return None
    intrinsics = matrix[:, [0, 1, 0, 1], [0, 1, 2, 2]]
    intrinsics[intrinsics[:, 0] <= 0] = np.nan
    return intrinsics


def _is_rotated(intrinsics: np.ndarray | None, photo: Path) -> bool:
    """Whether a scene's photos are stored rotated: the labels are upright and the photo is not.

    A missing photo counts as rotated, since those of all distributed upright scenes are.
    """
    if intrinsics is None or not (intrinsics[0, 3] > intrinsics[0, 2]):
        return False
    if not photo.is_file():
        return True
    width, height = load_image(photo).size
    return width > height
