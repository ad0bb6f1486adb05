"""The common form of all data sets: photographs of people, and columns of annotations.

Frames and units: Boxes and 2D points are in pixels of the stored photo, x to the right, y down, as
given by the data set; no half pixel is added. 3D values are in metres, in OpenCV's camera (x right,
y down, z forward). ``frame`` states which camera: "camera" is the photo's own; "crop" is one that
looks straight at the middle of the box, as fits to cropped pictures (SPIN, EFT) assume.
`core.datasets.crop` transforms both into the crop camera of the networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float32, Int, Int32

from core.errors import UserError
from core.geometry.crop import Box
from core.io.film import is_film, read_frame
from core.io.images import Photo, load_image

Frame = Literal["camera", "crop"]
Outline = tuple[Float32[np.ndarray, "corners 2"], ...]
"""Polygons in pixels of the photo around what is seen of a person."""
Columns = dict[str, Any]
"""Some of `PhotoDataset`'s columns, by name."""
GENDERS = ("neutral", "male", "female")

KEYPOINT_COLUMNS = ("joints2d", "landmarks2d", "joints3d", "landmarks3d")
"""Columns whose last number is a confidence, 0 for unknown points."""
PLAIN_COLUMNS = ("pose", "betas", "transl", "weak_camera", "intrinsics")
"""Columns that are NaN for people for whom they are unknown."""

_ROWS: dict[str, tuple[int, ...]] = {
    "joints2d": (24, 3),
    "landmarks2d": (20, 3),
    "joints3d": (24, 4),
    "landmarks3d": (20, 4),
    "pose": (24, 3),
    "betas": (10,),
    "transl": (3,),
    "weak_camera": (3,),
    "intrinsics": (4,),
}


@dataclass(frozen=True)
class PhotoRecord:
    """One person in one photo. Unknown values are None.

    Attributes:
        image: file of the photo, or of a film whose frame ``number`` it is.
        quarter_turns: number of clockwise rotations by 90 degrees that make the stored photo
            upright; boxes and points refer to the upright photo.
        box: around the person, without a margin.
        frame: the camera of 3D values, see the module.
        joints2d: x, y, confidence of SMPL's joints; confidence 0 means unknown.
        landmarks2d: the same for `LANDMARK_NAMES`.
        joints3d: x, y, z, confidence of SMPL's joints.
        landmarks3d: the same for `LANDMARK_NAMES`.
        placed: 3D points are at their position in the camera, not only relative to each other.
        pose: axis-angle of SMPL's joints; entry 0 rotates the body into ``frame``.
        betas: SMPL's shape coefficients, for the model of ``gender``.
        transl: vertices = LBS(pose, betas) + transl. Where it is None, joints3d[0] may be the
            pelvis.
        weak_camera: scaled-orthographic camera: photo pixels per metre, and x and y in metres that
            are added before scaling; the origin is the middle of the box.
        intrinsics: focal lengths and principal point: fx, fy, cx, cy in pixels.
        gender: "neutral", "male" or "female": the SMPL model of pose and betas.
        subject, sequence: names, unique in the data set.
        number: of the frame in its sequence.
        outline: polygons around the pixels that show the person.
    """

    image: Path
    quarter_turns: int
    box: Box
    frame: Frame
    joints2d: Float32[np.ndarray, "24 3"] | None
    landmarks2d: Float32[np.ndarray, "20 3"] | None
    joints3d: Float32[np.ndarray, "24 4"] | None
    landmarks3d: Float32[np.ndarray, "20 4"] | None
    placed: bool
    pose: Float32[np.ndarray, "24 3"] | None
    betas: Float32[np.ndarray, "10"] | None
    transl: Float32[np.ndarray, "3"] | None
    weak_camera: Float32[np.ndarray, "3"] | None
    intrinsics: Float32[np.ndarray, "4"] | None
    gender: str | None
    subject: str | None
    sequence: str | None
    number: int | None
    outline: Outline | None = None

    @property
    def focal(self) -> float | None:
        """Focal length of the photo in pixels: the geometric mean of fx and fy."""
        return None if self.intrinsics is None else float(np.sqrt(np.prod(self.intrinsics[:2])))


