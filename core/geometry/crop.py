"""From a person's box in a photo to a virtual camera that looks straight at the person.

Cutting a square out of a photo moves the principal point off the middle, and the same pose then
looks different at the photo's edge than in its middle. Instead of telling every net about that
offset, the crop is rendered by a *virtual pinhole camera* at the same place, turned so that it
looks at the middle of the box: a homography of the photo, exact for every depth. Nets, volumes and
fitting all work in the virtual camera's frame; `CropView.rotation` leads back to the photo's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from core.geometry.rotations import rotation_between

PADDING = 1.25
"""Side of a crop over the longer side of its box."""


@dataclass(frozen=True)
class Box:
    """An axis-aligned box in pixels of the full image; (x, y) is its top left corner."""

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():  # NumPy scalars would make float64 tensors
            object.__setattr__(self, name, float(value))

    @property
    def center(self) -> tuple[float, float]:
        """Middle of the box in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class CropView:
    """The virtual camera of a crop.

    Attributes:
        size: side of the square crop in pixels; its principal point is (size/2, size/2).
        focal: focal length in pixels of the crop.
        rotation: full-from-crop, takes directions of the crop camera to the photo's camera.
        homography: takes homogeneous photo pixels to crop pixels.
    """

    size: int
    focal: float
    rotation: Float[np.ndarray, "3 3"]
    homography: Float[np.ndarray, "3 3"]

    def to_photo(self, crop: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Pixels of the photo of pixels of the crop."""
        there = np.concatenate([crop, np.ones((len(crop), 1))], 1)
        there = there @ np.linalg.inv(self.homography).T
        return there[:, :2] / there[:, 2:]


def default_focal(width: int, height: int) -> float:
    """Focal length in pixels for a photo that does not tell: its diagonal (about 53 degrees)."""
    return math.hypot(width, height)


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    height = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (first.width * first.height + second.width * second.height - shared)


def clip_overhang(box: Box, width: int, height: int, max_overhang: float = 0.25) -> Box:
    """A box that reaches past the photo's edges by at most a share of what is inside.

    Most of a portrait's body lies outside: a crop of all of it would show the rest too small.
    """
    x, right = _clip(box.x, box.x + box.width, width, max_overhang)
    y, bottom = _clip(box.y, box.y + box.height, height, max_overhang)
    return Box(x, y, right - x, bottom - y)


def _clip(low: float, high: float, size: int, max_overhang: float) -> tuple[float, float]:
    """One side of `within_reach`; an interval wholly outside stays as it is."""
    margin = max_overhang * (min(high, size) - max(low, 0.0))
    return (max(low, -margin), min(high, size + margin)) if margin > 0 else (low, high)


def crop_view(
    width: int, height: int, box: Box, focal: float, size: int, padding: float = PADDING
) -> CropView:
    """The virtual camera that sees ``box``, squared and widened by ``padding``, in ``size`` pixels.

    Args:
        width, height: size of the photo; its principal point is taken to be the middle.
        focal: focal length of the photo in pixels.
    """
    middle = np.array([width / 2, height / 2])
    side = max(box.width, box.height) * padding
    offset = (np.array(box.center) - middle) / focal
    ray = np.array([*offset, 1.0])
    length = float(np.linalg.norm(ray))
    forward = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    rotation = rotation_between(forward, torch.from_numpy(ray / length)).numpy()
    crop_focal = focal * length * size / side
    inner = np.array([[crop_focal, 0, size / 2], [0, crop_focal, size / 2], [0, 0, 1]])
    outer = np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]])
    homography = inner @ rotation.T @ np.linalg.inv(outer)
    return CropView(size, crop_focal, rotation, homography / homography[2, 2])


def warp(image: UInt8[np.ndarray, "height width 3"], view: CropView) -> UInt8[np.ndarray, "s s 3"]:
    """The crop as the virtual camera sees it; black where the photo ends."""
    return _warp(image, view)


def inside_photo(width: int, height: int, view: CropView) -> Float[np.ndarray, "s s"]:
    """1 where a crop pixel shows the photo, 0 where it looks past its edge."""
    return _warp(np.ones((height, width), np.float32), view)


def _warp(image: np.ndarray, view: CropView) -> np.ndarray:
    """Warp with an area filter first where the crop is much coarser than the photo."""
    height, width = image.shape[:2]
    shrink = min(1.0, 1.25 * _scale_at_center(view))
    if shrink < 0.75:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    to_photo = np.diag([width / image.shape[1], height / image.shape[0], 1.0])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's pixel centres are integers
    matrix = np.linalg.inv(half) @ view.homography @ to_photo @ half
    return cv2.warpPerspective(image, matrix, (view.size, view.size), flags=cv2.INTER_LINEAR)


def _scale_at_center(view: CropView) -> float:
    """Crop pixels per photo pixel in the middle of the crop."""
    middle = view.size / 2
    points = view.to_photo(np.array([[middle, middle], [middle + 1, middle]]))
    return 1.0 / float(np.linalg.norm(points[1] - points[0]))
