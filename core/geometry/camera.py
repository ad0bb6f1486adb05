"""The pinhole camera (OpenCV axes: x right, y down, z forward)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.rows import Rows


@dataclass(frozen=True)
class Camera(Rows):
    """A batch of pinhole cameras without skew or distortion.

    Attributes:
        focal: focal length in pixels.
        center: principal point in pixels; pixel i covers [i, i + 1), so an image's
            middle is size/2.
    """

    focal: Float[Tensor, " batch"]
    center: Float[Tensor, "batch 2"]

    @staticmethod
    def centered(focal: Float[Tensor, " batch"], size: int) -> Camera:
        """Cameras whose principal point is the middle of a square image of ``size`` pixels."""
        center = focal.new_full((len(focal), 2), size / 2)
        return Camera(focal, center)

    def scaled(self, factor: float) -> Camera:
        """The same cameras for an image resized by ``factor`` (1/4 for a stride-4 feature map)."""
        return Camera(self.focal * factor, self.center * factor)


def project(
    camera: Camera, points: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points 2"]:
    """Pixels of camera-frame points (metres): focal (x, y) / z + center.

    The result is meaningless for points behind the camera.
    """
    normalised = points[..., :2] / points[..., 2:]
    return camera.focal[:, None, None] * normalised + camera.center[:, None]


def project_motion(
    camera: Camera, points: Float[Tensor, "batch points 3"], motion: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points 2"]:
    """Pixels by which moving points move in the image: the derivative of `project` by the motion.

    It is linear in the motion (metres), so that motions add up in the image as they do in space.
    """
    depth = points[..., 2:]
    across = (motion[..., :2] - points[..., :2] / depth * motion[..., 2:]) / depth
    return camera.focal[:, None, None] * across


def pixel_rays(
    camera: Camera, height: int, width: int, stride: int = 1
) -> Float[Tensor, "batch height width 3"]:
    """Unit rays through the centres of ``stride``-sized cells of the image.

    Args:
        height, width: size of the map in cells; the image has ``stride`` times as many pixels.
    """
    like = camera.focal
    v = (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) * stride
    u = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) * stride
    grid_v, grid_u = torch.meshgrid(v, u, indexing="ij")
    pixels = torch.stack([grid_u, grid_v], -1)[None]
    xy = (pixels - camera.center[:, None, None]) / camera.focal[:, None, None, None]
    rays = torch.cat([xy, torch.ones_like(xy[..., :1])], -1)
    return rays / rays.norm(dim=-1, keepdim=True)
