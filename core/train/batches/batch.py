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
from core.nets.network import PoseNetwork
from core.nets.trunks import TrunkOutput
from core.train.batches.supervision import Supervision

UNKNOWN_PART = -100
"""Part label of pixels without one: PyTorch's cross-entropy ignores it by default."""
_DEPTH_SLACK = 0.05  # metres behind the visible surface within which a kernel counts as visible


@dataclass(frozen=True)
class Batch:
    """Square crops of side S and their ground truth, in the crop camera's frame."""

    images: Float[Tensor, "batch 3 s s"]
    """RGB, 0..1."""
    focal: Float[Tensor, " batch"]
    """Pixels; the principal point is the middle of the crop."""
    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    transl: Float[Tensor, "batch 3"]
    """Metres."""
    parts: Int[Tensor, "batch s/4 s/4"]
    """0 background, 1 + joint, `UNKNOWN_PART` without a label; amodal (occluded body included)."""
    occluder: Bool[Tensor, "batch s/4 s/4"]
    """An object hides the pixel, or the pixel lies outside the photo."""
    depth: Float[Tensor, "batch s/2 s/2"]
    """Depth of the person in metres, amodal; infinite where there is no body."""
    supervision: Supervision | None = None
    """Which labels are known; None if all are."""
    trunk: TrunkOutput | None = None
    """The frozen trunk's output on the images; None if it is not cached."""

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.images.shape[-1]

    def to(self, device: str) -> Self:
        """The same batch on a device."""
        known = {name: value for name, value in vars(self).items() if value is not None}
        return type(self)(**{name: value.to(device) for name, value in known.items()})

    @property
    def camera(self) -> Camera:
        """The crops' cameras."""
        return Camera.centered(self.focal, self.size)


@dataclass(frozen=True)
class KernelTruth:
    """Position and visibility of each kernel of the true body."""

    joints: Float[Tensor, "batch 24 3"]
    """Metres, crop camera."""
    xy: Float[Tensor, "batch kernels 2"]
    """Pixels of the crop."""
    visible: Bool[Tensor, "batch kernels"]
    orientation: Float[Tensor, "batch kernels bins"]
    """p(o | limb) of the kernel's limb; sums to 1 over the bins."""


def trunk_output(network: PoseNetwork, batch: Batch) -> TrunkOutput:
    """The output of a network's trunk on a batch: the cached one if there is one."""
    return network.trunk(batch.images) if batch.trunk is None else batch.trunk


@torch.no_grad()
def kernel_truth(volume: NeuralBodyVolume, batch: Batch, bins: int) -> KernelTruth:
    """Project the true body's kernels and find which are visible.

    A kernel is visible if it lies inside the crop, on the front surface of the body, faces the
    camera and is not occluded. A kernel below the skin (``volume.depth_below_surface``, metres)
    faces every camera and may lie that much behind the surface. People without
    `Supervision.kernels` have no visible kernel.
    """
    posed = volume.pose(batch.rotations, batch.betas, batch.transl)
    xy = project(batch.camera, posed.means)
    facing = ((posed.axes * posed.means).sum(-1) < 0) | (volume.depth_below_surface > 0)
    inside = ((xy >= 0) & (xy < batch.size)).all(-1)
    surface = _sample_nearest(batch.depth, xy, batch.size)
    in_front = posed.means[..., 2] < surface + _DEPTH_SLACK + volume.depth_below_surface
    on_body = torch.isfinite(surface)
    occluded = _sample_nearest(batch.occluder, xy, batch.size)
    weights = orientation_weights(posed.limb_directions, bins)
    known = True if batch.supervision is None else batch.supervision.kernels[:, None]
    return KernelTruth(
        joints=posed.joints,
        xy=xy,
        visible=facing & inside & on_body & in_front & ~occluded & known,
        orientation=weights[:, volume.limb],
    )


def _sample_nearest(image: Tensor, xy: Float[Tensor, "batch points 2"], size: int) -> Tensor:
    """Nearest-neighbour samples of a map at crop pixels; points outside take the border cell."""
    cells = image.shape[-1]
    column, row = (xy * (cells / size)).long().clamp(0, cells - 1).unbind(-1)
    return image.flatten(1).gather(1, row * cells + column)
