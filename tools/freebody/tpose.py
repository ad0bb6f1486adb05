"""From MakeHuman's rest pose to SMPL's: arms level, palms down, legs and feet straight."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.body.names import JOINT_FLIP, PARENTS
from tools.freebody.skeleton import JOINT

_PELVIS = np.array([0, -0.22, 0.03])  # as in SMPL's template

Rotations = Float[np.ndarray, "people 24 3 3"]


def to_tpose(
    vertices: Float[np.ndarray, "people vertices 3"],
    joints: Float[np.ndarray, "people 24 3"],
    rotations: Rotations,
    weights: Float[np.ndarray, "vertices 24"],
) -> tuple[np.ndarray, np.ndarray]:
    """Skin every person with their own rotations; returns posed vertices and joints."""
    posed = joints.copy()
    for j in range(1, 24):
        bone = joints[:, j] - joints[:, PARENTS[j]]
        posed[:, j] = posed[:, PARENTS[j]] + np.einsum("nij,nj->ni", rotations[:, PARENTS[j]], bone)
    shift = posed - np.einsum("njab,njb->nja", rotations, joints)
    skinned = np.empty_like(vertices)
    for i in range(len(vertices)):
        blended = np.einsum("vj,jab->vab", weights, rotations[i])
        skinned[i] = np.einsum("vab,vb->va", blended, vertices[i]) + weights @ shift[i]
    offset = _PELVIS - posed[:, :1]
    return skinned + offset, posed + offset


def tpose_rotations(
    joints: Float[np.ndarray, "people 24 3"], knuckles: Float[np.ndarray, "people 2 3"]
) -> Rotations:
    """Global rotation of each joint.

    Args:
        knuckles: vectors from the little finger to the index finger, left hand first.
    """
    rotations = np.tile(np.eye(3), (len(joints), 24, 1, 1))
    for side, sign, line in (("l_", 1.0, knuckles[:, 0]), ("r_", -1.0, knuckles[:, 1])):
        _straighten_arm(rotations, joints, side, sign)
        _level_palm(rotations, line, side)
        _align_leg(rotations, joints, side, sign)
    return rotations


def symmetrized(
    vertices: Float[np.ndarray, "people vertices 3"],
    joints: Float[np.ndarray, "people 24 3"],
    mirror: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of each person and their mirror image."""
    return (
        0.5 * (vertices + vertices[:, mirror] * [-1, 1, 1]),
        0.5 * (joints + joints[:, JOINT_FLIP] * [-1, 1, 1]),
    )


def _straighten_arm(rotations: Rotations, joints: np.ndarray, side: str, sign: float) -> None:
    """Raise the collar bone by 12 degrees, then align each bone of the arm with x."""
    collar = Rotation.from_rotvec([0, 0, np.deg2rad(12) * sign]).as_matrix()
    rotations[:, JOINT[side + "collar"]] = collar
    chain = ("collar", "shoulder", "elbow", "wrist", "hand")
    for parent, start, end in zip(chain, chain[1:], chain[2:], strict=False):
        above = rotations[:, JOINT[side + parent]]
        bone = joints[:, JOINT[side + end]] - joints[:, JOINT[side + start]]
        bone = np.einsum("nij,nj->ni", above, bone)
        rotations[:, JOINT[side + start]] = (
            _smallest_rotation(bone, np.array([sign, 0, 0.0])) @ above
        )


def _level_palm(rotations: Rotations, knuckles: np.ndarray, side: str) -> None:
    """Twist the forearm until the knuckles are level with the index finger in front.

    The wrist takes all of the twist, the elbow half of it.
    """
    wrist, elbow = JOINT[side + "wrist"], JOINT[side + "elbow"]
    line = np.einsum("nij,nj->ni", rotations[:, wrist], knuckles)
    angle = np.arctan2(line[:, 1], line[:, 2])
    rotations[:, wrist] = _axis_rotation(0, angle) @ rotations[:, wrist]
    rotations[:, elbow] = _axis_rotation(0, angle * 0.5) @ rotations[:, elbow]
    rotations[:, JOINT[side + "hand"]] = rotations[:, wrist]


def _align_leg(rotations: Rotations, joints: np.ndarray, side: str, sign: float) -> None:
    """Legs as in SMPL's template: slightly spread, shins a little back, toes out by 8 degrees."""
    thigh = joints[:, JOINT[side + "knee"]] - joints[:, JOINT[side + "hip"]]
    shin = joints[:, JOINT[side + "ankle"]] - joints[:, JOINT[side + "knee"]]
    rotations[:, JOINT[side + "hip"]] = _smallest_rotation(thigh, np.array([sign * 0.06, -1, 0.0]))
    rotations[:, JOINT[side + "knee"]] = _smallest_rotation(shin, np.array([sign * 0.0, -1, -0.06]))
    foot = joints[:, JOINT[side + "foot"]] - joints[:, JOINT[side + "ankle"]]
    yaw = -np.arctan2(foot[:, 0], foot[:, 2]) + sign * np.deg2rad(8)
    rotations[:, JOINT[side + "ankle"]] = rotations[:, JOINT[side + "foot"]] = _axis_rotation(
        1, yaw
    )


def _axis_rotation(axis: int, angles: np.ndarray) -> np.ndarray:
    """Rotations about a coordinate axis."""
    vectors = np.zeros((len(angles), 3))
    vectors[:, axis] = angles
    return Rotation.from_rotvec(vectors).as_matrix()


def _smallest_rotation(
    source: Float[np.ndarray, "people 3"], target: Float[np.ndarray, "3"]
) -> Float[np.ndarray, "people 3 3"]:
    """The smallest rotation from each source direction to the target's."""
    a = source / np.linalg.norm(source, axis=-1, keepdims=True)
    b = np.broadcast_to(target / np.linalg.norm(target), a.shape)
    x, y, z = np.moveaxis(np.cross(a, b), -1, 0)
    cosine, zero = (a * b).sum(-1), np.zeros(len(a))
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    return np.eye(3) + cross + (cross @ cross) / (1 + cosine)[..., None, None]
