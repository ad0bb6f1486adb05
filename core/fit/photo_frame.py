"""Where the photos of crops end: what detectors look at, and cannot point out of."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.geometry.crop import CropView
from core.rows import Rows

_LEAST = 1e-3  # of the homogeneous coordinate: no place is behind the photo's camera


@dataclass(frozen=True)
class PhotoFrame(Rows):
    """The frames of photos, in pixels of their crops.

    Attributes:
        size: width and height of the photo in pixels.
        to_crop: homography from the photo's pixels to the crop's.
        to_photo: its inverse.
    """

    size: Float[Tensor, "batch 2"]
    to_crop: Float[Tensor, "batch 3 3"]
    to_photo: Float[Tensor, "batch 3 3"]

    @staticmethod
    def of_view(width: int, height: int, view: CropView) -> PhotoFrame:
        """The frame of one photo in a view of it."""
        to_crop = torch.from_numpy(view.homography)[None]
        size = torch.tensor([[width, height]], dtype=torch.float32)
        return PhotoFrame(size, to_crop.float(), torch.linalg.inv(to_crop).float())

    @staticmethod
    def of_crops(count: int, size: int) -> PhotoFrame:
        """The frames of photos that are square crops themselves."""
        same = torch.eye(3).expand(count, 3, 3)
        return PhotoFrame(torch.full((count, 2), float(size)), same, same)

    def nearest(
        self, xy: Float[Tensor, "batch points 2"], beyond: Float[Tensor, "batch points 2"]
    ) -> Float[Tensor, "batch points 2"]:
        """The nearest places that are in the photo, measured in its pixels.

        Args:
            xy: places in the crop.
            beyond: how far outside the photo each of them may be: as far as this place, if it is
                outside itself.
        """
        photo, reach = _mapped(xy, self.to_photo), _mapped(beyond, self.to_photo)
        kept = torch.maximum(photo, reach.clamp_max(0))
        kept = torch.minimum(kept, torch.maximum(reach, self.size[:, None]))
        return torch.where((kept == photo).all(-1, keepdim=True), xy, _mapped(kept, self.to_crop))


def _mapped(
    xy: Float[Tensor, "batch points 2"], homography: Float[Tensor, "batch 3 3"]
) -> Float[Tensor, "batch points 2"]:
    homogeneous = xy @ homography[:, :, :2].mT + homography[:, None, :, 2]
    return homogeneous[..., :2] / homogeneous[..., 2:].clamp_min(_LEAST)
