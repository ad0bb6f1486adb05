"""Forward kinematics and linear blend skinning (SMPL, equations 2 to 4)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import PARENTS


def _levels() -> tuple[tuple[list[int], list[int]], ...]:
    """Joints of equal depth in the tree with their parents: one batched product per level."""
    depth = [0] * len(PARENTS)
    for joint, parent in enumerate(PARENTS[1:], 1):
        depth[joint] = depth[parent] + 1
    levels = []
    for level in range(1, max(depth) + 1):
        joints = [j for j, d in enumerate(depth) if d == level]
        levels.append((joints, [PARENTS[j] for j in joints]))
    return tuple(levels)


_LEVELS = _levels()


@dataclass(frozen=True)
class Kinematics:
    """Rigid motions of the 24 joints: a point x fixed to joint i goes to R_i x + t_i.

    Attributes:
        rotations: global rotations, accumulated from the root.
        translations: metres.
        joints: posed joints, metres.
    """

    rotations: Float[Tensor, "batch 24 3 3"]
    translations: Float[Tensor, "batch 24 3"]
    joints: Float[Tensor, "batch 24 3"]


def forward_kinematics(
    rotations: Float[Tensor, "batch 24 3 3"], joints: Float[Tensor, "batch 24 3"]
) -> Kinematics:
    """Accumulate local rotations along the tree; the root rotates about the rest pelvis.

    Args:
        rotations: of each joint relative to its parent; the root's is in the frame of the result.
        joints: rest joints in metres.
    """
    done: dict[int, tuple[Tensor, Tensor]] = {0: (rotations[:, 0], joints[:, 0])}
    for level, parents in _LEVELS:
        parent_rotation = torch.stack([done[p][0] for p in parents], 1)
        parent_joint = torch.stack([done[p][1] for p in parents], 1)
        rotation = parent_rotation @ rotations[:, level]
        bone = (joints[:, level] - joints[:, parents])[..., None]
        place = (parent_rotation @ bone)[..., 0] + parent_joint
        done.update({j: (rotation[:, i], place[:, i]) for i, j in enumerate(level)})
    accumulated = torch.stack([done[j][0] for j in range(len(PARENTS))], 1)
    posed = torch.stack([done[j][1] for j in range(len(PARENTS))], 1)
    return Kinematics(accumulated, posed - (accumulated @ joints[..., None])[..., 0], posed)


def blend(
    kinematics: Kinematics, weights: Float[Tensor, "points 24"]
) -> tuple[Float[Tensor, "batch points 3 3"], Float[Tensor, "batch points 3"]]:
    """Linear blend skinning: the motion x -> A x + b of each point, as (A, b)."""
    flat = torch.cat([kinematics.rotations.flatten(2), kinematics.translations], -1)
    mixed = weights @ flat
    return mixed[..., :9].unflatten(-1, (3, 3)), mixed[..., 9:]
