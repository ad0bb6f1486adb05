"""From the global bone rotations of some skeleton to SMPL's local joint rotations.

Both skeletons stand in a T-pose, but their bones do not point the same way there (CMU's legs are
spread by 20 degrees, say). If A takes SMPL's rest bone to the other skeleton's, SMPL's bone points
where the other one does when its global rotation is G A, with G that of the other bone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from scipy.spatial.transform import Rotation

from core.body.names import PARENTS

# Joint -> the joint at the other end of its bone; only limbs are aligned, trunk and head share
# their rest directions well enough.
_BONE_END = {
    1: 4,
    2: 5,
    4: 7,
    5: 8,
    7: 10,
    8: 11,
    13: 16,
    14: 17,
    16: 18,
    17: 19,
    18: 20,
    19: 21,
    20: 22,
    21: 23,
}


@dataclass(frozen=True)
class BoneMotion:
    """A recording: global rotations of bones relative to the rest pose (y up, facing +z).

    Attributes:
        rotations: by name of the bone.
        directions: rest direction of each bone, or empty where the rest pose is SMPL's own.
        bone_of_joint: SMPL joint -> bone; joints without one follow their parent.
    """

    rotations: Mapping[str, Float[np.ndarray, "frames 3 3"]]
    directions: Mapping[str, Float[np.ndarray, "3"]]
    bone_of_joint: Mapping[int, str]


def smpl_poses(
    motion: BoneMotion, rest_joints: Float[np.ndarray, "24 3"]
) -> Float32[np.ndarray, "frames 24 3"]:
    """Axis-angle poses; entry 0 is the root's rotation in the recording's frame.

    Args:
        rest_joints: of the body that is to move, metres.
    """
    frames = len(next(iter(motion.rotations.values())))
    whole = np.tile(np.eye(3), (frames, 24, 1, 1))
    for joint in range(24):
        bone = motion.bone_of_joint.get(joint)
        if bone is None:
            whole[:, joint] = whole[:, PARENTS[joint]]
        else:
            whole[:, joint] = motion.rotations[bone] @ _alignment(motion, joint, bone, rest_joints)
    local = whole.copy()
    for joint in range(1, 24):
        local[:, joint] = whole[:, PARENTS[joint]].transpose(0, 2, 1) @ whole[:, joint]
    vectors = Rotation.from_matrix(local.reshape(-1, 3, 3)).as_rotvec()
    return vectors.reshape(frames, 24, 3).astype(np.float32)


def _alignment(
    motion: BoneMotion, joint: int, bone: str, rest_joints: Float[np.ndarray, "24 3"]
) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation that takes SMPL's rest bone to the recording's."""
    if joint not in _BONE_END or bone not in motion.directions:
        return np.eye(3)
    ours = rest_joints[_BONE_END[joint]] - rest_joints[joint]
    ours = ours / np.linalg.norm(ours)
    theirs = motion.directions[bone] / np.linalg.norm(motion.directions[bone])
    axis = np.cross(ours, theirs)
    sine = np.linalg.norm(axis)
    if sine < 1e-9:
        return np.eye(3)
    return Rotation.from_rotvec(axis / sine * np.arctan2(sine, ours @ theirs)).as_matrix()
