"""Ground truth of joint estimates, and their losses."""

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
from core.train.distributed import SINGLE_PROCESS, ProcessGroup
from core.train.losses.regression import REACH, masked_mean

_MIN_CONFIDENCE = 0.5  # of an annotated 2D joint that is used as a label, exclusive


@dataclass(frozen=True)
class JointTruth:
    """2D positions of joints and foreshortening of their bones; units as in `JointEstimate`."""

    xy: Float[Tensor, "batch 24 2"]
    foreshortening: Float[Tensor, "batch 24"]
    xy_known: Bool[Tensor, "batch 24"] | None = None
    """Joints whose ``xy`` is a label; None: all."""
    foreshortening_known: Bool[Tensor, "batch 24"] | None = None
    """Bones whose ``foreshortening`` is a label; None: all."""

    @property
    def inside(self) -> Bool[Tensor, "batch 24"]:
        """Joints inside the crop, whether visible or occluded."""
        inside = (self.xy.abs() < 1).all(-1)
        return inside if self.xy_known is None else inside & self.xy_known

    @property
    def reachable(self) -> Bool[Tensor, "batch 24"]:
        """Joints within `REACH` of the crop's middle: the crop still holds evidence of them."""
        reachable = (self.xy.abs() < REACH).all(-1)
        return reachable if self.xy_known is None else reachable & self.xy_known

    @property
    def foreshortening_scored(self) -> Bool[Tensor, "batch 24"]:
        """Joints within `REACH` whose bone has a known foreshortening; the root has no bone."""
        has_bone = torch.arange(24, device=self.xy.device) > 0
        scored = (self.xy.abs() < REACH).all(-1) & has_bone
        return scored if self.foreshortening_known is None else scored & self.foreshortening_known


@torch.no_grad()
def joint_truth(truth: BodyTruth, volume: NeuralBodyVolume) -> JointTruth:
    """Project the joints of true bodies; annotated 2D joints where the body is not known."""
    joints = volume.joints(truth.rotations, truth.betas, truth.transl)
    xy = project(Camera.centered(truth.focal, truth.size), joints) / (truth.size / 2) - 1
    foreshortening = bone_foreshortening(joints)
    if truth.supervision is None:
        return JointTruth(xy, foreshortening)
    annotated = truth.supervision.joints2d
    body_known = (truth.supervision.pose & truth.supervision.place)[:, None]
    xy = torch.where(body_known[..., None], xy, annotated[..., :2] / (truth.size / 2) - 1)
    return JointTruth(
        xy,
        foreshortening,
        xy_known=body_known | (annotated[..., 2] > _MIN_CONFIDENCE),
        foreshortening_known=body_known.expand_as(foreshortening),
    )


def joint_heatmap_loss(
    heat: Float[Tensor, "batch 24 h w"], truth: JointTruth, group: ProcessGroup = SINGLE_PROCESS
) -> Tensor:
    """Cross-entropy of each joint's softmax over pixels, over that of a uniform map.

    Log-probabilities are interpolated bilinearly at the true position.
    """
    logs = heat.flatten(2).log_softmax(-1).unflatten(-1, heat.shape[-2:])
    cells = F.grid_sample(
        logs.flatten(0, 1)[:, None],
        truth.xy.flatten(0, 1)[:, None, None],
        padding_mode="border",
        align_corners=False,
    )
    each = -cells.view(truth.foreshortening.shape) / math.log(heat[0, 0].numel())
    return masked_mean(each, truth.inside, group)


def joint_estimate_loss(
    estimate: JointEstimate, truth: JointTruth, group: ProcessGroup = SINGLE_PROCESS
) -> Tensor:
    """Sum of the beta-NLL of positions and of foreshortening, each a mean over scored joints."""
    squared = (estimate.xy - truth.xy).square().sum(-1)
    position = _beta_nll(squared, estimate.log_sigma, 2)
    foreshortening = _beta_nll(
        (estimate.foreshortening - truth.foreshortening).square(),
        estimate.log_sigma_foreshortening,
        1,
    )
    return masked_mean(position, truth.reachable, group) + masked_mean(
        foreshortening, truth.foreshortening_scored, group
    )


def _beta_nll(squared: Tensor, log_sigma: Tensor, dimensions: int) -> Tensor:
    """NLL of an isotropic normal distribution, up to a constant, times sigma without gradient.

    beta-NLL with beta = 1/2 (Seitzer et al., On the Pitfalls of Heteroscedastic Uncertainty
    Estimation, ICLR 2022). Without the factor, gradients scale with 1 / sigma^2, and joints with a
    small sigma would dominate those that are still to be learnt.
    """
    nll = 0.5 * squared * torch.exp(-2 * log_sigma) + dimensions * log_sigma
    return nll * log_sigma.detach().exp()
