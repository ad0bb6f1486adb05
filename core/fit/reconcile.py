"""Evidence that contradicts other evidence, or cannot be right, becomes less sure.

Detectors put what is outside the photo onto its edge, and are sure of it.

The network that estimates joints was trained on synthetic people who stand alone in the middle of
their crop. In a crowd, or where a part of a person is seen, it may look at somebody else, and its
own sigmas do not tell. Detected points are for the person who is meant.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.body.points import CARRIERS, LIMB_POINTS
from core.fit.evidence import BodyPoints
from core.nets.joint_estimate import JointEstimate

AGREE = 3.0
"""Standard deviations up to which an estimate and a point do not contradict each other."""
EDGE = 0.035
"""Distance from the edge of the photo at which points are doubted, as a share of the crop."""
EDGE_SIGMA = 0.12
"""Standard deviation of such a point, as a share of the crop."""
_LIMBS = list(CARRIERS[: len(LIMB_POINTS)])


def doubted(estimate: JointEstimate, points: BodyPoints, size: int) -> JointEstimate:
    """The estimate with sigmas that its distance from the points allows.

    All sigmas of a person grow by one factor, which brings the median distance of the limbs' joints
    down to `AGREE` sigmas: a person who is another is wrong as a whole. Single joints that disagree
    are not judged. The network has learnt to estimate what is hidden, and detectors guess there.

    Args:
        size: side of the crop in pixels.
    """
    half = size / 2
    off = points.xy[:, : len(LIMB_POINTS)] / half - 1 - estimate.xy[:, _LIMBS]
    own = estimate.log_sigma[:, _LIMBS].exp()
    both = (own.square() + (points.sigma[:, : len(LIMB_POINTS)] / half).square()).sqrt()
    median = (off.norm(dim=-1) / both).median(1, keepdim=True).values
    factor = (median / AGREE).clamp_min(1.0).log()
    return replace(
        estimate,
        log_sigma=estimate.log_sigma + factor,
        log_sigma_foreshortening=estimate.log_sigma_foreshortening + factor,
    )


def unsure_at_edges(points: BodyPoints, inside: Float[Tensor, "batch 1 size size"]) -> BodyPoints:
    """The points with larger sigmas where they are at the edge of the photo, or outside.

    Args:
        inside: 1 where a crop shows its photo, 0 beyond the edge.
    """
    size = inside.shape[-1]
    reach = round(EDGE * size)
    shown = F.avg_pool2d(inside.float(), 2 * reach + 1, stride=1, padding=reach)[:, 0]
    column, row = points.xy.floor().long().clamp(0, size - 1).unbind(-1)
    batch = torch.arange(len(shown), device=shown.device)[:, None]
    beyond = ((points.xy < 0) | (points.xy >= size)).any(-1)
    unsure = beyond | (shown[batch, row, column] < 1 - 1e-3)
    sigma = torch.where(unsure, points.sigma.clamp_min(EDGE_SIGMA * size), points.sigma)
    return BodyPoints(points.xy, sigma)
