"""Contact sheets of real people: their crops with annotations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from core.body.names import JOINT_NAMES
from core.datasets.crop import PhotoCrop, crop_person
from core.datasets.record import PhotoDataset

LEFT, RIGHT, LANDMARK, RING = (80, 255, 80), (255, 255, 255), (90, 190, 255), (255, 170, 0)
_BITS = 3  # OpenCV draws at eighths of a pixel
_CHAINS = (("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist", "hand"))
_TRUNK = (("l_hip", "r_hip"), ("l_shoulder", "r_shoulder"))
_SIDES = (("l_shoulder", "l_hip"), ("r_shoulder", "r_hip"))


def record_contact_sheet(
    dataset: PhotoDataset, people: Sequence[int], size: int = 224, columns: int = 4
) -> UInt8[np.ndarray, "height width 3"]:
    """Crops in rows: 2D joints (left green), landmarks (blue), placed 3D joints (orange rings).

    Rings are around the dots where the data set's camera, 3D and 2D joints agree.

    Raises:
        UserError: a photo cannot be read.
    """
    rows = -(-len(people) // columns)
    sheet = np.zeros((rows * size, columns * size, 3), np.uint8)
    for place, person in enumerate(people):
        top, left = (size * n for n in divmod(place, columns))
        picture = draw_points(crop_person(dataset, person, size))
        sheet[top : top + size, left : left + size] = picture
    return sheet


def draw_points(crop: PhotoCrop) -> UInt8[np.ndarray, "size size 3"]:
    """One crop with its points and bones."""
    picture = np.ascontiguousarray(crop.image)
    if crop.landmarks2d is not None:
        for point in crop.landmarks2d:
            _dot(picture, point, LANDMARK)
    if crop.joints2d is not None:
        _draw_bones(picture, crop.joints2d)
        for point, name in zip(crop.joints2d, JOINT_NAMES, strict=True):
            _dot(picture, point, LEFT if name.startswith("l_") else RIGHT)
    if crop.placed and crop.joints3d is not None:
        for x, y, z, known in crop.joints3d.tolist():
            if known > 0 and z > 0:
                middle = np.array([x / z, y / z]) * crop.view.focal + crop.view.size / 2
                cv2.circle(picture, _fixed(middle), 4 << _BITS, RING, 1, cv2.LINE_AA, _BITS)
    return picture


def _draw_bones(picture: np.ndarray, joints: Float32[np.ndarray, "24 3"]) -> None:
    rows = {name: joints[number] for number, name in enumerate(JOINT_NAMES)}
    limbs = [
        (f"{s}_{a}", f"{s}_{b}") for s in "lr" for chain in _CHAINS for a, b in pairwise(chain)
    ]
    for first, second in (*limbs, *_TRUNK, *_SIDES):
        ends = rows[first], rows[second]
        if min(end[2] for end in ends) > 0:
            color = LEFT if first.startswith("l_") and second.startswith("l_") else RIGHT
            start, stop = (_fixed(end[:2]) for end in ends)
            cv2.line(picture, start, stop, color, 1, cv2.LINE_AA, _BITS)


def _dot(picture: np.ndarray, point: Float32[np.ndarray, "3"], color: tuple[int, int, int]) -> None:
    """A dot, smaller where the confidence is at most one half."""
    if point[2] > 0:
        radius = 2 if point[2] > 0.5 else 1
        cv2.circle(picture, _fixed(point[:2]), radius << _BITS, color, -1, cv2.LINE_AA, _BITS)


def _fixed(point: np.ndarray) -> tuple[int, int]:
    """OpenCV's fixed-point coordinates, whose pixel centres are integers; clips far points."""
    x, y = np.round((point.clip(-2000, 4000) - 0.5) * (1 << _BITS)).astype(int).tolist()
    return x, y
