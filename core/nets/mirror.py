"""Test-time augmentation with the mirror image.

The errors of a network on an image and on its mirror image differ, so the mean of both predictions
is closer to the truth. Where the two disagree, the variance of the mean estimate increases.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_FLIP
from core.geometry.rotations import mean_rotation
from core.nets.joint_estimate import JointEstimate
from core.nets.network import NetworkOutput, PoseNetwork

_FLIP = list(JOINT_FLIP)


def predict_with_mirror(
    network: PoseNetwork, images: Float[Tensor, "batch 3 s s"]
) -> NetworkOutput:
    """The network's output, with body and joint estimates averaged over crop and mirror image.

    Features and maps are those of the crop itself: the feature bank holds no mirrored kernels.
    """
    both = network(torch.cat([images, images.flip(3)]))
    plain = both.select(slice(len(images)))
    mirrored = mirror_output(both.select(slice(len(images), None)))
    return replace(
        plain,
        rotations=mean_rotation(torch.stack([plain.rotations, mirrored.rotations])),
        betas=(plain.betas + mirrored.betas) / 2,
        camera=(plain.camera + mirrored.camera) / 2,
        joint_estimate=mean_joint_estimate(plain.joint_estimate, mirrored.joint_estimate),
    )


def mirror_output(output: NetworkOutput) -> NetworkOutput:
    """Body and joint estimates of the mirror image; features and maps are not changed.

    The rest pelvis lies in the body's plane of symmetry, so the camera's x only changes sign.
    """
    sign = torch.tensor([-1.0, 1.0, 1.0], device=output.camera.device)
    return replace(
        output,
        rotations=output.rotations[:, _FLIP] * torch.outer(sign, sign),
        camera=output.camera * sign[[1, 0, 2]],
        joint_estimate=mirror_joint_estimate(output.joint_estimate),
    )


def mirror_joint_estimate(estimate: JointEstimate) -> JointEstimate:
    """Joint estimates of the mirror image: x changes sign, left and right are swapped."""
    sign = torch.tensor([-1.0, 1.0, 1.0, 1.0, 1.0], device=estimate.foreshortening.device)
    return JointEstimate.of(estimate.values[:, _FLIP] * sign)


def mean_joint_estimate(one: JointEstimate, other: JointEstimate) -> JointEstimate:
    """Mean and standard deviation of an equal mixture of two estimates.

    ``variance = (v1 + v2) / 2 + (m1 - m2)^2 / 4``: disagreement increases the variance.
    """
    return JointEstimate(
        xy=(one.xy + other.xy) / 2,
        log_sigma=_mixture_log_sigma(
            one.log_sigma, other.log_sigma, (one.xy - other.xy).square().mean(-1)
        ),
        foreshortening=(one.foreshortening + other.foreshortening) / 2,
        log_sigma_foreshortening=_mixture_log_sigma(
            one.log_sigma_foreshortening,
            other.log_sigma_foreshortening,
            (one.foreshortening - other.foreshortening).square(),
        ),
    )


def _mixture_log_sigma(one: Tensor, other: Tensor, squared: Tensor) -> Tensor:
    """Log standard deviation of an equal mixture; ``squared`` is the means' squared distance."""
    return ((torch.exp(2 * one) + torch.exp(2 * other)) / 2 + squared / 4).log() / 2
