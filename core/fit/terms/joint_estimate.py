"""Joints and foreshortened bones as the network estimates them, weighed by its own sigmas."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.evidence import FeatureMap
from core.fit.term import Term
from core.nets.joint_estimate import JointEstimate, bone_foreshortening


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Robust squared errors over variances of the network's joint estimates."""
    observed = at.problem.get(FeatureMap)
    half = observed.stride * observed.size[1] / 2
    estimate = at.problem.get(JointEstimate)
    return joint_estimate_cost(at.posed.joints, at.projected, estimate, half)


def joint_estimate_cost(
    joints: Float[Tensor, "batch 24 3"],
    projected: Float[Tensor, "batch 24 2"],
    estimate: JointEstimate,
    half: float,
    outlier: float = 3.0,
) -> Float[Tensor, " batch"]:
    """Half of the squared error over the variance, under Geman-McClure.

    Args:
        joints: metres, crop camera.
        projected: the same in pixels of the crop.
        half: half of the crop's side in pixels.
        outlier: standard deviations from which an error counts as an outlier.
    """
    off = (projected / half - 1 - estimate.xy).square().sum(-1)
    place = off * torch.exp(-2 * estimate.log_sigma)
    bent = (bone_foreshortening(joints) - estimate.foreshortening)[:, 1:].square()  # no root bone
    depth = bent * torch.exp(-2 * estimate.log_sigma_foreshortening[:, 1:])
    squares = torch.cat([place, depth], -1)
    return 0.5 * (outlier**2 * squares / (outlier**2 + squares)).sum(-1)


TERM = Term(
    name="joint_estimate",
    order=30,
    residual=residual,
    weight=12.0,
    unit="nats",
    description="distance from the network's joints and foreshortenings, in its own sigmas",
    equation="1/2 sum_j t^2 q_j / (t^2 + q_j), q = error^2 / sigma^2, t = 3",
    needs=(JointEstimate, FeatureMap),
)
