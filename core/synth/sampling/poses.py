"""Poses of synthetic people: those of a bank, mirrored, mixed and perturbed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from scipy.spatial.transform import Rotation

from core.body.names import JOINT_FLIP, JOINT_NAMES
from core.mocap.pose_bank import load_poses
from core.nets.pose_prior import load_prior

LEGS = [1, 2, 4, 5, 7, 8, 10, 11]
UPRIGHT = 0.88  # share of poses drawn from the upright ones
PRIOR_POSES = 1500  # drawn from the prior where there is no mocap
EVERYDAY = 0.15  # perturbed canonical poses added to a mocap bank, as a share of it
SPLIT_CODE = {"train": 0, "test": 1}

JointAngles = dict[str, tuple[float, float, float]]

ARMS_DOWN: JointAngles = {"l_shoulder": (0, 0, -68), "r_shoulder": (0, 0, 68)}
ARMS_FORWARD: JointAngles = {"l_shoulder": (0, -60, -40), "r_shoulder": (0, 60, 40)}
ELBOWS_BENT: JointAngles = {"l_elbow": (0, -60, 0), "r_elbow": (0, 60, 0)}
STEP: JointAngles = {
    "l_hip": (-25, 0, 0),
    "r_hip": (20, 0, 0),
    "l_knee": (15, 0, 0),
    "r_knee": (35, 0, 0),
}
SITTING: JointAngles = {
    "l_hip": (-88, 0, 10),
    "r_hip": (-88, 0, -10),
    "l_knee": (90, 0, 0),
    "r_knee": (90, 0, 0),
}
BOWED: JointAngles = {"pelvis": (25, 0, 0), "spine1": (20, 0, 0), "spine2": (15, 0, 0)}

# Everyday poses: axis-angle vectors in degrees of the joints that leave the T-pose.
CANONICAL: tuple[JointAngles, ...] = (
    ARMS_DOWN,
    ARMS_DOWN | STEP,
    ARMS_DOWN | ELBOWS_BENT | {"l_hip": (-45, 0, 0), "r_knee": (60, 0, 0)},
    {"l_shoulder": (0, 0, 60), "r_shoulder": (0, 0, -60)},
    ARMS_DOWN | {"r_elbow": (0, 80, 0), "neck": (0, 20, 0)},
    ARMS_FORWARD | ELBOWS_BENT,
    ARMS_DOWN | SITTING,
    ARMS_FORWARD | SITTING | {"l_knee": (120, 0, 0), "r_knee": (120, 0, 0)},
    ARMS_FORWARD | SITTING | BOWED,
    ARMS_DOWN | BOWED | STEP,
    ARMS_DOWN | {"l_elbow": (0, -110, 0), "spine1": (0, 20, 0), "head": (0, 30, 0)},
    {"l_hip": (0, 0, 30), "r_hip": (0, 0, -30)},
)


@dataclass(frozen=True)
class PoseBank:
    """Whole-body poses in the body's own upright frame (y up).

    Attributes:
        poses: axis-angle; entry 0 is the body's rotation in that frame.
    """

    poses: Float32[np.ndarray, "poses 24 3"]

    @cached_property
    def upright(self) -> Int[np.ndarray, " upright"]:
        """Indices of poses whose pelvis leans by less than 40 degrees, as in most photos."""
        return np.flatnonzero(self._cosine_of_lean > np.cos(np.deg2rad(40)))

    @cached_property
    def others(self) -> Int[np.ndarray, " others"]:
        """Indices of all other poses: bowed, lying, tumbling."""
        return np.setdiff1d(np.arange(len(self.poses)), self.upright)

    @cached_property
    def _cosine_of_lean(self) -> Float[np.ndarray, " poses"]:
        """Cosine of the pelvis' lean."""
        return Rotation.from_rotvec(self.poses[:, 0]).as_matrix()[:, 1, 1]

    @staticmethod
    def load(path: Path, split: str) -> PoseBank:
        """The poses of one split of a mocap bank, and varied everyday ones.

        Everyday poses are added because people seldom sit in motion capture.

        Raises:
            UserError: the file is missing, damaged, or not a pose bank.
        """
        own = load_poses(path, held_out=split == "test")
        return PoseBank(np.concatenate([own, _everyday(int(EVERYDAY * len(own)), split)]))

    @staticmethod
    def without_mocap(split: str) -> PoseBank:
        """Poses sampled from the shipped prior, and varied everyday ones."""
        rng = np.random.default_rng([SPLIT_CODE[split], 1])
        latent = torch.from_numpy(rng.standard_normal((PRIOR_POSES, 32), dtype=np.float32))
        with torch.no_grad():
            rotations = load_prior().decode(latent).numpy()
        poses = np.zeros((PRIOR_POSES, 24, 3), np.float32)
        rotvecs = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec()
        poses[:, 1:22] = rotvecs.reshape(PRIOR_POSES, 21, 3)
        return PoseBank(np.concatenate([poses, _everyday(PRIOR_POSES // 3, split)]))

    @staticmethod
    def canonical() -> PoseBank:
        """A dozen everyday poses."""
        return PoseBank(np.stack([pose_from_angles(angles) for angles in CANONICAL]))


def pose_from_angles(angles: JointAngles) -> Float32[np.ndarray, "24 3"]:
    """The T-pose with some joints rotated; ``angles`` are axis-angle vectors in degrees."""
    pose = np.zeros((24, 3), np.float32)
    for name, degrees in angles.items():
        pose[JOINT_NAMES.index(name)] = np.deg2rad(degrees)
    return pose


def _everyday(count: int, split: str) -> np.ndarray:
    """Perturbed canonical poses (count, 24, 3), which differ between the splits."""
    rng, bank = np.random.default_rng(SPLIT_CODE[split]), PoseBank.canonical()
    poses = np.zeros((count, 24, 3), np.float32)
    for pose in poses:
        pose[:] = perturbed(_pick(bank, rng), rng, 2.0)
    return poses


def mirror_pose(pose: Float32[np.ndarray, "24 3"]) -> Float32[np.ndarray, "24 3"]:
    """The mirrored pose: left and right are exchanged."""
    return pose[list(JOINT_FLIP)] * np.array([1, -1, -1], pose.dtype)


def random_pose(bank: PoseBank, rng: np.random.Generator) -> Float32[np.ndarray, "24 3"]:
    """A pose of the bank, sometimes with other legs or random arms, mirrored and perturbed."""
    pose = _pick(bank, rng)
    if rng.random() < 0.35:
        pose[LEGS] = _pick(bank, rng)[LEGS]
    if rng.random() < 0.15:
        free = [joint for joint in (16, 17) if rng.random() < 0.7]
        pose[free] = rng.normal(0, 0.7, (len(free), 3)).clip(-1.4, 1.4)
    return perturbed(pose, rng, 1.0)


def _pick(bank: PoseBank, rng: np.random.Generator) -> np.ndarray:
    """A pose of the bank, mirrored half of the time."""
    chosen = bank.upright if rng.random() < UPRIGHT or not len(bank.others) else bank.others
    pose = bank.poses[chosen[rng.integers(len(chosen))]].copy()
    return mirror_pose(pose) if rng.random() < 0.5 else pose


def low_pose(bank: PoseBank, rng: np.random.Generator) -> Float32[np.ndarray, "24 3"]:
    """A pose of a bank of low ones, mirrored and perturbed, but with its own legs."""
    pose = bank.poses[rng.integers(len(bank.poses))]
    return perturbed(mirror_pose(pose) if rng.random() < 0.5 else pose, rng, 1.0)


def perturbed(
    pose: Float32[np.ndarray, "24 3"], rng: np.random.Generator, spread: float
) -> Float32[np.ndarray, "24 3"]:
    """Small rotations (times ``spread``) at every joint; wrists, head and arms move most."""
    sigma = np.full((24, 1), 0.07)
    sigma[[16, 17, 18, 19]] = 0.12
    sigma[[20, 21]] = 0.22
    sigma[[12, 15]] = 0.15
    sigma[[10, 11]] = 0.1
    sigma[[22, 23]] = 0.16
    noise = Rotation.from_rotvec(rng.normal(0, 1, (24, 3)) * sigma * spread)
    return (Rotation.from_rotvec(pose) * noise).as_rotvec().astype(np.float32)
