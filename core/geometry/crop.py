"""Virtual cameras that look straight at a person's box in a photo.

A square cut out of a photo does not have the principal point in its middle, so the same pose looks
different near the photo's edge than in its middle. Instead of passing that offset to every network,
the crop is rendered by a *virtual pinhole camera* at the same position, rotated so that it looks at
the middle of the box. Both images are related by a homography, which is exact for every depth.
Networks, volumes and fits use the virtual camera's frame; `CropView.rotation` leads back to the
photo's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8

from core.geometry.rotations import rotation_between

PADDING = 1.25
"""Side of a crop divided by the longer side of its box."""


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
        rotation: photo-from-crop: maps directions in the crop camera to the photo's camera.
        homography: maps homogeneous photo pixels to crop pixels.
    """

    size: int
    focal: float
    rotation: Float[np.ndarray, "3 3"]
    homography: Float[np.ndarray, "3 3"]

    def to_photo(self, crop: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Photo pixels of crop pixels."""
        return _mapped(crop, np.linalg.inv(self.homography))

    def to_crop(self, photo: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Crop pixels of photo pixels."""
        return _mapped(photo, self.homography)

    def box_in_crop(self, box: Box) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a photo's box in crop pixels: around its corners."""
        x, y = np.array([box.x, box.x + box.width]), np.array([box.y, box.y + box.height])
        corners = _mapped(np.stack([np.repeat(x, 2), np.tile(y, 2)], 1), self.homography)
        (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        return left, top, right, bottom

    def resized(self, size: int) -> CropView:
        """The same view in a crop of ``size`` pixels."""
        scale = size / self.size
        matrix = np.diag([scale, scale, 1.0]) @ self.homography
        return CropView(size, scale * self.focal, self.rotation, matrix)


def _mapped(
    points: Float[np.ndarray, "n 2"], homography: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "n 2"]:
    homogeneous = np.concatenate([points, np.ones((len(points), 1))], 1) @ homography.T
    return homogeneous[:, :2] / homogeneous[:, 2:]


def default_focal(width: int, height: int) -> float:
    """Focal length in pixels of a photo without metadata: its diagonal.

    The diagonal field of view is then 2 atan(1/2), about 53 degrees.
    """
    return math.hypot(width, height)


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(first.x + first.width, second.x + second.width) - max(first.x, second.x)
    height = min(first.y + first.height, second.y + second.height) - max(first.y, second.y)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (first.width * first.height + second.width * second.height - shared)


def clip_overhang(box: Box, width: int, height: int, max_overhang: float = 0.25) -> Box:
    """Clip a box so that it reaches past the photo's edges by a limited share of what is inside.

    Most of the body is outside a portrait; a crop of the full body would show the visible part too
    small.

    Args:
        max_overhang: limit at each edge, divided by the extent of the box inside the photo.
    """
    x, right = _clip(box.x, box.x + box.width, width, max_overhang)
    y, bottom = _clip(box.y, box.y + box.height, height, max_overhang)
    return Box(x, y, right - x, bottom - y)


def _clip(low: float, high: float, size: int, max_overhang: float) -> tuple[float, float]:
    """One axis of `clip_overhang`; an interval that is completely outside is kept."""
    margin = max_overhang * (min(high, size) - max(low, 0.0))
    return (max(low, -margin), min(high, size + margin)) if margin > 0 else (low, high)


def crop_view(
    width: int, height: int, box: Box, focal: float, size: int, padding: float = PADDING
) -> CropView:
    """The virtual camera of a box, made square and widened by ``padding``, in ``size`` pixels.

    Args:
        width, height: size of the photo; its principal point is assumed to be the middle.
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
    """The crop as the virtual camera sees it; black outside the photo."""
    return _warp(image, view)


def inside_photo(width: int, height: int, view: CropView) -> Float[np.ndarray, "s s"]:
    """1 where a crop pixel is inside the photo, 0 outside."""
    return warp_mask(np.ones((height, width), np.float32), view)


def warp_mask(
    mask: Float32[np.ndarray, "height width"], view: CropView
) -> Float32[np.ndarray, "s s"]:
    """A photo's mask as the virtual camera sees it; 0 outside the photo."""
    return _warp(mask, view)


def _warp(image: np.ndarray, view: CropView) -> np.ndarray:
    """Warp; shrink by an area filter first where the crop is much coarser, against aliasing."""
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
