"""The network's estimates are doubted where detected points contradict them.

The network that estimates joints was trained on synthetic people who stand alone in the middle of
their crop. In a crowd, or where a part of a person is seen, it may look at somebody else, and its
own sigmas do not tell. Detected points are for the person who is meant.
"""

from __future__ import annotations

from dataclasses import replace

from core.body.points import CARRIERS, LIMB_POINTS
from core.fit.evidence import BodyPoints
from core.nets.joint_estimate import JointEstimate

AGREE = 3.0
"""Standard deviations up to which an estimate and a point do not contradict each other."""
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
