"""Soft joint limits: a box around the axis-angle vector of each joint.

The limits are anatomical, widened where more than a few in a thousand motion-capture poses (pooled
over left and right) exceed them. Left and central joints are listed; right ones are mirrored.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_FLIP, JOINT_NAMES
from core.geometry.rotations import axis_angle_from_rotation

# Degrees about the rest pose's x, y, z. Knees bend to positive x, the left elbow to negative y.
LIMITS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "l_hip": ((-125, -45, -40), (35, 50, 55)),
    "spine1": ((-25, -20, -20), (65, 20, 20)),
    "l_knee": ((-5, -10, -10), (150, 10, 10)),
    "spine2": ((-15, -20, -15), (30, 20, 15)),
    "l_ankle": ((-45, -40, -30), (50, 45, 25)),
    "spine3": ((-30, -15, -20), (25, 15, 20)),
    "l_foot": ((-60, -15, -10), (45, 15, 10)),
    "neck": ((-35, -30, -35), (40, 30, 35)),
    "l_collar": ((-15, -30, -20), (15, 20, 30)),
    "head": ((-50, -55, -45), (60, 55, 45)),
    "l_shoulder": ((-110, -110, -95), (90, 70, 85)),
    "l_elbow": ((-25, -150, -15), (15, 5, 75)),
    "l_wrist": ((-90, -45, -70), (90, 45, 70)),
    "l_hand": ((-20, -20, -20), (20, 20, 20)),
}


def joint_limit_cost(rotations: Float[Tensor, "batch 24 3 3"]) -> Float[Tensor, " batch"]:
    """Sum of the joints' squared excesses (radians^2); the root has no limits."""
    return squared_joint_excess(rotations).sum(-1)


def squared_joint_excess(rotations: Float[Tensor, "batch 24 3 3"]) -> Float[Tensor, "batch 23"]:
    """Squared distance (radians^2) of joints 1..23 from their boxes, 0 within."""
    vectors = axis_angle_from_rotation(rotations[:, 1:])
    low, high = (bound.to(vectors) for bound in _bounds())
    excess = (vectors - high).clamp_min(0) + (low - vectors).clamp_min(0)
    return excess.square().sum(-1)


@cache
def _bounds() -> tuple[Float[Tensor, "23 3"], Float[Tensor, "23 3"]]:
    """Limits of joints 1..23 in radians; mirroring negates y and z."""
    low, high = torch.zeros(24, 3, dtype=torch.float64), torch.zeros(24, 3, dtype=torch.float64)
    for name, (least, most) in LIMITS.items():
        joint = JOINT_NAMES.index(name)
        low[joint] = torch.tensor(least, dtype=torch.float64)
        high[joint] = torch.tensor(most, dtype=torch.float64)
        other = JOINT_FLIP[joint]
        if other != joint:
            low[other] = torch.tensor([least[0], -most[1], -most[2]], dtype=torch.float64)
            high[other] = torch.tensor([most[0], -least[1], -least[2]], dtype=torch.float64)
    to_radians = math.pi / 180
    return low[1:] * to_radians, high[1:] * to_radians
