"""MakeHuman's skeleton merged into SMPL's 24 joints: their positions and blend weights."""

from __future__ import annotations

import numpy as np

from core.body.names import JOINT_FLIP, JOINT_NAMES

JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}

# Prefix of a bone's name -> joint that takes its blend weights; the first match is used.
_CENTRAL = {
    "root": "pelvis",
    "pelvis": "pelvis",
    "spine05": "pelvis",
    "spine04": "pelvis",
    "spine03": "spine1",
    "spine02": "spine2",
    "spine01": "spine3",
    "neck": "neck",
    "head": "head",
    "eye": "head",
}
_SIDED = {
    "upperleg": "hip",
    "lowerleg": "knee",
    "foot": "ankle",
    "toe": "foot",
    "clavicle": "collar",
    "shoulder01": "collar",
    "upperarm": "shoulder",
    "lowerarm": "elbow",
    "wrist": "wrist",
    "metacarpal": "wrist",
    "finger1-1": "wrist",
    "finger": "hand",
}

# Joint -> bones; the joint is at the mean of their heads.
_CENTRAL_PLACES = {
    "pelvis": ("root",),
    "spine1": ("spine03",),
    "spine2": ("spine02",),
    "spine3": ("spine02", "spine01", "spine01"),
    "neck": ("neck01",),
    "head": ("head",),
}
_SIDED_PLACES = {
    "hip": ("upperleg01",),
    "knee": ("lowerleg01",),
    "ankle": ("foot",),
    "foot": tuple(f"toe{i}-1" for i in range(1, 6)),
    "collar": ("clavicle",),
    "shoulder": ("upperarm01",),
    "elbow": ("lowerarm01",),
    "wrist": ("wrist",),
    "hand": tuple(f"finger{i}-1" for i in range(2, 6)),
}
_CHEST = 0.14  # metres over which the weights of the chest bone change from spine2 to spine3


def joint_of_bone(bone: str) -> int:
    """The joint that takes a bone's blend weights.

    Raises:
        KeyError: the bone is unknown.
    """
    name, _, side = bone.partition(".")
    for start, joint in _CENTRAL.items():
        if name.startswith(start):
            return JOINT[joint]
    for start, joint in _SIDED.items():
        if side and name.startswith(start):
            return JOINT[f"{side.lower()}_{joint}"]
    raise KeyError(bone)


def joint_positions(heads: np.ndarray, bones: list[str]) -> np.ndarray:
    """SMPL joints (n, 24, 3) from bone heads (n, B, 3)."""
    row = {bone: index for index, bone in enumerate(bones)}
    joints = np.stack(
        [heads[:, [row[b] for b in _bones_of(name)]].mean(1) for name in JOINT_NAMES], 1
    )
    hips = 0.5 * (heads[:, row["upperleg01.L"]] + heads[:, row["upperleg01.R"]])
    # SMPL's pelvis is about 9 cm above its hips, which are 6 to 7 cm off the axis.
    joints[:, 0] = hips + (heads[:, row["spine04"]] - hips) * 0.45
    joints[:, [JOINT["l_hip"], JOINT["r_hip"]], 0] *= 0.8
    return joints


def _bones_of(joint: str) -> tuple[str, ...]:
    if joint in _CENTRAL_PLACES:
        return _CENTRAL_PLACES[joint]
    side, name = joint.split("_")
    return tuple(f"{bone}.{side.upper()}" for bone in _SIDED_PLACES[name])


def merge_weights(
    bones: list[str], bone_indices: np.ndarray, bone_weights: np.ndarray
) -> np.ndarray:
    """Blend weights (V, 24) of the joints from those of the bones, (V, k) each."""
    joint_of = np.array([joint_of_bone(bone) for bone in bones])
    count = len(bone_weights)
    weights = np.zeros((count, len(JOINT_NAMES)))
    for indices, values in zip(bone_indices.T, bone_weights.T, strict=True):
        np.add.at(weights, (np.arange(count), joint_of[indices]), values)
    return weights / weights.sum(1, keepdims=True)


def split_chest_weights(weights: np.ndarray, heights: np.ndarray, spine3: float) -> np.ndarray:
    """Give the upper chest, which MakeHuman's bones assign to spine2, to spine3.

    Args:
        weights: (V, 24).
        heights: (V,) metres along y.
        spine3: height of the joint.
    """
    upper = np.clip((heights - spine3) / _CHEST + 0.5, 0, 1)
    upper = upper * upper * (3 - 2 * upper)
    weights = weights.copy()
    weights[:, JOINT["spine3"]] += weights[:, JOINT["spine2"]] * upper
    weights[:, JOINT["spine2"]] *= 1 - upper
    return weights


def mirror_weights(weights: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Weights that are the mean of both sides."""
    return 0.5 * (weights + weights[mirror][:, JOINT_FLIP])
