"""The numbers that Adam moves, and how they become a body."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.params import BodyParams
from core.fit.schedule import PARAMETERS
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume

SIZE = 24 * 3 + 10 + 3
SLICES = {
    "global_orient": slice(0, 3),
    "body_pose": slice(3, 72),
    "betas": slice(72, 82),
    "transl": slice(82, 85),
}
assert tuple(SLICES) == PARAMETERS
DEPTH_STEP = 0.5  # log-depth per unit of the third place parameter: depth is the least certain


@dataclass(frozen=True)
class BodyState:
    """A body in the form the cost functions want: rotation matrices, differentiable."""

    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    transl: Float[Tensor, "batch 3"]

    @staticmethod
    def of(params: BodyParams) -> BodyState:
        """From stored axis-angle parameters."""
        return BodyState(params.rotations(), params.betas, params.transl)

    def to(self, device: torch.device) -> BodyState:
        """The same body on another device."""
        return BodyState(*(value.to(device) for value in vars(self).values()))

    def params(self) -> BodyParams:
        """As axis-angle parameters for files and exports."""
        vectors = axis_angle_from_rotation(self.rotations)
        return BodyParams(vectors[:, 0], vectors[:, 1:], self.betas, self.transl)


@dataclass(frozen=True)
class Chart:
    """Coordinates around a start: one vector of `SIZE` numbers a person, zero at the start.

    Rotations are multiplied from the right by the exponential of their numbers, so each joint moves
    freely and none has a singularity near. The place is that of the pelvis: two numbers move it
    across the image (metres at the start's depth) and one changes the logarithm of its depth while
    its pixel stays where it is.
    """

    start: BodyState
    pelvis: Float[Tensor, "batch 3"]
    volume: NeuralBodyVolume

    @staticmethod
    def around(start: BodyState, volume: NeuralBodyVolume) -> Chart:
        """The chart whose origin is ``start``."""
        return Chart(start, start.transl + rest_pelvis(volume, start.betas), volume)

    def body(self, vector: Float[Tensor, "batch 85"]) -> BodyState:
        """The body at ``vector``."""
        turn = torch.cat([vector[:, SLICES["global_orient"]], vector[:, SLICES["body_pose"]]], 1)
        rotations = self.start.rotations @ rotation_from_axis_angle(turn.unflatten(1, (24, 3)))
        betas = self.start.betas + vector[:, SLICES["betas"]]
        move = vector[:, SLICES["transl"]]
        depth = self.pelvis[:, 2:]
        ray = torch.cat([(self.pelvis[:, :2] + move[:, :2]) / depth, torch.ones_like(depth)], 1)
        pelvis = ray * depth * torch.exp(DEPTH_STEP * move[:, 2:])
        return BodyState(rotations, betas, pelvis - rest_pelvis(self.volume, betas))


def rest_pelvis(
    volume: NeuralBodyVolume, betas: Float[Tensor, "batch 10"]
) -> Float[Tensor, "batch 3"]:
    """The pelvis joint in the rest pose, about which the root turns."""
    return volume.joint_template[0] + betas @ volume.joint_shapedirs[0].T


def moving(parameters: tuple[str, ...], like: Tensor) -> Float[Tensor, "85"]:
    """1 at the numbers of the named parameters, 0 elsewhere."""
    mask = torch.zeros(SIZE, dtype=like.dtype, device=like.device)
    for name in parameters:
        mask[SLICES[name]] = 1
    return mask
