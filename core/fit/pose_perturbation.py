"""Poses near a body: one limb turned about its upper joint.

*lateral*: in the image plane; *depth*: towards or away from the camera; *flip*: to its mirror image
in depth, which a silhouette cannot tell from the limb itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.kinematics import forward_kinematics
from core.body.names import PARENTS
from core.body.numbers import LIMB_JOINTS
from core.fit.state import BodyState
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume

KINDS = ("lateral", "depth", "flip")
LEAST_FLIP = math.sin(math.radians(15))
"""Of a limb's direction along the ray: a limb nearly in the image plane is its own mirror image."""


@dataclass(frozen=True)
class Near:
    """A batch of bodies with one limb turned.

    Attributes:
        exists: False for bodies of which there is no such pose.
    """

    kind: str
    limb: str
    body: BodyState
    exists: Bool[Tensor, " batch"]


def perturbed_poses(body: BodyState, volume: NeuralBodyVolume, angle: float) -> Iterator[Near]:
    """The 32 poses around a body, every limb to four sides, and eight flips.

    Args:
        angle: of the turns, radians.
    """
    for limb in LIMB_JOINTS:
        for kind in ("lateral", "depth"):
            for turn in (angle, -angle):
                yield near(body, volume, limb, kind, turn)
        yield near(body, volume, limb, "flip")


def near(
    body: BodyState, volume: NeuralBodyVolume, limb: str, kind: str, angle: float = 0.0
) -> Near:
    """One pose near a body.

    Args:
        kind: one of `KINDS`.
        angle: radians; a flip has its own.
    """
    axis = turn_about(body, volume, limb, "lateral" if kind == "lateral" else "depth")
    angles = torch.full_like(axis[:, 0], angle)
    exists = torch.ones_like(angles, dtype=torch.bool)
    if kind == "flip":
        angles, exists = flip_angle(body, volume, limb)
    turn = axis * angles[:, None]
    return Near(kind, limb, turned(body, volume, LIMB_JOINTS[limb][0], turn), exists)


def flip_angle(
    body: BodyState, volume: NeuralBodyVolume, limb: str
) -> tuple[Float[Tensor, " batch"], Bool[Tensor, " batch"]]:
    """By how much a turn in depth takes a limb to its mirror image (radians), and if it has one.

    From one side of the image plane to the other: twice the angle to it.
    """
    ray, along = _directions(body, volume, limb)
    away = (along * ray).sum(-1)
    return -2 * away.clamp(-1, 1).asin(), away.abs() > LEAST_FLIP


def turn_about(
    body: BodyState, volume: NeuralBodyVolume, limb: str, kind: str
) -> Float[Tensor, "batch 3"]:
    """The axis about which a limb turns in the image plane ("lateral") or in depth.

    A positive turn in depth takes the limb away from the camera.
    """
    ray, along = _directions(body, volume, limb)
    if kind == "lateral":
        return ray
    return torch.nn.functional.normalize(torch.linalg.cross(along, ray, dim=-1), dim=-1)


def _directions(
    body: BodyState, volume: NeuralBodyVolume, limb: str
) -> tuple[Float[Tensor, "batch 3"], Float[Tensor, "batch 3"]]:
    """Unit vectors of the ray through a limb's upper joint, and along the limb."""
    start, end = LIMB_JOINTS[limb]
    joints = volume.joints(body.rotations, body.betas, body.transl)
    ray = torch.nn.functional.normalize(joints[:, start], dim=-1)
    return ray, torch.nn.functional.normalize(joints[:, end] - joints[:, start], dim=-1)


def turned(
    body: BodyState, volume: NeuralBodyVolume, joint: int, turn: Float[Tensor, "batch 3"]
) -> BodyState:
    """The body with one joint, and all that hangs on it, turned in the camera's frame.

    Args:
        turn: axis times angle, camera frame.
    """
    world = forward_kinematics(body.rotations, volume.rest_joints(body.betas)).rotations
    back = world[:, PARENTS[joint]].transpose(-1, -2)
    rotations = body.rotations.clone()
    rotations[:, joint] = back @ rotation_from_axis_angle(turn) @ world[:, joint]
    return BodyState(rotations, body.betas, body.transl)