@dataclass(frozen=True)
class PhotoDataset:
    """The people of a data set, as columns with one row each; photos are read on demand.

    Attributes:
        name, split: as requested.
        root: folder that ``images`` are relative to.
        images: the photo of each person.
        boxes: x, y, width, height around each person.
        notes: hints for the user ("12 people left out: ...").

    All other columns are described in `PhotoRecord`; a column is None if it is unknown for all.
    """

    name: str
    split: str
    root: Path
    images: Sequence[str]
    boxes: Float32[np.ndarray, "people 4"]
    frame: Frame = "camera"
    placed: bool = False
    joints2d: Float32[np.ndarray, "people 24 3"] | None = None
    landmarks2d: Float32[np.ndarray, "people 20 3"] | None = None
    joints3d: Float32[np.ndarray, "people 24 4"] | None = None
    landmarks3d: Float32[np.ndarray, "people 20 4"] | None = None
    pose: Float32[np.ndarray, "people 24 3"] | None = None
    betas: Float32[np.ndarray, "people 10"] | None = None
    transl: Float32[np.ndarray, "people 3"] | None = None
    weak_camera: Float32[np.ndarray, "people 3"] | None = None
    intrinsics: Float32[np.ndarray, "people 4"] | None = None
    genders: Sequence[str | None] | None = None
    subjects: Sequence[str] | None = None
    sequences: Sequence[str] | None = None
    numbers: Int32[np.ndarray, " people"] | None = None
    outlines: Sequence[Outline | None] | None = None
    quarter_turns: int = 0
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        """Refuse columns that do not fit together."""
        for name, column in self._columns().items():
            if len(column) != len(self.images):
                message = f"{len(column)} {name} for {len(self.images)} images; get it again"
                raise UserError(f"{self.name} ({self.split}) in {self.root} has {message}")
        for name, shape in _ROWS.items():
            column = getattr(self, name)
            if column is not None and (column.shape[1:] != shape or column.dtype != np.float32):
                raise ValueError(f"{name} of shape {column.shape}, {column.dtype}")

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[PhotoRecord]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> PhotoRecord:
        """The record of one person; the photo is not opened."""
        if not 0 <= index < len(self):
            raise IndexError(f"person {index} of {len(self)}")
        known: Columns = {name: self._row(name, index) for name in _ROWS}
        return PhotoRecord(
            image=self.root / self.images[index],
            quarter_turns=self.quarter_turns,
            box=Box(*self.boxes[index].tolist()),
            frame=self.frame,
            placed=self.placed,
            gender=self.genders[index] if self.genders else None,
            subject=self.subjects[index] if self.subjects else None,
            sequence=self.sequences[index] if self.sequences else None,
            number=int(self.numbers[index]) if self.numbers is not None else None,
            outline=self.outlines[index] if self.outlines else None,
            **known,
        )

    def photo(self, index: int) -> Photo:
        """The photo of one person, decoded and upright.

        Raises:
            UserError: the photo is missing, damaged or too large.
        """
        file = self.root / self.images[index]
        try:
            photo = self._frame(file, index) if is_film(file) else load_image(file)
        except UserError as error:
            raise UserError(f"{self.name}: {error}; see docs/datasets.md") from error
        if not self.quarter_turns:
            return photo
        rotated = np.rot90(photo.pixels, -self.quarter_turns)
        return replace(photo, pixels=np.ascontiguousarray(rotated))

    def _frame(self, film: Path, index: int) -> Photo:
        """A frame of a film as a photo."""
        if self.numbers is None:
            raise UserError(f"{film} is a film, and nothing says which of its frames is meant")
        return Photo.of_array(read_frame(film, int(self.numbers[index])), film.name)

    def has(self, column: str) -> Bool[np.ndarray, " people"]:
        """Mask of the people for whom a column is known."""
        values = getattr(self, column)
        if values is None:
            return np.zeros(len(self), bool)
        if column in KEYPOINT_COLUMNS:
            return (values[..., -1] > 0).any(1)
        if column in PLAIN_COLUMNS:
            return np.isfinite(values).reshape(len(self), -1).all(1)
        return np.array([value is not None for value in values], bool)

    def select(
        self, people: Int[np.ndarray, " chosen"] | Bool[np.ndarray, " people"]
    ) -> PhotoDataset:
        """Some of the people, by number or by mask, in the order given."""
        rows = np.flatnonzero(people) if people.dtype == bool else people
        chosen: Columns = {
            name: column[rows]
            if isinstance(column, np.ndarray)
            else [column[i] for i in rows.tolist()]
            for name, column in self._columns().items()
        }
        return replace(self, **chosen)

    def every(self, step: int) -> PhotoDataset:
        """People in every ``step``-th frame of their sequences; all people without numbers."""
        if step < 1:
            raise UserError(f"every {step}-th frame makes no sense; give 1 or more")
        return self if self.numbers is None else self.select(self.numbers % step == 0)

    def _columns(self) -> dict[str, Sequence | np.ndarray]:
        """All columns that have a row for each person."""
        single = {"name", "split", "root", "frame", "placed", "quarter_turns", "notes"}
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in single}
        return {name: column for name, column in named.items() if column is not None}

    def _row(self, name: str, index: int) -> Float32[np.ndarray, "..."] | None:
        column = getattr(self, name)
        if column is None:
            return None
        row = column[index]
        known = (row[:, -1] > 0).any() if name in KEYPOINT_COLUMNS else np.isfinite(row).all()
        return row if known else None


def without_bad_boxes(dataset: PhotoDataset) -> PhotoDataset:
    """The data set without people whose box has no area or is not finite; a note says how many."""
    finite = np.isfinite(dataset.boxes).all(1)
    good = finite & (dataset.boxes[:, 2:] >= 1).all(1)
    if good.all():
        return dataset
    note = f"{int((~good).sum())} people left out: their boxes have no area"
    return replace(dataset.select(good), notes=(*dataset.notes, note))
