"""Reading a picture both ways: as it is, and in a mirror.

A network errs differently in the mirror image, so the mean of both readings is nearer to the truth,
and where the two disagree there is doubt that neither knew of.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_FLIP
from core.geometry.rotations import mean_rotation
from core.nets.joint_estimate import JointReading
from core.nets.network import NetworkOutput, PoseNetwork

_FLIP = list(JOINT_FLIP)


def read_both_ways(network: PoseNetwork, images: Float[Tensor, "batch 3 s s"]) -> NetworkOutput:
    """The network's output on crops, in which body and joints are the means of both readings.

    Features and maps are those of the picture as it is: the feature bank knows no mirrored kernels.
    """
    both = network(torch.cat([images, images.flip(3)]))
    plain, other = (_rows(both, rows) for rows in (slice(len(images)), slice(len(images), None)))
    other = mirror_body(other)
    return replace(
        plain,
        rotations=mean_rotation(torch.stack([plain.rotations, other.rotations])),
        betas=(plain.betas + other.betas) / 2,
        camera=(plain.camera + other.camera) / 2,
        reading=mean_reading(plain.reading, other.reading),
    )


def _rows(output: NetworkOutput, rows: slice) -> NetworkOutput:
    """Some of a batch's people."""
    reading = JointReading.of(output.reading.values[rows])
    maps = {name: value[rows] for name, value in vars(output).items() if name != "reading"}
    return NetworkOutput(**maps, reading=reading)


def mirror_body(output: NetworkOutput) -> NetworkOutput:
    """The body and joints of the mirror image; features and maps stay as they are.

    The rest pelvis lies in the body's plane of symmetry, so that the camera's x only changes sign.
    """
    sign = torch.tensor([-1.0, 1.0, 1.0], device=output.camera.device)
    return replace(
        output,
        rotations=output.rotations[:, _FLIP] * torch.outer(sign, sign),
        camera=output.camera * sign[[1, 0, 2]],
        reading=mirror_reading(output.reading),
    )


def mirror_reading(reading: JointReading) -> JointReading:
    """Joints as they lie in the mirror image: left and right change places."""
    sign = torch.tensor([-1.0, 1.0, 1.0, 1.0, 1.0], device=reading.lean.device)
    return JointReading.of(reading.values[:, _FLIP] * sign)


def mean_reading(one: JointReading, other: JointReading) -> JointReading:
    """Mean and variance of an even mixture of two readings: disagreement adds doubt."""
    return JointReading(
        xy=(one.xy + other.xy) / 2,
        log_doubt=_mixed(one.log_doubt, other.log_doubt, (one.xy - other.xy).square().mean(-1)),
        lean=(one.lean + other.lean) / 2,
        log_doubt_lean=_mixed(
            one.log_doubt_lean, other.log_doubt_lean, (one.lean - other.lean).square()
        ),
    )


def _mixed(one: Tensor, other: Tensor, square: Tensor) -> Tensor:
    """Log standard deviation of a mixture whose means differ by the root of ``square``."""
    return ((torch.exp(2 * one) + torch.exp(2 * other)) / 2 + square / 4).log() / 2
