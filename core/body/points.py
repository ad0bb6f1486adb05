"""Points of the body that detectors find: joints as annotators see them, face, hands and feet.

A point is fixed to a joint of SMPL and moves with it: ``x = joint + R o``, with the joint's global
rotation ``R`` and an offset ``o`` in metres of the rest pose.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_NAMES, PARENTS

LIMB_POINTS = tuple(
    f"{side}_{name}"
    for name in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    for side in "lr"
)
"""Points that are nearly SMPL joints, of the same names."""
FACE_POINTS = ("nose", "l_eye", "r_eye", "l_ear", "r_ear")
FOOT_POINTS = tuple(f"{side}_{name}" for name in ("heel", "toe") for side in "lr")
HAND_POINTS = tuple(f"{side}_{name}" for name in ("pinky", "index", "thumb") for side in "lr")
POINTS = (*LIMB_POINTS, *FACE_POINTS, *FOOT_POINTS, *HAND_POINTS)
"""All points; heel and tip of the big toe, knuckles of pinky and index, joint of the thumb."""

_CARRIERS = {"heel": "ankle", "toe": "foot", "pinky": "wrist", "index": "wrist", "thumb": "wrist"}


def carrier(point: str) -> str:
    """The joint that a point is fixed to."""
    if point in FACE_POINTS:
        return "head"
    side, name = point.split("_")
    return f"{side}_{_CARRIERS.get(name, name)}"


CARRIERS = tuple(JOINT_NAMES.index(carrier(point)) for point in POINTS)
"""Number of the joint that each of `POINTS` is fixed to."""

POINT_OFFSETS = torch.zeros(len(POINTS), 3)


def global_rotations(
    rotations: Float[Tensor, "batch 24 3 3"],
) -> Float[Tensor, "batch 24 3 3"]:
    """Rotations of all joints in the body's frame, accumulated from the root."""
    done = [rotations[:, 0]]
    for joint in range(1, len(PARENTS)):
        done.append(done[PARENTS[joint]] @ rotations[:, joint])
    return torch.stack(done, 1)


def place_points(
    rotations: Float[Tensor, "batch 24 3 3"],
    joints: Float[Tensor, "batch 24 3"],
    offsets: Float[Tensor, "points 3"] = POINT_OFFSETS,
) -> Float[Tensor, "batch points 3"]:
    """All `POINTS` of posed bodies.

    Args:
        rotations: of each joint relative to its parent.
        joints: posed, metres.
        offsets: of the points in the frames of their joints, metres.
    """
    carriers = list(CARRIERS)
    turned = global_rotations(rotations)[:, carriers] @ offsets.to(joints)[..., None]
    return joints[:, carriers] + turned[..., 0]
