"""Reprojection of joints onto detected 2D keypoints."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.term import Term
from core.geometry.keypoints import Keypoints


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Robust distance of the projected joints from the problem's keypoints."""
    detected = at.problem.get(Keypoints)
    sigma = at.settings.keypoint_sigma
    return keypoint_cost(at.projected, detected.xy, detected.confidence, sigma)


def keypoint_cost(
    projected: Float[Tensor, "batch 24 2"],
    detected: Float[Tensor, "batch 24 2"],
    confidence: Float[Tensor, "batch 24"],
    sigma: float,
) -> Float[Tensor, " batch"]:
    """Geman-McClure of the reprojection error, as in SMPLify: sum c^2 sigma^2 e^2/(sigma^2+e^2).

    Args:
        projected, detected: joints in pixels of the crop.
        sigma: error in pixels at which a keypoint begins to count as an outlier.
    """
    error = (projected - detected).square().sum(-1)
    robust = sigma**2 * error / (sigma**2 + error)
    return (confidence.square() * robust).sum(-1)


TERM = Term(
    name="keypoints",
    order=20,
    residual=residual,
    weight=0.3,
    unit="px^2",
    description="squared reprojection error of the detected 2D keypoints, robust to outliers",
    equation="sum_j c_j^2 s^2 e_j^2 / (s^2 + e_j^2), Geman-McClure as in SMPLify",
    needs=(Keypoints,),
)
