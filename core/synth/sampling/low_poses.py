"""Low poses (sitting, kneeling, lying): a bank's own, everyday ones, and more from the prior.

Motion capture contains few of them. They are encoded by the pose prior; new poses are decoded from
points between neighbours in its latent space, with noise, and kept if they are low as well.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float32
from scipy.spatial import cKDTree

from core.body.joint_limits import joint_limit_cost
from core.body.kinematics import forward_kinematics
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle
from core.nets.pose_prior import load_prior
from core.synth.sampling.poses import (
    ARMS_DOWN,
    ARMS_FORWARD,
    ELBOWS_BENT,
    SITTING,
    SPLIT_CODE,
    JointAngles,
    PoseBank,
    perturbed,
    pose_from_angles,
)

COUNT = 3000  # poses from the prior
VARIANTS = 12  # perturbed copies of each everyday pose among the parents
NEIGHBOURS = 8  # among which the second parent is chosen
NOISE = 0.4  # standard deviations of the latent normal
MAX_LIMIT_COST = 0.1  # radians^2; largest squared excess over the joint limits
_STREAM = 13

KNEELING: JointAngles = {"l_knee": (105, 0, 0), "r_knee": (105, 0, 0), "l_ankle": (35, 0, 0)}
ON_HEELS: JointAngles = {
    "l_hip": (-75, 0, 8),
    "r_hip": (-75, 0, -8),
    "l_knee": (145, 0, 0),
    "r_knee": (145, 0, 0),
    "l_ankle": (40, 0, 0),
    "r_ankle": (40, 0, 0),
}
SQUATTING: JointAngles = {
    "l_hip": (-112, 0, 18),
    "r_hip": (-112, 0, -18),
    "l_knee": (130, 0, 0),
    "r_knee": (130, 0, 0),
    "l_ankle": (-22, 0, 0),
    "r_ankle": (-22, 0, 0),
    "spine1": (20, 0, 0),
}
CROSS_LEGGED: JointAngles = {
    "l_hip": (-75, 45, 30),
    "r_hip": (-75, -45, -30),
    "l_knee": (115, 0, 0),
    "r_knee": (115, 0, 0),
}
STRETCHED: JointAngles = {
    "l_hip": (-82, 0, 8),
    "r_hip": (-82, 0, -8),
    "l_knee": (12, 0, 0),
    "r_knee": (25, 0, 0),
}
ALL_FOURS: JointAngles = {
    "pelvis": (80, 0, 0),
    "l_hip": (-85, 0, 0),
    "r_hip": (-85, 0, 0),
    "l_knee": (92, 0, 0),
    "r_knee": (92, 0, 0),
    "l_shoulder": (0, -85, 0),
    "r_shoulder": (0, 85, 0),
    "neck": (-25, 0, 0),
}
HALF_KNEELING: JointAngles = {"l_hip": (-88, 0, 5), "l_knee": (90, 0, 0), "r_knee": (100, 0, 0)}
CURLED: JointAngles = {
    "pelvis": (0, 0, 88),
    "l_hip": (-60, 0, 0),
    "r_hip": (-75, 0, 0),
    "l_knee": (75, 0, 0),
    "r_knee": (95, 0, 0),
}
BENT_LEGS: JointAngles = {
    "l_hip": (-50, 0, 5),
    "r_hip": (-60, 0, -5),
    "l_knee": (95, 0, 0),
    "r_knee": (80, 0, 0),
}
ON_BACK: JointAngles = {"pelvis": (-88, 0, 0)}
ON_BELLY: JointAngles = {"pelvis": (88, 0, 0), "head": (0, 50, 0)}
LEANING_BACK: JointAngles = {
    "pelvis": (-25, 0, 0),
    "l_shoulder": (30, 25, -60),
    "r_shoulder": (30, -25, 60),
}

EVERYDAY: tuple[JointAngles, ...] = (
    ARMS_DOWN | SITTING,
    ARMS_FORWARD | SITTING | ELBOWS_BENT,
    ARMS_DOWN | SITTING | {"l_knee": (30, 0, 0), "r_knee": (70, 0, 0)},
    ARMS_DOWN | KNEELING,
    ARMS_DOWN | ON_HEELS | ELBOWS_BENT,
    ARMS_FORWARD | SQUATTING,
    ARMS_DOWN | SQUATTING | ELBOWS_BENT,
    ARMS_DOWN | CROSS_LEGGED | ELBOWS_BENT,
    LEANING_BACK | STRETCHED,
    ARMS_FORWARD | STRETCHED,
    LEANING_BACK | BENT_LEGS,
    ALL_FOURS,
    ARMS_DOWN | HALF_KNEELING | ELBOWS_BENT,
    ARMS_DOWN | CURLED | ELBOWS_BENT,
    ARMS_DOWN | ON_BACK,
    ARMS_DOWN | ON_BACK | BENT_LEGS,
    ON_BACK | {"l_shoulder": (0, 0, 50), "r_shoulder": (0, 0, -30)},
    ARMS_DOWN | ON_BELLY,
    ON_BELLY | {"l_shoulder": (0, 0, 60), "r_shoulder": (0, 0, -60)},
)


def is_low(
    poses: Float32[np.ndarray, "poses 24 3"], rest_joints: Float32[np.ndarray, "24 3"]
) -> Bool[np.ndarray, " poses"]:
    """Whether poses sit (both thighs nearly level), have the pelvis near the ground, or lie."""
    rotations = rotation_from_axis_angle(torch.from_numpy(poses))
    rest = torch.from_numpy(rest_joints).expand(len(poses), -1, -1)
    joints = forward_kinematics(rotations, rest).joints.numpy()
    thighs = _elevation(joints[:, [4, 5]] - joints[:, [1, 2]])
    torso = _elevation(joints[:, 12] - joints[:, 0])
    height = joints[:, 0, 1] - joints[..., 1].min(1)
    return (thighs > -0.5).all(1) | (height < 0.58) | (torso < 0.35)


def low_bank(bank: PoseBank, rest_joints: Float32[np.ndarray, "24 3"], split: str) -> PoseBank:
    """The bank's low poses, everyday ones, and up to `COUNT` from the prior between them."""
    rng = np.random.default_rng([SPLIT_CODE[split], _STREAM])
    everyday = [
        perturbed(pose_from_angles(angles), rng, 2.0)
        for angles in EVERYDAY
        for _ in range(VARIANTS)
    ]
    own = bank.poses[is_low(bank.poses, rest_joints)]
    parents = np.concatenate([own, np.stack(everyday)])
    between = _interpolated(parents, 3 * COUNT, rng)
    good = is_low(between, rest_joints) & _within_limits(between)
    return PoseBank(np.concatenate([parents, between[good][:COUNT]]))


