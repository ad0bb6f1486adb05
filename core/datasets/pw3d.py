"""3DPW: people outdoors with SMPL bodies from inertial sensors (von Marcard et al., ECCV 2018).

``sequenceFiles/SPLIT/SEQUENCE.pkl`` holds a dictionary of lists with one entry per person:
``poses`` (frames x 72), ``trans`` and ``jointPositions`` (frames x 72) in the world frame, metres;
``betas``, ``poses2d`` (frames x 3 x 18 detections), ``campose_valid``, ``genders``; and for all
people ``cam_poses`` (frames x 4 x 4, camera from world), ``cam_intrinsics`` (3 x 3), ``sequence``.
The photos are ``imageFiles/SEQUENCE/image_00000.jpg``. Only frames with a valid camera are used.

3DPW-OCC is 17 scenes from all three splits, chosen by Zhang et al. (CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.datasets.files import (
    FIX,
    HELP,
    all_finite,
    fit_shape,
    read_pickle_file,
    relative_photo_path,
    require_folder,
)
from core.datasets.landmarks import COCO_18, sort_points
from core.datasets.record import Columns, PhotoDataset, without_bad_boxes
from core.errors import UserError
from core.io.files import printable, readable

SPLITS = ("train", "validation", "test")
OCCLUDED = (
    *("courtyard_backpack", "courtyard_basketball", "courtyard_bodyScannerMotions"),
    *("courtyard_box", "courtyard_golf", "courtyard_jacket", "courtyard_laceShoe"),
    *("downtown_stairs", "flat_guitar", "flat_packBags", "outdoors_climbing"),
    *("outdoors_crosscountry", "outdoors_fencing", "outdoors_freestyle", "outdoors_golf"),
    *("outdoors_parcours", "outdoors_slalom"),
)
"""Scenes of 3DPW-OCC; a sequence is called SCENE_00, SCENE_01, ..."""

_GENDERS = {"m": "male", "f": "female"}
_LEAST_POINTS = 6  # smallest number of detections that determine a box, as in 3DPW


@dataclass(frozen=True)
class _Track:
    """One person of one sequence, in the frames with a valid camera."""

    sequence: str
    person: int
    gender: str | None
    frames: np.ndarray
    columns: Columns


def open_3dpw(folder: Path, split: str, name: str = "3dpw") -> PhotoDataset:
    """The people of a split of 3DPW.

    Args:
        folder: holds ``imageFiles`` and ``sequenceFiles``.
        split: one of `SPLITS`.

    Raises:
        UserError: a folder is missing, or a sequence's file is damaged, unsafe or incomplete.
    """
    return _dataset(folder, split, name, _files(folder, split))


def open_3dpw_occ(folder: Path, split: str = "all", name: str = "3dpw-occ") -> PhotoDataset:
    """The people of 3DPW-OCC, in the folder of 3DPW.

    Raises:
        UserError: as for `open_3dpw`, or there is none of the scenes.
    """
    files = [p for part in SPLITS for p in _files(folder, part) if _scene(p.stem) in OCCLUDED]
    if not files:
        wanted = f"sequenceFiles/*/{OCCLUDED[0]}_00.pkl and others"
        raise UserError(f"{printable(folder)} has no sequence of 3DPW-OCC ({wanted}; {HELP})")
    return _dataset(folder, split, name, files)


def _scene(sequence: str) -> str:
    return "_".join(sequence.split("_")[:2])


def _files(folder: Path, split: str) -> list[Path]:
    require_folder(folder, "3DPW's imageFiles and sequenceFiles")
    sequences = folder / "sequenceFiles" / split
    found = sorted(sequences.glob("*.pkl"))
    if not found:
        message = "has no .pkl; unpack 3DPW's sequenceFiles.zip next to imageFiles"
        raise UserError(f"{printable(sequences)} {message} ({HELP})")
    return found


def _dataset(folder: Path, split: str, name: str, files: list[Path]) -> PhotoDataset:
    tracks: list[_Track] = []
    for path in files:
        with readable(path, "3DPW sequence file", FIX):
            tracks += _tracks(path)
    if not tracks:
        raise UserError(f"{printable(folder)}: no sequence has a frame whose camera is valid")
    keys = tracks[0].columns
    columns: Columns = {k: np.concatenate([t.columns[k] for t in tracks]) for k in keys}
    rows = [(track, frame) for track in tracks for frame in track.frames.tolist()]
    dataset = PhotoDataset(
        name=name,
        split=split,
        root=folder / "imageFiles",
        images=[f"{track.sequence}/image_{frame:05d}.jpg" for track, frame in rows],
        placed=True,
        **columns,
        genders=[track.gender for track, _ in rows],
        subjects=[f"{track.sequence}/{track.person}" for track, _ in rows],
        sequences=[track.sequence for track, _ in rows],
        numbers=np.array([frame for _, frame in rows], np.int32),
    )
    return without_bad_boxes(dataset)


def _tracks(path: Path) -> Iterator[_Track]:
    """All people of a sequence."""
    data = read_pickle_file(path, "3DPW sequence file")
    camera = _array(data, "cam_poses", (None, 4, 4), path)
    camera_matrix = _array(data, "cam_intrinsics", (3, 3), path)
    sequence = relative_photo_path(_text(data.get("sequence", path.stem)), printable(path))
    for person in range(len(_people(data, "poses", path))):
        valid = _array(data, "campose_valid", (len(camera),), path, person) > 0
        frames = np.flatnonzero(valid)
        if len(frames):
            columns = _person(data, path, person, camera[frames], camera_matrix, frames)
            yield _Track(sequence, person, _gender(data, person), frames, columns)


def _person(
    data: dict[str, Any],
    path: Path,
    person: int,
    camera: Float[np.ndarray, "frames 4 4"],
    camera_matrix: Float[np.ndarray, "3 3"],
    frames: np.ndarray,
) -> Columns:
    """The columns of one person, transformed from the world frame into the camera frame."""

    def rows(key: str, *shape: int) -> np.ndarray:
        return _array(data, key, (None, *shape), path, person, int(frames.max()) + 1)[frames]

    pose = rows("poses", 24, 3)
    rotation = camera[:, :3, :3]
    root = Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[:, 0])
    pose[:, 0] = root.as_rotvec()
    joints = np.einsum("fij,fkj->fki", rotation, rows("jointPositions", 24, 3))
    joints += camera[:, None, :3, 3]
    betas = _array(data, "betas", (1, None), path, person).ravel()
    if len(betas) < 10:
        raise UserError(f"{printable(path)}: betas has {len(betas)} numbers, not 10")
    intrinsics = camera_matrix[[0, 1, 0, 1], [0, 1, 2, 2]]
    joints2d = _project(joints, intrinsics)
    detected = rows("poses2d", 3, 18).swapaxes(1, 2) if "poses2d" in data else None
    points = np.zeros((len(frames), 18, 3)) if detected is None else detected
    return _float32(
        pose=pose,
        betas=np.repeat(betas[None, :10], len(frames), 0),
        joints3d=np.concatenate([joints, np.ones_like(joints[..., :1])], 2),
        joints2d=joints2d,
        landmarks2d=sort_points(points, COCO_18)[1],
        boxes=_boxes(joints2d, points),
        intrinsics=np.repeat(intrinsics[None], len(frames), 0),
    )


def _float32(**columns: np.ndarray) -> Columns:
    return {name: column.astype(np.float32) for name, column in columns.items()}


def _project(
    joints: Float[np.ndarray, "frames 24 3"], intrinsics: Float[np.ndarray, "4"]
) -> Float[np.ndarray, "frames 24 3"]:
    """Pixels and confidences of joints; those behind the camera are unknown."""
    front = joints[..., 2:] > 0.05
    depth = np.where(front, joints[..., 2:], 1)
    pixels = joints[..., :2] / depth * intrinsics[:2] + intrinsics[2:]
    return np.where(front, np.concatenate([pixels, np.ones_like(depth)], 2), 0)


def _boxes(
    joints: Float[np.ndarray, "frames 24 3"], points: Float[np.ndarray, "frames 18 3"]
) -> Float[np.ndarray, "frames 4"]:
    """Boxes around the detections, as usual for 3DPW, or around the joints if there are few."""
    enough = (points[..., 2] > 0).sum(1) >= _LEAST_POINTS
    boxes = [
        _extent(seen if use else all_)
        for use, seen, all_ in zip(enough, points, joints, strict=True)
    ]
    return np.array(boxes, np.float64)


def _extent(points: Float[np.ndarray, "points 3"]) -> list[float]:
    known = points[points[:, 2] > 0, :2]
    if not len(known):
        return [np.nan] * 4
    return [*known.min(0).tolist(), *np.ptp(known, axis=0).tolist()]


def _gender(data: dict[str, Any], person: int) -> str | None:
    listed = data.get("genders", [])
    text = _text(listed[person]) if isinstance(listed, list) and person < len(listed) else ""
    return _GENDERS.get(text[:1].lower())


def _text(value: object) -> str:
    """Text of a pickle, which Python 2 may have written as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _people(data: dict[str, Any], key: str, path: Path) -> list:
    """A list with an entry for each person."""
    found = data.get(key)
    listed = list(found) if isinstance(found, list | tuple | np.ndarray) else None
    if listed is None:
        raise UserError(
            f"{printable(path)} lacks {key!r}, so it is no sequence file of 3DPW ({HELP})"
        )
    return listed


def _array(
    data: dict[str, Any],
    key: str,
    shape: tuple[int | None, ...],
    path: Path,
    person: int | None = None,
    rows: int = 0,
) -> Float[np.ndarray, "..."]:
    """An array of the sequence, or one person's, in double precision.

    Args:
        rows: smallest number of frames.
    """
    if person is None:
        found = data.get(key)
    else:
        people = _people(data, key, path)
        found = people[person] if person < len(people) else None
    array = np.asarray(found) if isinstance(found, list | np.ndarray) else np.empty(0, object)
    where = f"{printable(path)}: {key}"
    if array.dtype.kind not in "fiub" or not all_finite(array):
        raise UserError(f"{where} is missing or does not hold finite numbers; get it again")
    if shape == (1, None):
        return array.astype(np.float64)
    array = fit_shape(array, shape, where).astype(np.float64)
    if len(array) < rows:
        raise UserError(f"{where} has {len(array)} frames, {rows} are needed; get it again")
    return array
