"""Summary and consistency check of a data set."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from core.datasets.record import KEYPOINT_COLUMNS, PLAIN_COLUMNS, PhotoDataset
from core.errors import UserError
from core.io.files import open_file

NAMED = 5
"""Number of missing photos that are named; there may be thousands."""
DECODED = 16
"""Number of photos that are opened, evenly spread; opening all would take an hour."""
MAX_REPROJECTION_ERROR = 0.05
"""Largest reprojection error of 3D joints that is not a problem, as a share of the box."""


@dataclass(frozen=True)
class DatasetReport:
    """What `check_dataset` found.

    Attributes:
        known: number of people for whom each column is known.
        sides: 5th, 50th and 95th percentile of the boxes' longer sides in pixels.
        reprojection: median distance of projected 3D joints from 2D joints, as a share of the box's
            longer side; None where the data set has no placed 3D joints or no 2D joints.
        problems: one line each.
        notes: hints that are not problems, one line each.
    """

    name: str
    split: str
    people: int
    photos: int
    subjects: int
    sequences: int
    known: dict[str, int]
    sides: tuple[float, float, float]
    reprojection: float | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def check_dataset(dataset: PhotoDataset, decode: int = DECODED) -> DatasetReport:
    """Count what is known, look for every photo, open some, compare 3D with 2D joints.

    Args:
        decode: how many photos to open.
    """
    columns = (*KEYPOINT_COLUMNS, *PLAIN_COLUMNS, "genders")
    known = {name: int(dataset.has(name).sum()) for name in columns}
    sides = np.percentile(dataset.boxes[:, 2:].max(1), (5, 50, 95)).round(1).tolist()
    missing = missing_photos(dataset)
    apart = reprojection_error(dataset)
    problems = _missing_problems(missing, dataset)
    problems += _photo_problems(dataset, set(missing), decode)
    if apart is not None and apart > MAX_REPROJECTION_ERROR:
        problems.append(
            f"3D joints miss 2D joints by {apart:.0%} of the box; are they of other cameras?"
        )
    return DatasetReport(
        name=dataset.name,
        split=dataset.split,
        people=len(dataset),
        photos=len(set(dataset.images)),
        subjects=len(set(dataset.subjects or ())),
        sequences=len(set(dataset.sequences or ())),
        known=known,
        sides=tuple(sides),
        reprojection=apart,
        problems=tuple(problems),
        notes=dataset.notes,
    )


def missing_photos(dataset: PhotoDataset) -> list[str]:
    """Photos that do not exist, each once, in order."""
    return [name for name in dict.fromkeys(dataset.images) if not (dataset.root / name).is_file()]


def photo_problems(dataset: PhotoDataset, decode: int = DECODED) -> list[str]:
    """Problems of photos, one line each: missing, truncated, unreadable, or other photos.

    All must exist and should end as a JPEG or PNG does, which a truncated file does not. Those with
    another end, and ``decode`` of the rest, are opened.
    """
    missing = missing_photos(dataset)
    problems = _missing_problems(missing, dataset)
    gone = set(missing)
    there = {name: person for person, name in enumerate(dataset.images) if name not in gone}
    for name, person in there.items():
        if not _has_end(dataset.root / name):
            try:
                dataset.photo(person)
            except UserError as error:
                problems.append(str(error))
    return problems + _photo_problems(dataset, gone, decode)


def _has_end(photo: Path) -> bool:
    """Whether a photo ends as a JPEG or a PNG does."""
    try:
        with open_file(photo, 2**63) as file:
            file.seek(-min(8, os.fstat(file.fileno()).st_size), 2)
            end = file.read()
    except OSError:
        return False
    return end.endswith((b"\xff\xd9", b"\x49\x45\x4e\x44\xae\x42\x60\x82"))


def reprojection_error(dataset: PhotoDataset) -> float | None:
    """Median distance of projected 3D joints from 2D joints, as a share of the box's longer side.

    None where there is nothing to compare.
    """
    joints, points, intrinsics = dataset.joints3d, dataset.joints2d, dataset.intrinsics
    if not dataset.placed or joints is None or points is None or intrinsics is None:
        return None
    usable = (joints[..., 3] > 0) & (joints[..., 2] > 0) & (points[..., 2] > 0)
    usable &= np.isfinite(intrinsics).all(1)[:, None]
    if not usable.any():
        return None
    person = np.nonzero(usable)[0]
    pixels = _project(joints[usable], intrinsics[person])
    distance = np.linalg.norm(pixels - points[usable][:, :2], axis=1)
    return float(np.median(distance / dataset.boxes[person, 2:].max(1)))


def _project(
    joints: Float[np.ndarray, "joints 4"], intrinsics: Float[np.ndarray, "joints 4"]
) -> Float[np.ndarray, "joints 2"]:
    return joints[:, :2] / joints[:, 2:3] * intrinsics[:, :2] + intrinsics[:, 2:]


def _missing_problems(missing: list[str], dataset: PhotoDataset) -> list[str]:
    if not missing:
        return []
    total = len(set(dataset.images))
    named = ", ".join(missing[:NAMED]) + (", ..." if len(missing) > NAMED else "")
    return [f"{len(missing)} of {total} photos are missing from {dataset.root}: {named}"]


def _photo_problems(dataset: PhotoDataset, missing: set[str], decode: int) -> list[str]:
    """Photos that cannot be read, and boxes outside their photo."""
    there = [i for i, name in enumerate(dataset.images) if name not in missing]
    chosen = np.linspace(0, len(there) - 1, min(decode, len(there))).astype(int).tolist()
    problems = []
    for person in dict.fromkeys(there[i] for i in chosen):
        try:
            width, height = dataset.photo(person).size
        except UserError as error:
            problems.append(str(error))
            continue
        x, y, w, h = dataset.boxes[person].tolist()
        if x >= width or y >= height or x + w <= 0 or y + h <= 0:
            place = f"{dataset.images[person]} of {width} x {height} pixels"
            problems.append(f"person {person}'s box is outside {place}; are these other photos?")
    return problems
