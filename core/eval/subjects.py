"""The people of a table again, each as a photo with a box, a focal length and the truth.

A photo whose principal point is not its middle gets black bars until it is: all that draws and
saves fits takes it to be there. Half a pixel, and the difference of two focal lengths, are left as
they are.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from core.datasets.crop import view_of
from core.datasets.record import PhotoDataset, PhotoRecord
from core.datasets.registry import DATASETS, open_dataset
from core.errors import UserError
from core.eval.person_rows import FIX, PersonPlace, PersonRow, load_rows
from core.eval.synthetic import DATASET, PATCHES, SPLIT, make_case
from core.fit.truth import Truth
from core.geometry.crop import PADDING, Box
from core.io.files import printable
from core.synth.people import DRAWING_VERSION, PeopleSampler

_MOST_BARS = 4
"""A padded photo has at most so many times the width and the height of the photo."""


@dataclass(frozen=True)
class Subject:
    """One person of a table.

    Attributes:
        name: short, for titles.
        focal: of the photo in pixels; None if it is not known.
    """

    name: str
    pixels: UInt8[np.ndarray, "height width 3"]
    box: Box
    focal: float | None
    truth: Truth


class Subjects:
    """Finds people of tables; data sets and samplers that were used last stay open.

    Args:
        size: side of the engine's crops in pixels, in which synthetic people are made.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()

    def find(self, table: Path, protocol: str, person: int) -> Subject:
        """A person by the line of a table.

        Raises:
            UserError: there is no such line, or the data set or the photo is not what it says.
        """
        with self._lock:  # several threads ask, and a data set should be opened once
            stamp = table.stat().st_mtime_ns if table.is_file() else 0
            row = _rows(table, stamp).get((protocol, person))
            if row is None:
                raise UserError(f"{printable(table)} has no person {person} under {protocol!r}")
            if row.place.dataset == DATASET:
                return self._synthetic(row)
            return _photographed(row)

    def _synthetic(self, row: PersonRow) -> Subject:
        """A synthetic person, made again, with the patch of the protocol."""
        place = row.place
        if row.protocol not in PATCHES or place.seed is None:
            raise UserError(f"{row.title}: a line of {DATASET} without a seed or protocol; {FIX}")
        if place.drawing != DRAWING_VERSION:
            raise UserError(
                f"{row.title}: another version of nbf has drawn this person; evaluate again"
            )
        sampler = _sampler(place.seed, place.folder, bool(place.occluded), self._size)
        sample = sampler.sample(place.index)
        patch = PATCHES[row.protocol]
        case = make_case([sample], place.index, patch, sampler.materials.patch)
        side = self._size / PADDING
        edge = (self._size - side) / 2
        ones = np.ones((24, 1), np.float32)
        truth = Truth(
            joints2d=np.concatenate([sample.joints2d, ones], 1).astype(np.float32),
            joints3d=np.concatenate([sample.joints, ones], 1).astype(np.float32),
            body=case.truth,
        )
        box = Box(edge, edge, side, side)
        return Subject(row.title, case.images[0], box, float(sample.focal), truth)


@lru_cache(4)
def _rows(table: Path, _stamp: int) -> dict[tuple[str, int], PersonRow]:
    return {(row.protocol, row.person): row for row in load_rows(table)}


@lru_cache(2)
def _sampler(seed: int, folder: str, occluded: bool, size: int) -> PeopleSampler:
    data = Path(folder) if folder else None
    return PeopleSampler(seed, data, SPLIT, size, unoccluded=not occluded)


@lru_cache(2)
def _dataset(name: str, folder: str, split: str) -> PhotoDataset:
    return open_dataset(name, Path(folder), split or None)


def _photographed(row: PersonRow) -> Subject:
    """A person of a data set of photographs."""
    place = row.place
    if place.dataset not in DATASETS:
        raise UserError(f"{row.title}: no data set {place.dataset!r:.40}; {FIX}")
    dataset = _dataset(place.dataset, place.folder, place.split)
    if place.index >= len(dataset) or not _same(dataset, place):
        where = printable(place.folder)
        raise UserError(f"{row.title}: {where} is not what was evaluated; evaluate again")
    record, photo = dataset[place.index], dataset.photo(place.index)
    pixels, shift = centred(photo.pixels, record.intrinsics, row.title)
    box = Box(record.box.x + shift[0], record.box.y + shift[1], record.box.width, record.box.height)
    joints2d, joints3d = _moved(record.joints2d, shift), _in_photo(record, *photo.size)
    truth = Truth(_only_known(joints2d), _only_known(joints3d))
    return Subject(row.title, pixels, box, record.focal, truth)


def _same(dataset: PhotoDataset, place: PersonPlace) -> bool:
    """Whether a data set has the same photo and box for a person as the table."""
    record = dataset[place.index]
    told = (place.x, place.y, place.width, place.height)
    there = (record.box.x, record.box.y, record.box.width, record.box.height)
    if dataset.images[place.index] != place.image or record.number != place.frame:
        return False
    return all(a is not None and abs(a - b) < 0.01 for a, b in zip(told, there, strict=True))


def centred(
    pixels: UInt8[np.ndarray, "height width 3"],
    intrinsics: Float32[np.ndarray, "4"] | None,
    name: str = "photo",
) -> tuple[UInt8[np.ndarray, "rows columns 3"], tuple[int, int]]:
    """A photo with its principal point in the middle, by black bars, and how far its pixels moved.

    Args:
        intrinsics: fx, fy, cx, cy in pixels; without them the photo stays as it is.

    Raises:
        UserError: the principal point is far outside the photo.
    """
    if intrinsics is None:
        return pixels, (0, 0)
    bars: list[tuple[int, int]] = []
    sides = pixels.shape[1], pixels.shape[0]
    for middle, size in zip(intrinsics[2:].tolist(), sides, strict=True):
        missing = round(size - 2 * middle) if np.isfinite(middle) else _MOST_BARS * size
        if abs(missing) >= (_MOST_BARS - 1) * size:
            raise UserError(f"{name}: the camera's principal point is far outside the photo")
        bars.append((max(missing, 0), max(-missing, 0)))
    (left, right), (top, bottom) = bars
    padded = np.pad(pixels, ((top, bottom), (left, right), (0, 0)))
    return np.ascontiguousarray(padded), (left, top)


def _only_known(joints: Float32[np.ndarray, "24 _"] | None) -> Float32[np.ndarray, "24 _"] | None:
    """Joints with zeros for those of no confidence, whatever a data set has there."""
    if joints is None:
        return None
    known = np.isfinite(joints).all(1, keepdims=True) & (joints[:, -1:] > 0)
    return np.where(known, joints, np.float32(0))


def _moved(
    joints: Float32[np.ndarray, "24 3"] | None, shift: tuple[int, int]
) -> Float32[np.ndarray, "24 3"] | None:
    return None if joints is None else joints + np.array([*shift, 0], np.float32)


def _in_photo(record: PhotoRecord, width: int, height: int) -> Float32[np.ndarray, "24 4"] | None:
    """3D joints in the photo's camera frame."""
    joints = record.joints3d
    if joints is None or record.frame == "camera":
        return joints
    turn = view_of(record, width, height, 1).rotation
    places = joints[:, :3] @ turn.T
    return np.concatenate([places, joints[:, 3:]], 1).astype(np.float32)
