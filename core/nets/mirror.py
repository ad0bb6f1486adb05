"""Reading a picture both ways: as it is, and in a mirror.

A network errs differently on the mirror image, so the mean of both estimates is closer to the
truth, and where the two disagree the sigma is larger than either of them says.
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


def read_both_ways(network: PoseNetwork, images: Float[Tensor, "batch 3 s s"]) -> NetworkOutput:
    """The network's output on crops, in which body and joints are the means of both estimates.

    Features and maps are those of the picture as it is: the feature bank knows no mirrored kernels.
    """
    both = network(torch.cat([images, images.flip(3)]))
    plain = both.select(slice(len(images)))
    other = mirror_body(both.select(slice(len(images), None)))
    return replace(
        plain,
        rotations=mean_rotation(torch.stack([plain.rotations, other.rotations])),
        betas=(plain.betas + other.betas) / 2,
        camera=(plain.camera + other.camera) / 2,
        joint_estimate=mean_joint_estimate(plain.joint_estimate, other.joint_estimate),
    )


def mirror_body(output: NetworkOutput) -> NetworkOutput:
    """The body and joints of the mirror image; features and maps stay as they are.

    The rest pelvis lies in the body's plane of symmetry, so that the camera's x only changes sign.
    """
    sign = torch.tensor([-1.0, 1.0, 1.0], device=output.camera.device)
    return replace(
        output,
        rotations=output.rotations[:, _FLIP] * torch.outer(sign, sign),
        camera=output.camera * sign[[1, 0, 2]],
        joint_estimate=mirror_joint_estimate(output.joint_estimate),
    )


def mirror_joint_estimate(estimate: JointEstimate) -> JointEstimate:
    """Joints as they lie in the mirror image: left and right change places."""
    sign = torch.tensor([-1.0, 1.0, 1.0, 1.0, 1.0], device=estimate.foreshortening.device)
    return JointEstimate.of(estimate.values[:, _FLIP] * sign)


def mean_joint_estimate(one: JointEstimate, other: JointEstimate) -> JointEstimate:
    """Mean and variance of an even mixture of two estimates: disagreement adds sigma."""
    return JointEstimate(
        xy=(one.xy + other.xy) / 2,
        log_sigma=_mixed(one.log_sigma, other.log_sigma, (one.xy - other.xy).square().mean(-1)),
        foreshortening=(one.foreshortening + other.foreshortening) / 2,
        log_sigma_foreshortening=_mixed(
            one.log_sigma_foreshortening,
            other.log_sigma_foreshortening,
            (one.foreshortening - other.foreshortening).square(),
        ),
    )


def _mixed(one: Tensor, other: Tensor, square: Tensor) -> Tensor:
    """Log standard deviation of a mixture whose means differ by the root of ``square``."""
    return ((torch.exp(2 * one) + torch.exp(2 * other)) / 2 + square / 4).log() / 2
