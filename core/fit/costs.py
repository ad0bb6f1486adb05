"""Costs beside the likelihood: each a pure function of parameters, one number per person."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.nets.joint_estimate import JointEstimate, bone_foreshortening


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


def joint_estimate_cost(
    joints: Float[Tensor, "batch 24 3"],
    projected: Float[Tensor, "batch 24 2"],
    estimate: JointEstimate,
    half: float,
    outlier: float = 3.0,
) -> Float[Tensor, " batch"]:
    """Distance of joints and foreshortenings from the network's estimates, in its own sigmas.

    Half of the squared error over the variance, under Geman-McClure: an error of ``outlier``
    standard deviations or more is a misreading.

    Args:
        joints: metres, crop camera.
        projected: the same in pixels of the crop.
        half: half of the crop's side in pixels.
    """
    off = (projected / half - 1 - estimate.xy).square().sum(-1)
    place = off * torch.exp(-2 * estimate.log_sigma)
    bent = (bone_foreshortening(joints) - estimate.foreshortening)[
        :, 1:
    ].square()  # the root has no bone
    foreshortening = bent * torch.exp(-2 * estimate.log_sigma_foreshortening[:, 1:])
    squares = torch.cat([place, foreshortening], -1)
    return 0.5 * (outlier**2 * squares / (outlier**2 + squares)).sum(-1)


def shape_cost(betas: Float[Tensor, "batch 10"]) -> Float[Tensor, " batch"]:
    """Squared Mahalanobis distance of the shape from the mean."""
    return betas.square().sum(-1)


def anchor_cost(
    turned: Float[Tensor, "batch 24 3"], moved: Float[Tensor, "batch 3"]
) -> Float[Tensor, " batch"]:
    """Squared distance from the start: rotation of each joint (radians) and of the place.

    Where nothing is seen the likelihood is flat, and the regressor's guess is the best there is.
    """
    return turned.square().sum((-1, -2)) + moved.square().sum(-1)
