"""The square crop of a record by a virtual camera, and the ground truth in that camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from scipy.spatial.transform import Rotation

from core.datasets.record import Outline, PhotoDataset, PhotoRecord
from core.geometry.crop import (
    PADDING,
    Box,
    CropView,
    crop_view,
    default_focal,
    inside_photo,
    warp,
    warp_mask,
)

Matrix = Float[np.ndarray, "3 3"]


@dataclass(frozen=True)
class PhotoCrop:
    """One person in the crop camera; unknown values are None (see `PhotoRecord`).

    Attributes:
        image: RGB, black outside the photo.
        inside: True inside the photo.
        view: the crop's virtual camera; its focal length is ``view.focal`` pixels.
        joints2d, landmarks2d: x, y, confidence in pixels of the crop.
        joints3d, landmarks3d: x, y, z, confidence; metres.
        placed: whether they are at their position in the camera, or only relative to each other.
        pose: axis-angle; entry 0 rotates the body into the crop camera's frame.
        betas: SMPL's shape coefficients.
        weak_camera: scaled-orthographic camera: crop pixels per metre, and the body's x and y in
            metres; the origin is the middle of the crop.
        transl_in_photo: the record's ``transl``, in the photo's camera (see `transl`).
        mask: pixels that show the person.
    """

    image: UInt8[np.ndarray, "size size 3"]
    inside: Bool[np.ndarray, "size size"]
    view: CropView
    joints2d: Float32[np.ndarray, "24 3"] | None
    landmarks2d: Float32[np.ndarray, "20 3"] | None
    joints3d: Float32[np.ndarray, "24 4"] | None
    landmarks3d: Float32[np.ndarray, "20 4"] | None
    placed: bool
    pose: Float32[np.ndarray, "24 3"] | None
    betas: Float32[np.ndarray, "10"] | None
    weak_camera: Float32[np.ndarray, "3"] | None
    transl_in_photo: Float32[np.ndarray, "3"] | None
    mask: Bool[np.ndarray, "size size"] | None = None

    def transl(self, rest_pelvis: Float[np.ndarray, "3"]) -> Float32[np.ndarray, "3"] | None:
        """The translation in the crop camera, for vertices = LBS(pose, betas) + transl, or None.

        Args:
            rest_pelvis: pelvis joint of the shaped body in its rest pose, about which ``pose``
                rotates it, metres.
        """
        rotation = self.view.rotation.T
        if self.transl_in_photo is not None:
            place = rotation @ (rest_pelvis + self.transl_in_photo) - rest_pelvis
        elif self.placed and self.joints3d is not None and self.joints3d[0, 3] > 0:
            place = self.joints3d[0, :3] - rest_pelvis
        elif self.weak_camera is not None:
            scale, x, y = self.weak_camera
            place = np.array([x, y, self.view.focal / scale])
        else:
            return None
        return place.astype(np.float32)


def crop_person(
    dataset: PhotoDataset,
    index: int,
    size: int,
    padding: float = PADDING,
    focal: float | None = None,
) -> PhotoCrop:
    """The crop of one person; the photo is read.

    Args:
        focal: focal length in pixels of a photo without intrinsics; by default its diagonal.

    Raises:
        UserError: the photo cannot be read.
    """
    record, photo = dataset[index], dataset.photo(index)
    view = view_of(record, *photo.size, size, padding, focal)
    rotation = view.rotation.T if record.frame == "camera" else np.eye(3)
    return PhotoCrop(
        image=warp(photo.pixels, view),
        inside=inside_photo(*photo.size, view) > 0.5,
        view=view,
        joints2d=_into_crop(record.joints2d, view),
        landmarks2d=_into_crop(record.landmarks2d, view),
        joints3d=_rotated(record.joints3d, rotation),
        landmarks3d=_rotated(record.landmarks3d, rotation),
        placed=record.placed,
        pose=_rotated_pose(record.pose, rotation),
        betas=record.betas,
        weak_camera=_crop_weak_camera(record, size, padding),
        transl_in_photo=record.transl,
        mask=None if record.outline is None else _mask(record.outline, *photo.size, view),
    )


def _mask(outline: Outline, width: int, height: int, view: CropView) -> Bool[np.ndarray, "s s"]:
    """Pixels of the crop that are inside of a person's outline."""
    mask = np.zeros((height, width), np.float32)
    limit = 4 * max(width, height)  # OpenCV's integers are small
    corners = [np.rint(polygon.clip(-limit, limit)).astype(np.int32) for polygon in outline]
    for polygon in corners:  # one by one: where two overlap, both are inside
        cv2.fillPoly(mask, [polygon], 1.0)
    return warp_mask(mask, view) >= 0.5


def view_of(
    record: PhotoRecord,
    width: int,
    height: int,
    size: int,
    padding: float = PADDING,
    focal: float | None = None,
) -> CropView:
    """The virtual camera of a record's crop of ``size`` pixels.

    It accounts for a principal point off the middle and for unequal focal lengths.
    """
    if record.intrinsics is None:
        focal = default_focal(width, height) if focal is None else focal
        return crop_view(width, height, record.box, focal, size, padding)
    fx, fy, cx, cy = record.intrinsics.astype(np.float64).tolist()
    stretch = fx / fy  # scale of the rows that makes both focal lengths fx
    move = np.array([[1, 0, width / 2 - cx], [0, stretch, height / 2 - stretch * cy], [0, 0, 1.0]])
    x, y, _ = move @ [record.box.x, record.box.y, 1.0]
    box = Box(x, y, record.box.width, record.box.height * stretch)
    view = crop_view(width, height, box, fx, size, padding)
    return replace(view, homography=view.homography @ move)


def _into_crop(
    points: Float32[np.ndarray, "points 3"] | None, view: CropView
) -> Float32[np.ndarray, "points 3"] | None:
    """2D points mapped by the crop's homography; unknown ones stay 0."""
    if points is None:
        return None
    plane = np.concatenate([points[:, :2], np.ones_like(points[:, :1])], 1) @ view.homography.T
    moved = np.concatenate([plane[:, :2] / plane[:, 2:], points[:, 2:]], 1)
    return np.where(points[:, 2:] > 0, moved, 0).astype(np.float32)


def _rotated(
    points: Float32[np.ndarray, "points 4"] | None, rotation: Matrix
) -> Float32[np.ndarray, "points 4"] | None:
    if points is None:
        return None
    return np.concatenate([points[:, :3] @ rotation.T, points[:, 3:]], 1).astype(np.float32)


def _rotated_pose(
    pose: Float32[np.ndarray, "24 3"] | None, rotation: Matrix
) -> Float32[np.ndarray, "24 3"] | None:
    if pose is None:
        return None
    root = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(pose[0])).as_rotvec()
    return np.concatenate([root[None], pose[1:]]).astype(np.float32)


def _crop_weak_camera(
    record: PhotoRecord, size: int, padding: float
) -> Float32[np.ndarray, "3"] | None:
    """The weak camera with its scale in pixels of the crop."""
    if record.weak_camera is None:
        return None
    side = max(record.box.width, record.box.height) * padding
    return record.weak_camera * np.array([size / side, 1, 1], np.float32)
