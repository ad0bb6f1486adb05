"""Square regions of crops, turned so that the person stands upright, and back again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.rows import Rows

_OVERSAMPLING = 2  # samples per pixel and axis: bilinear ones alone would alias


@dataclass(frozen=True)
class Regions(Rows):
    """One region a crop.

    Attributes:
        center: middle, in pixels of the crop.
        up: unit vector that is upwards in the region, in the crop's axes (x right, y down).
        side: in pixels of the crop.
    """

    center: Float[Tensor, "batch 2"]
    up: Float[Tensor, "batch 2"]
    side: Float[Tensor, " batch"]

    @property
    def right(self) -> Float[Tensor, "batch 2"]:
        """Unit vector to the right in the region."""
        return torch.stack([-self.up[:, 1], self.up[:, 0]], -1)

    def scaled(self, factor: float) -> Regions:
        """The regions in pixels of which a crop has ``factor`` times as many."""
        return Regions(factor * self.center, self.up, factor * self.side)

    def to_crop(self, points: Float[Tensor, "batch n 2"]) -> Float[Tensor, "batch n 2"]:
        """Points in shares of the region (0..1, x right, y down) as pixels of the crop."""
        moved = self.side[:, None, None] * (points - 0.5)
        across, down = moved[..., :1], moved[..., 1:]
        axes = self.right[:, None], self.up[:, None]
        return self.center[:, None] + across * axes[0] - down * axes[1]

    def from_crop(self, points: Float[Tensor, "batch n 2"]) -> Float[Tensor, "batch n 2"]:
        """Pixels of the crop in shares of the region: undoes `to_crop`."""
        moved = (points - self.center[:, None]) / self.side[:, None, None]
        across = (moved * self.right[:, None]).sum(-1)
        down = -(moved * self.up[:, None]).sum(-1)
        return torch.stack([across, down], -1) + 0.5

    def paste(self, maps: Float[Tensor, "batch h w"], side: int) -> Float[Tensor, "batch s s"]:
        """Maps of the regions as maps of the crops, zero outside the regions.

        Args:
            side: of the crop in its pixels.
        """
        ticks = torch.arange(side, device=maps.device) + 0.5
        y, x = torch.meshgrid(ticks, ticks, indexing="ij")
        cells = torch.stack([x, y], -1).reshape(1, -1, 2).expand(len(maps), -1, 2)
        grid = (2 * self.from_crop(cells) - 1).unflatten(1, (side, side))
        pasted = F.grid_sample(maps[:, None], grid, padding_mode="border", align_corners=False)
        pasted = torch.where((grid.abs() <= 1).all(-1)[:, None], pasted, 0.0)
        return pasted[:, 0]

    def cut(
        self, images: Float[Tensor, "batch c s s"], size: int, scale: float = 1.0
    ) -> Float[Tensor, "batch c size size"]:
        """The regions of images, black outside.

        Args:
            size: of the result in pixels.
            scale: pixels of the images per pixel of the crop.
        """
        fine = _OVERSAMPLING * size
        ticks = (torch.arange(fine, device=images.device) + 0.5) / fine
        y, x = torch.meshgrid(ticks, ticks, indexing="ij")
        cells = torch.stack([x, y], -1).reshape(1, -1, 2).expand(len(images), -1, 2)
        places = self.to_crop(cells) * (2 * scale / images.shape[-1]) - 1
        grid = places.unflatten(1, (fine, fine))
        sampled = F.grid_sample(images, grid, padding_mode="zeros", align_corners=False)
        return F.avg_pool2d(sampled, _OVERSAMPLING)


def upright_regions(
    hips: Float[Tensor, "batch 2"],
    shoulders: Float[Tensor, "batch 2"],
    reach: Float[Tensor, " batch"],
) -> Regions:
    """Regions around the middle of the hips, with the trunk upright.

    Args:
        hips, shoulders: their middles in pixels of the crop.
        reach: half of the regions' sides.
    """
    trunk = shoulders - hips
    length = trunk.norm(dim=-1, keepdim=True)
    upright = trunk.new_tensor([0.0, -1.0]).expand_as(trunk)
    up = torch.where(length > 1e-3 * reach[:, None], trunk / length.clamp_min(1e-6), upright)
    return Regions(hips, up, 2 * reach)
