"""The vector that Adam optimises, and the body that it describes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.params import BodyParams
from core.fit.parameters import BODY
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.rows import Rows

DEPTH_STEP = 0.5
"""Log-depth per unit of the translation's third coordinate.

With Adam's learning rate of 0.02 a step changes the depth by about 1 %: 4 cm at 4 m, twice as much
as it moves the body across the image. A single view determines the depth least."""


@dataclass(frozen=True)
class BodyState(Rows):
    """A body with rotation matrices, as cost functions use it; differentiable."""

    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    transl: Float[Tensor, "batch 3"]

    @staticmethod
    def of(params: BodyParams) -> BodyState:
        """From stored axis-angle parameters."""
        return BodyState(params.rotations(), params.betas, params.transl)

    def replaced(self, where: Bool[Tensor, " batch"], other: BodyState) -> BodyState:
        """``other``'s rows where ``where`` is true, else these."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return BodyState(
            *(torch.where(where.view(-1, *[1] * (a.ndim - 1)), b, a) for a, b in pairs)
        )

    def params(self) -> BodyParams:
        """As axis-angle parameters for files and exports."""
        vectors = axis_angle_from_rotation(self.rotations)
        return BodyParams(vectors[:, 0], vectors[:, 1:], self.betas, self.transl)


@dataclass(frozen=True)
class Chart:
    """Coordinates around a start: one vector a row, laid out as `BODY`, zero at the start.

    Each rotation is the start's times the exponential of three numbers, which is singular only at a
    turn by 360 degrees from the start. The translation is the pelvis's: two numbers move it across
    the image (metres at the start's depth), and one changes the logarithm of its depth along the
    ray, so that its pixel does not change.
    """

    start: BodyState
    pelvis: Float[Tensor, "batch 3"]
    volume: NeuralBodyVolume

    @staticmethod
    def around(start: BodyState, volume: NeuralBodyVolume) -> Chart:
        """The chart whose origin is ``start``."""
        return Chart(start, start.transl + rest_pelvis(volume, start.betas), volume)

    def body(self, vector: Float[Tensor, "batch size"]) -> BodyState:
        """The body at ``vector``."""
        # The step is on the right, in the joint's own frame: the same number then bends a knee
        # however the thigh is turned.
        rotations = self.start.rotations @ rotation_from_axis_angle(rotation_steps(vector))
        betas = self.start.betas + BODY.get(vector, "betas")
        move = BODY.get(vector, "transl")
        depth = self.pelvis[:, 2:]
        # An image says least about depth. A coordinate of its own lets Adam change it
        # without moving the body in the image, and the exponential keeps the body in front.
        ray = torch.cat([(self.pelvis[:, :2] + move[:, :2]) / depth, torch.ones_like(depth)], 1)
        pelvis = ray * depth * torch.exp(DEPTH_STEP * move[:, 2:])
        return BodyState(rotations, betas, pelvis - rest_pelvis(self.volume, betas))

    def vector(self, body: BodyState) -> Float[Tensor, "batch size"]:
        """The coordinates of a body: `body` backwards. Its pelvis is in front of the camera."""
        steps = axis_angle_from_rotation(self.start.rotations.mT @ body.rotations)
        pelvis = body.transl + rest_pelvis(self.volume, body.betas)
        depth, start = pelvis[:, 2:], self.pelvis[:, 2:]
        across = pelvis[:, :2] / depth * start - self.pelvis[:, :2]
        along = torch.log(depth / start) / DEPTH_STEP
        return torch.cat([steps.flatten(1), body.betas - self.start.betas, across, along], 1)


def rest_pelvis(
    volume: NeuralBodyVolume, betas: Float[Tensor, "batch 10"]
) -> Float[Tensor, "batch 3"]:
    """The pelvis joint in the rest pose, about which the root turns."""
    return volume.joint_template[0] + betas @ volume.joint_shapedirs[0].T


def rotation_steps(vector: Float[Tensor, "batch size"]) -> Float[Tensor, "batch 24 3"]:
    """Rotation of each joint since the start, axis times angle (radians)."""
    parts = BODY.get(vector, "global_orient"), BODY.get(vector, "body_pose")
    return torch.cat(parts, 1).unflatten(1, (24, 3))
