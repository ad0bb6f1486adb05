"""Points of the body that detectors find: joints as annotators see them, face, hands and feet.

A point is fixed to a joint of SMPL and moves with it: ``x = joint + R o``, with the joint's global
rotation ``R`` and an offset ``o`` in metres of the rest pose.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_NAMES, LIMB_KINDS, PARENTS

LIMB_POINTS = tuple(f"{side}_{name}" for name in LIMB_KINDS for side in "lr")
"""Points that are nearly SMPL joints, of the same names."""
FACE_POINTS = ("nose", "l_eye", "r_eye", "l_ear", "r_ear")
FOOT_POINTS = tuple(f"{side}_{name}" for name in ("heel", "toe") for side in "lr")
HAND_POINTS = tuple(f"{side}_{name}" for name in ("pinky", "index", "thumb") for side in "lr")
POINTS = (*LIMB_POINTS, *FACE_POINTS, *FOOT_POINTS, *HAND_POINTS)
"""All points; heel and tip of the big toe, knuckles of pinky and index, joint of the thumb."""

LIMB_BONES = tuple(
    (f"{side}_{a}", f"{side}_{b}")
    for side in "lr"
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
"""Limbs from their upper to their lower point, whose foreshortening detectors estimate."""

_CARRIERS = {"heel": "ankle", "toe": "foot", "pinky": "wrist", "index": "wrist", "thumb": "wrist"}


def carrier(point: str) -> str:
    """The joint that a point is fixed to."""
    if point in FACE_POINTS:
        return "head"
    side, name = point.split("_")
    return f"{side}_{_CARRIERS.get(name, name)}"


_BONE_ROWS = [(POINTS.index(a), POINTS.index(b)) for a, b in LIMB_BONES]

CARRIERS = tuple(JOINT_NAMES.index(carrier(point)) for point in POINTS)
"""Number of the joint that each of `POINTS` is fixed to."""

_OFFSETS = {
    "hip": (0.007, 0.010, 0.026),
    "knee": (0.002, -0.003, 0.000),
    "ankle": (-0.001, 0.019, 0.005),
    "shoulder": (-0.007, 0.005, -0.003),
    "elbow": (-0.001, 0.005, 0.007),
    "wrist": (0.009, 0.000, 0.001),
    "nose": (0.000, 0.022, 0.094),
    "eye": (0.024, 0.051, 0.071),
    "ear": (0.055, 0.029, 0.011),
    "heel": (0.001, -0.037, -0.034),
    "toe": (-0.012, -0.003, 0.027),
    "pinky": (0.083, -0.012, -0.003),
    "index": (0.087, -0.014, 0.015),
    "thumb": (0.062, -0.016, 0.020),
}
"""Metres in the frame of the joint, for the left side: what detectors call a hip is not SMPL's.

``tools/fit_points.py`` fits them to what the detectors say of synthetic people."""


def _offset(point: str) -> tuple[float, float, float]:
    x, y, z = _OFFSETS[point.split("_")[-1]]
    return (-x if point.startswith("r_") else x), y, z


POINT_OFFSETS = torch.tensor([_offset(point) for point in POINTS])
"""The offset of each of `POINTS`."""


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


def foreshortening(bones: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
    """Share ``z / |x|`` of each bone's length along the camera's axis: -1 towards the camera."""
    return bones[..., 2] / bones.norm(dim=-1).clamp_min(1e-6)


def limb_foreshortening(points: Float[Tensor, "batch points 3"]) -> Float[Tensor, "batch bones"]:
    """`foreshortening` of `LIMB_BONES`.

    Args:
        points: all `POINTS`; z away from the camera.
    """
    first, last = (list(row) for row in zip(*_BONE_ROWS, strict=True))
    return foreshortening(points[:, last] - points[:, first])
