"""Retargeting: from a skeleton's global bone rotations to SMPL's local joint rotations.

Skeletons differ in their rest pose: CMU's legs are spread by 20 degrees, MakeHuman's arms are 45
degrees down, DeepMimic's are vertical. Let A be the rotation of a bone from SMPL's rest pose to the
other skeleton's. If G is the global rotation of the other bone, SMPL's bone has the same direction
with the global rotation G A. Along a limb each A starts from its parent's, so that feet and hands
keep their orientation relative to the leg or arm and bones are not twisted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from core.body.names import PARENTS

# Joint -> the joint at the other end of its bone. Only long bones are aligned: trunk, head, hands
# and feet are neutral in every rest pose, whatever their markers' positions.
_BONE_END = {1: 4, 2: 5, 4: 7, 5: 8, 16: 18, 17: 19, 18: 20, 19: 21}

_COLLARS = {13: 16, 14: 17}
_COLLAR_SHARE = 0.17  # of the arm's swing: 15 degrees down for hanging arms, 15 up for raised ones

_UP = np.array([0.0, 1.0, 0.0])
_SHORTEST = 1e-9


@dataclass(frozen=True)
class BoneMotion:
    """A recording: global rotations of bones relative to the rest pose (y up, facing +z).

    Attributes:
        rotations: by name of the bone.
        directions: rest direction of each long bone; bones without one rest as in SMPL.
        bone_of_joint: SMPL joint -> bone; joints without one follow their parent, collar bones
            without one follow their arm.

    Raises:
        ValueError: a bone of ``bone_of_joint`` is missing, a rotation is not finite, or a long bone
            has no direction.
    """

    rotations: Mapping[str, Float[np.ndarray, "frames 3 3"]]
    directions: Mapping[str, Float[np.ndarray, "3"]]
    bone_of_joint: Mapping[int, str]

    def __post_init__(self) -> None:
        missing = sorted(set(self.bone_of_joint.values()) - self.rotations.keys())
        if missing:
            raise ValueError(f"it lacks the bone {missing[0]}")
        for name, rotation in self.rotations.items():
            if not np.isfinite(rotation).all():
                raise ValueError(f"a rotation of {name} is not finite")
        for joint in _BONE_END.keys() & self.bone_of_joint.keys():
            bone = self.bone_of_joint[joint]
            direction = self.directions.get(bone, _UP)
            if not _SHORTEST < np.linalg.norm(direction) < 1 / _SHORTEST:  # not with NaN either
                raise ValueError(f"{bone} has no direction in the rest pose")


def smpl_poses(
    motion: BoneMotion, rest_joints: Float[np.ndarray, "24 3"]
) -> Float32[np.ndarray, "frames 24 3"]:
    """Axis-angle poses; entry 0 is the root's rotation in the recording's frame.

    Args:
        rest_joints: of the body that is posed, metres.
    """
    rotations = _global_rotations(motion, rest_joints)
    local = rotations.copy()
    for joint in range(1, 24):
        local[:, joint] = rotations[:, PARENTS[joint]].transpose(0, 2, 1) @ rotations[:, joint]
    vectors = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(len(local), 24, 3).astype(np.float32)


def _global_rotations(
    motion: BoneMotion, rest_joints: Float[np.ndarray, "24 3"]
) -> Float[np.ndarray, "frames 24 3 3"]:
    """Rotations of SMPL's joints from the rest pose, in the recording's frame."""
    frames = len(next(iter(motion.rotations.values())))
    rotations = np.tile(np.eye(3), (frames, 24, 1, 1))
    aligned = _alignments(motion, rest_joints)
    for joint in range(24):
        bone = motion.bone_of_joint.get(joint)
        if bone is not None:
            rotations[:, joint] = motion.rotations[bone] @ aligned[joint]
        elif joint > 0:
            rotations[:, joint] = rotations[:, PARENTS[joint]]
    for collar, shoulder in _COLLARS.items():
        if collar not in motion.bone_of_joint and shoulder in motion.bone_of_joint:
            side = rest_joints[shoulder + 2] - rest_joints[shoulder]
            rotations[:, collar] = _follow_arm(rotations[:, collar], rotations[:, shoulder], side)
    return rotations


def _alignments(
    motion: BoneMotion, rest_joints: Float[np.ndarray, "24 3"]
) -> list[Float[np.ndarray, "3 3"]]:
    """A of each joint: its parent's, then for long bones the smallest rotation that aligns them."""
    aligned = [np.eye(3)]
    for joint in range(1, 24):
        inherited = aligned[PARENTS[joint]]
        direction = motion.directions.get(motion.bone_of_joint.get(joint, ""))
        if joint in _BONE_END and direction is not None:
            bone = inherited @ (rest_joints[_BONE_END[joint]] - rest_joints[joint])
            inherited = smallest_rotation(bone, direction).as_matrix() @ inherited
        aligned.append(inherited)
    return aligned


def _follow_arm(
    trunk: Float[np.ndarray, "frames 3 3"],
    arm: Float[np.ndarray, "frames 3 3"],
    rest_direction: Float[np.ndarray, "3"],
) -> Float[np.ndarray, "frames 3 3"]:
    """Rotation of collar bones that follow the arm by a share of its swing."""
    pointing = np.einsum("nba,nbc,c->na", trunk, arm, rest_direction)
    swing = smallest_rotation(rest_direction, pointing)
    return trunk @ Rotation.from_rotvec(_COLLAR_SHARE * swing.as_rotvec()).as_matrix()


def smallest_rotation(
    source: Float[np.ndarray, "*#batch 3"], target: Float[np.ndarray, "*#batch 3"]
) -> Rotation:
    """The smallest rotation that takes one direction to another; identity between opposite ones."""
    source = source / np.linalg.norm(source, axis=-1, keepdims=True)
    target = target / np.linalg.norm(target, axis=-1, keepdims=True)
    axis = np.cross(source, target)
    sine = np.linalg.norm(axis, axis=-1, keepdims=True)
    angle = np.arctan2(sine, (source * target).sum(-1, keepdims=True))
    return Rotation.from_rotvec(np.where(sine > 1e-9, axis / np.maximum(sine, 1e-9), 0) * angle)
