"""What joint estimates learn from: the truth about joints, and how far a estimate is from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.geometry.camera import Camera, project
from core.nbv.volume import NeuralBodyVolume
from core.nets.joint_estimate import JointEstimate, bone_foreshortening
from core.train.batches.truth import BodyTruth
from core.train.distributed import ALONE, ProcessGroup
from core.train.losses.regression import REACH, mean_over

_MARKED = 0.5  # confidence from which a marked joint is believed


@dataclass(frozen=True)
class JointTruth:
    """Where joints are and how their bones foreshortening; units as in `JointEstimate`."""

    xy: Float[Tensor, "batch 24 2"]
    foreshortening: Float[Tensor, "batch 24"]
    placed: Bool[Tensor, "batch 24"] | None = None
    """Joints whose ``xy`` is true; None: all."""
    leaning: Bool[Tensor, "batch 24"] | None = None
    """Bones whose ``foreshortening`` is true; None: all."""

    @property
    def inside(self) -> Bool[Tensor, "batch 24"]:
        """Joints within the crop, hidden ones too."""
        inside = (self.xy.abs() < 1).all(-1)
        return inside if self.placed is None else inside & self.placed

    @property
    def near(self) -> Bool[Tensor, "batch 24"]:
        """Joints of which the crop may tell."""
        near = (self.xy.abs() < REACH).all(-1)
        return near if self.placed is None else near & self.placed

    @property
    def boned(self) -> Bool[Tensor, "batch 24"]:
        """Near joints with a bone whose foreshortening is known; the root has none."""
        boned = (self.xy.abs() < REACH).all(-1) & (torch.arange(24, device=self.xy.device) > 0)
        return boned if self.leaning is None else boned & self.leaning


@torch.no_grad()
def joint_truth(truth: BodyTruth, volume: NeuralBodyVolume) -> JointTruth:
    """The joints of true bodies."""
    joints = volume.joints(truth.rotations, truth.betas, truth.transl)
    xy = project(Camera.centered(truth.focal, truth.size), joints) / (truth.size / 2) - 1
    foreshortening = bone_foreshortening(joints)
    if truth.known is None:
        return JointTruth(xy, foreshortening)
    known, marked = truth.known, truth.known.joints2d
    whole = (known.pose & known.place)[:, None]
    xy = torch.where(whole[..., None], xy, marked[..., :2] / (truth.size / 2) - 1)
    return JointTruth(
        xy, foreshortening, whole | (marked[..., 2] > _MARKED), whole.expand_as(foreshortening)
    )


def heat_loss(
    heat: Float[Tensor, "batch 24 h w"], truth: JointTruth, group: ProcessGroup = ALONE
) -> Tensor:
    """Cross-entropy of each joint's softmax over pixels (between cells: of the nearest four).

    It is divided by that of an even map.
    """
    logs = heat.flatten(2).log_softmax(-1).unflatten(-1, heat.shape[-2:])
    cells = F.grid_sample(
        logs.flatten(0, 1)[:, None],
        truth.xy.flatten(0, 1)[:, None, None],
        padding_mode="border",
        align_corners=False,
    )
    each = -cells.view(truth.foreshortening.shape) / math.log(heat[0, 0].numel())
    return mean_over(each, truth.inside, group)


def joint_estimate_loss(
    estimate: JointEstimate, truth: JointTruth, group: ProcessGroup = ALONE
) -> Tensor:
    """Negative log-likelihood of the truth, each joint's times its own sigma.

    Without that factor (beta-NLL: Seitzer et al., ICLR 2022) the surest joints would drown the
    others, whose place is still to be learnt.
    """
    off = (estimate.xy - truth.xy).square().sum(-1)
    place = _scaled_nll(off, estimate.log_sigma, 2)
    foreshortening = _scaled_nll(
        (estimate.foreshortening - truth.foreshortening).square(),
        estimate.log_sigma_foreshortening,
        1,
    )
    return mean_over(place, truth.near, group) + mean_over(foreshortening, truth.boned, group)


def _scaled_nll(square: Tensor, log_sigma: Tensor, dimensions: int) -> Tensor:
    """NLL of an isotropic normal distribution, up to a constant, times its standard deviation."""
    nll = 0.5 * square * torch.exp(-2 * log_sigma) + dimensions * log_sigma
    return nll * log_sigma.detach().exp()
