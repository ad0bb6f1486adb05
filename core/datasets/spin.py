"""SPIN's npz files: Human3.6M, MPI-INF-3DHP, COCO, LSP, LSPET, MPII, and files of the same form.

Arrays with one row per person: ``imgname``, ``center`` and ``scale`` (a square of 200 * scale
pixels, the person's box widened by 1.2). Optional: ``part`` (24 points, pixels) and ``openpose``
(25 detections), or both together as ``keypoints`` (49), ``S`` (24 points, metres in the camera's
axes, relative to the pelvis), ``pose`` (72) and ``shape`` (10) of the people whom ``has_smpl``
marks, ``gender``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from core.datasets.files import FIX, Npz, relative_photo_path
from core.datasets.landmarks import (
    BODY_25,
    SPIN_24,
    SPIN_49,
    PointLayout,
    fill_missing_hips,
    sort_points,
)
from core.datasets.record import Columns, Frame, PhotoDataset, without_bad_boxes
from core.errors import UserError
from core.io.files import printable

MARGIN = 1.2
"""Factor by which SPIN widens boxes; MPII's scales are its annotators' and only about that."""
PIXELS = 200.0
_GENDERS = {"m": "male", "f": "female", "n": "neutral"}
_NUMBER = re.compile(r"(\d+)\.[A-Za-z]+$")
_SUBJECT = re.compile(r"(?:^|/)(T?S\d+)[_/]")


def open_spin(
    path: Path, root: Path, name: str, split: str, frame: Frame = "camera"
) -> PhotoDataset:
    """The people of one of SPIN's files.

    Args:
        path: the npz.
        root: folder that ``imgname`` is relative to.
        frame: the camera of ``pose``: the photo's for captured data, the crop's for fits.

    Raises:
        UserError: the file is missing or damaged, or an array is missing or of a wrong shape.
    """
    file = Npz(path, "SPIN-style npz")
    images = [relative_photo_path(text, printable(path)) for text in file.texts("imgname")]
    joints2d, landmarks2d = _points2d(file)
    joints3d, landmarks3d = _points3d(file)
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=root,
        images=images,
        boxes=boxes_of(file),
        frame=frame,
        joints2d=joints2d,
        landmarks2d=landmarks2d,
        joints3d=joints3d,
        landmarks3d=landmarks3d,
        **_body(file),
        genders=genders(file),
        **names_from_paths(images),
    )
    return without_bad_boxes(dataset)


def square_boxes(
    center: Float32[np.ndarray, "people 2"], scale: Float32[np.ndarray, " people"]
) -> Float32[np.ndarray, "people 4"]:
    """Boxes without SPIN's margin, from a square of 200 * scale pixels."""
    side = (PIXELS / MARGIN) * scale[:, None]
    return np.concatenate([center - side / 2, side, side], 1)


def boxes_of(file: Npz) -> Float32[np.ndarray, "people 4"]:
    """The boxes of the file's centers and scales."""
    center, scale = file.numbers("center", (None, 2)), file.numbers("scale", (None,))
    if len(center) != len(scale):
        found = f"{len(center)} centers and {len(scale)} scales"
        raise UserError(f"{printable(file.path)}: {found} do not fit together; {FIX}")
    return square_boxes(center, scale)


def genders(file: Npz) -> list[str | None] | None:
    """The gender of each person's SMPL model, or None if the file does not state it."""
    if "gender" not in file:
        return None
    return [_GENDERS.get(text[:1].lower()) for text in file.texts("gender")]


def names_from_paths(images: Sequence[str]) -> Columns:
    """Subjects, sequences and frame numbers, as far as the photos' names contain them.

    The sequence is the name without its last number: S1_Directions_1.54138969_000001.jpg is frame 1
    of S1_Directions_1.54138969. A folder or name that begins with S and a number is the subject.
    """
    numbers = [_NUMBER.search(image) for image in images]
    if not images or not all(numbers):
        return {}
    starts = [i[: n.start()].rstrip("_-") for i, n in zip(images, numbers, strict=True) if n]
    subjects = [_SUBJECT.search(image) for image in images]
    known = {"subjects": [s[1] for s in subjects if s]} if all(subjects) else {}
    found = np.array([int(n[1][-9:]) for n in numbers if n], np.int32)
    return {"sequences": _interned(starts), "numbers": found, **known}


def _interned(texts: Sequence[str]) -> list[str]:
    """The same strings, with equal ones as one object: a sequence has thousands of frames."""
    once: dict[str, str] = {}
    return [once.setdefault(text, text) for text in texts]


def _points2d(file: Npz) -> tuple[np.ndarray | None, np.ndarray | None]:
    points: list[np.ndarray] = []
    layout: PointLayout = ()
    if "keypoints" in file:
        both = file.numbers("keypoints", (None, 49, 3))
        points, layout = [both[:, 25:], both[:, :25]], SPIN_49
    else:
        for key, names in (("part", SPIN_24), ("openpose", BODY_25)):
            if key in file:
                points.append(file.numbers(key, (None, len(names), 3)))
                layout += names
    if not points:
        return None, None
    if len({len(p) for p in points}) > 1:
        raise UserError(
            f"{printable(file.path)}: part and openpose have different lengths; get it again"
        )
    joints, landmarks = sort_points(np.concatenate(points, 1), layout)
    fill_missing_hips(joints, landmarks)
    return joints, landmarks


def _points3d(file: Npz) -> tuple[np.ndarray | None, np.ndarray | None]:
    if "S" not in file:
        return None, None
    return sort_points(file.numbers("S", (None, 24, 4)), SPIN_24)


def _body(file: Npz) -> Columns:
    """Pose and shape, NaN for people without them."""
    if "pose" not in file:
        return {}
    pose, betas = file.numbers("pose", (None, 24, 3)), file.any_numbers("shape")
    if betas.ndim != 2 or betas.shape[1] < 10 or len(betas) != len(pose):
        raise UserError(f"{printable(file.path)}: shape has the shape {betas.shape}, not (n, 10)")
    betas = betas[:, :10].copy()
    if "has_smpl" in file:
        missing = file.numbers("has_smpl", (None,)) == 0
        if len(missing) != len(pose):
            raise UserError(f"{printable(file.path)}: has_smpl and pose have different lengths")
        pose[missing], betas[missing] = np.nan, np.nan
    return {"pose": pose, "betas": betas}
