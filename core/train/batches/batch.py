"""One training batch: crops and the exact truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.geometry.camera import Camera, project
from core.nbv.orientation import orientation_weights
from core.nbv.volume import NeuralBodyVolume
from core.train.batches.supervision import Known

UNKNOWN_PART = -100
"""The part of a pixel of which nothing is known: what PyTorch's cross-entropy passes over."""
_DEPTH_SLACK = 0.05  # metres behind the visible surface at which a kernel still counts as seen


@dataclass(frozen=True)
class Batch:
    """Square crops of side S with what they show; truth lives in the crop camera's frame."""

    images: Float[Tensor, "batch 3 s s"]
    """RGB, 0..1."""
    focal: Float[Tensor, " batch"]
    """Pixels; the principal point is the middle."""
    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    transl: Float[Tensor, "batch 3"]
    parts: Int[Tensor, "batch s/4 s/4"]
    """0 background, 1 + joint; occluded body included. `UNKNOWN_PART` where not known."""
    occluder: Bool[Tensor, "batch s/4 s/4"]
    """Something, or the photo's edge, hides what is there."""
    depth: Float[Tensor, "batch s/2 s/2"]
    """Of the person in metres, occluded body included; infinite beside it."""

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.images.shape[-1]

    def to(self, device: str) -> Self:
        """The same batch on a device."""
        return type(self)(**{name: value.to(device) for name, value in vars(self).items()})

    @property
    def known(self) -> Known | None:
        """What of this is true, where not everything is; see `PartialBatch`."""
        return None

    @property
    def camera(self) -> Camera:
        """The crops' cameras."""
        return Camera.centered(self.focal, self.size)


@dataclass(frozen=True)
class KernelTruth:
    """Where each kernel of the true body is, and whether it can be seen."""

    joints: Float[Tensor, "batch 24 3"]
    xy: Float[Tensor, "batch kernels 2"]
    """Pixels of the crop."""
    visible: Bool[Tensor, "batch kernels"]
    orientation: Float[Tensor, "batch kernels bins"]


@torch.no_grad()
def kernel_truth(volume: NeuralBodyVolume, batch: Batch, bins: int) -> KernelTruth:
    """Project the true body's kernels: visible if in frame, in front, facing us and not covered.

    Of people whose occluders are not known, no kernel is known to be visible. A kernel inside the
    body faces everybody, and is in front if the surface before it is its own.
    """
    posed = volume.pose(batch.rotations, batch.betas, batch.transl)
    xy = project(batch.camera, posed.means)
    facing = ((posed.axes * posed.means).sum(-1) < 0) | (volume.depth_below_surface > 0)
    inside = ((xy >= 0) & (xy < batch.size)).all(-1)
    surface = _look_up(batch.depth, xy, batch.size)
    in_front = posed.means[..., 2] < surface + _DEPTH_SLACK + volume.depth_below_surface
    on_body = torch.isfinite(surface)
    covered = _look_up(batch.occluder, xy, batch.size)
    weights = orientation_weights(posed.limb_directions, bins)
    known = True if batch.known is None else batch.known.kernels[:, None]
    return KernelTruth(
        joints=posed.joints,
        xy=xy,
        visible=facing & inside & on_body & in_front & ~covered & known,
        orientation=weights[:, volume.limb],
    )


def _look_up(image: Tensor, xy: Float[Tensor, "batch points 2"], size: int) -> Tensor:
    """Values of the cells that hold the points; points outside read the nearest cell."""
    cells = image.shape[-1]
    column, row = (xy * (cells / size)).long().clamp(0, cells - 1).unbind(-1)
    return image.flatten(1).gather(1, row * cells + column)
