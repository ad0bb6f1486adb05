"""What joint readings learn from: the truth about joints, and how far a reading is from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.geometry.camera import Camera, project
from core.nbv.volume import NeuralBodyVolume
from core.nets.joint_estimate import JointReading, bone_lean
from core.train.batches.truth import BodyTruth
from core.train.distributed import ALONE, Ranks
from core.train.losses.regression import REACH, mean_over

_MARKED = 0.5  # confidence from which a marked joint is believed


@dataclass(frozen=True)
class JointTruth:
    """Where joints are and how their bones lean; units as in `JointReading`."""

    xy: Float[Tensor, "batch 24 2"]
    lean: Float[Tensor, "batch 24"]
    placed: Bool[Tensor, "batch 24"] | None = None
    """Joints whose ``xy`` is true; None: all."""
    leaning: Bool[Tensor, "batch 24"] | None = None
    """Bones whose ``lean`` is true; None: all."""

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
        """Near joints with a bone whose lean is known; the root has none."""
        boned = (self.xy.abs() < REACH).all(-1) & (torch.arange(24, device=self.xy.device) > 0)
        return boned if self.leaning is None else boned & self.leaning


@torch.no_grad()
def joint_truth(truth: BodyTruth, volume: NeuralBodyVolume) -> JointTruth:
    """The joints of true bodies."""
    joints = volume.joints(truth.rotations, truth.betas, truth.transl)
    xy = project(Camera.centered(truth.focal, truth.size), joints) / (truth.size / 2) - 1
    lean = bone_lean(joints)
    if truth.known is None:
        return JointTruth(xy, lean)
    known, marked = truth.known, truth.known.joints2d
    whole = (known.pose & known.place)[:, None]
    xy = torch.where(whole[..., None], xy, marked[..., :2] / (truth.size / 2) - 1)
    return JointTruth(xy, lean, whole | (marked[..., 2] > _MARKED), whole.expand_as(lean))


def heat_loss(
    heat: Float[Tensor, "batch 24 h w"], truth: JointTruth, ranks: Ranks = ALONE
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
    each = -cells.view(truth.lean.shape) / math.log(heat[0, 0].numel())
    return mean_over(each, truth.inside, ranks)


def reading_loss(reading: JointReading, truth: JointTruth, ranks: Ranks = ALONE) -> Tensor:
    """Negative log-likelihood of the truth, each joint's times its own doubt.

    Without that factor (beta-NLL: Seitzer et al., ICLR 2022) the surest joints would drown the
    others, whose place is still to be learnt.
    """
    off = (reading.xy - truth.xy).square().sum(-1)
    place = _scaled_nll(off, reading.log_doubt, 2)
    lean = _scaled_nll((reading.lean - truth.lean).square(), reading.log_doubt_lean, 1)
    return mean_over(place, truth.near, ranks) + mean_over(lean, truth.boned, ranks)


def _scaled_nll(square: Tensor, log_doubt: Tensor, dimensions: int) -> Tensor:
    """NLL of an isotropic normal distribution, up to a constant, times its standard deviation."""
    nll = 0.5 * square * torch.exp(-2 * log_doubt) + dimensions * log_doubt
    return nll * log_doubt.detach().exp()