@torch.no_grad()
def _interpolated(parents: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Poses decoded between parents that are neighbours in the prior's latent space.

    Root and hands, which the prior lacks, are those of the first parent.
    """
    prior = load_prior()
    latent = prior.encode(rotation_from_axis_angle(torch.from_numpy(parents[:, 1:22]))).mean.numpy()
    _, neighbour = cKDTree(latent).query(latent, k=NEIGHBOURS + 1)
    first = rng.integers(len(parents), size=count)
    second = neighbour[first, rng.integers(1, NEIGHBOURS + 1, count)]
    share = rng.uniform(0, 0.6, (count, 1))
    mixed = latent[first] * (1 - share) + latent[second] * share
    mixed += NOISE * rng.standard_normal(mixed.shape)
    poses = parents[first].copy()
    decoded = prior.decode(torch.from_numpy(mixed.astype(np.float32)))
    poses[:, 1:22] = axis_angle_from_rotation(decoded).numpy()
    return poses


def _within_limits(poses: np.ndarray) -> np.ndarray:
    """Mask of the poses within the joint limits."""
    cost = joint_limit_cost(rotation_from_axis_angle(torch.from_numpy(poses)))
    return cost.numpy() < MAX_LIMIT_COST


def _elevation(vectors: np.ndarray) -> np.ndarray:
    """The y component of vectors scaled to unit length."""
    height: np.ndarray = vectors[..., 1] / np.linalg.norm(vectors, axis=-1)
    return height
