"""The network's estimates are doubted where detected points contradict them.

The network that estimates joints was trained on synthetic people who stand alone in the middle of
their crop. In a crowd, or where a part of a person is seen, it may look at somebody else, and its
own sigmas do not tell. Detected points are for the person who is meant.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.points import CARRIERS, LIMB_POINTS
from core.fit.evidence import BodyPoints
from core.nets.joint_estimate import PARENT, JointEstimate

AGREE = 3.0
"""Standard deviations up to which an estimate and a point do not contradict each other."""
_LIMBS = list(CARRIERS[: len(LIMB_POINTS)])


def doubted(estimate: JointEstimate, points: BodyPoints, size: int) -> JointEstimate:
    """The estimate with sigmas that its distance from the points allows.

    The factor of a joint brings its distance down to `AGREE` sigmas. A bone has the larger factor
    of its two ends; joints that nobody detects have the median of the others.

    Args:
        size: side of the crop in pixels.
    """
    factor = _factors(estimate, points, size).log()
    return replace(
        estimate,
        log_sigma=estimate.log_sigma + factor,
        log_sigma_foreshortening=estimate.log_sigma_foreshortening
        + torch.maximum(factor, factor[:, PARENT]),
    )


def _factors(estimate: JointEstimate, points: BodyPoints, size: int) -> Float[Tensor, "batch 24"]:
    """By how much each joint's standard deviation grows, 1 or more."""
    half = size / 2
    off = points.xy[:, : len(LIMB_POINTS)] / half - 1 - estimate.xy[:, _LIMBS]
    own = estimate.log_sigma[:, _LIMBS].exp()
    both = (own.square() + (points.sigma[:, : len(LIMB_POINTS)] / half).square()).sqrt()
    limbs = (off.norm(dim=-1) / (AGREE * both)).clamp_min(1.0)
    factors = limbs.median(1, keepdim=True).values.repeat(1, estimate.xy.shape[1])
    factors[:, _LIMBS] = limbs
    return factors
