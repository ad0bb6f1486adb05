"""The poses of a folder of motion capture, thinned, with complete sequences held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from scipy.spatial.transform import Rotation

from core.body.joint_limits import squared_joint_excess
from core.body.tables import indices, numbers
from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.io.atomic import write_atomic
from core.io.files import readable
from core.io.npz import read_npz
from core.mocap import asf_amc, bvh, deepmimic, expmap
from core.mocap.retarget import BoneMotion, smpl_poses

CHANGE = np.deg2rad(8)  # a frame is kept if a joint has rotated by more since the last one
LEAD_IN = 12  # frames of calibration pose at the start of a recording
BROKEN = 0.15  # radians^2 over the joint limits: markers were lost or swapped
EXTREMITIES = [7, 8, 10, 11, 20, 21]  # ankles, toes, wrists: two markers each, lost most often
HELD_OUT = frozenset(
    (
        *("01_05", "02_05", "02_08", "03_04"),
        *("humanoid3d_kick", "humanoid3d_dance_b", "humanoid3d_jog"),
        *("humanoid3d_zombie_walk", "humanoid3d_punch"),
        *("fight03", "run01", "standing04"),
    )
)

_WHAT, _FIX = "pose bank", "build it: python -m core.mocap --data DIR"


@dataclass(frozen=True)
class SourceCount:
    """Number of sequences, frames, broken frames and kept frames of one source."""

    sequences: int = 0
    frames: int = 0
    broken: int = 0
    kept: int = 0

    def plus(self, frames: int, broken: int, kept: int) -> SourceCount:
        """The counts with one more sequence."""
        return SourceCount(
            self.sequences + 1, self.frames + frames, self.broken + broken, self.kept + kept
        )


@dataclass(frozen=True)
class MocapBank:
    """Poses and their sources.

    Attributes:
        pose: axis-angle, the root first, y up.
        split: 0 for training, 1 held out.
        source: the sequence of each pose.
        counts: by folder.
    """

    pose: Float32[np.ndarray, "poses 24 3"]
    split: Int[np.ndarray, " poses"]
    source: list[str]
    counts: dict[str, SourceCount]

    def save(self, path: Path) -> None:
        """Write the npz that `core.synth.sampling.poses.PoseBank` reads."""

        def write(temporary: Path) -> None:
            with temporary.open("wb") as file:
                np.savez_compressed(
                    file, pose=self.pose, split=self.split, source=np.array(self.source)
                )

        write_atomic(path, write)


def load_poses(path: Path, held_out: bool) -> Float32[np.ndarray, "poses 24 3"]:
    """The poses of one split of a bank that `MocapBank.save` wrote.

    Raises:
        UserError: the file is missing, damaged, or has no poses of the split.
    """
    file = read_npz(path, _WHAT, _FIX, ("pose", "split"))
    with readable(path, _WHAT, _FIX):
        pose = numbers(file.get, "pose", (None, 24, 3)).numpy()
        split = indices(file.get, "split", (len(pose),), 2).numpy()
        if not (split == held_out).any():
            raise ValueError("it has no poses " + ("held out" if held_out else "for training"))
    return pose[split == held_out]


def read_bank(folder: Path, rest_joints: Float[np.ndarray, "24 3"]) -> MocapBank:
    """Read every motion below ``folder`` (see `motions`).

    Raises:
        UserError: there is no motion, or one is damaged.
    """
    poses: list[np.ndarray] = []
    source: list[str] = []
    counts: dict[str, SourceCount] = {}
    for kind, name, motion in motions(folder):
        frames = smpl_poses(motion, rest_joints)
        if len(frames) > 2 * LEAD_IN:
            frames = frames[LEAD_IN:]
        clean = without_broken_frames(frames)
        kept = thin(clean)
        counts[kind] = counts.get(kind, SourceCount()).plus(
            len(frames), len(frames) - len(clean), len(kept)
        )
        poses.append(kept)
        source += [name] * len(kept)
    if not poses:
        raise UserError(f"no motion capture in {folder}; it needs cmu_asfamc, cmu_expmap, ...")
    split = np.array([is_held_out(name) for name in source], np.int64)
    return MocapBank(np.concatenate(poses), split, source, counts)


def motions(folder: Path) -> Iterator[tuple[str, str, BoneMotion]]:
    """(folder, sequence, motion) of all known sub-folders, sorted by name."""
    for path in sorted((folder / "cmu_asfamc").glob("*.amc*")):
        name = path.name.split(".")[0]
        skeleton = asf_amc.read_skeleton(path.with_name(f"{name.split('_')[0]}.asf"))
        yield path.parent.name, name, asf_amc.read_motion(path, skeleton)
    for path in sorted((folder / "cmu_expmap").glob("*.npz")):
        yield path.parent.name, path.stem, expmap.read_motion(path)
    for path in sorted((folder / "deepmimic").glob("*.txt")):
        yield path.parent.name, path.stem, deepmimic.read_motion(path)
    for path in sorted((folder / "makehuman_poses").glob("*.bvh")):
        yield path.parent.name, path.stem, bvh.read_motion(path)


def is_held_out(name: str) -> bool:
    """Whether a sequence is for evaluation only."""
    return name.startswith("test_") or name in HELD_OUT


def without_broken_frames(
    poses: Float32[np.ndarray, "frames 24 3"],
) -> Float32[np.ndarray, "whole 24 3"]:
    """Frames within the joint limits; hands and feet beyond them are set to rest first."""
    rotations = rotation_from_axis_angle(torch.from_numpy(poses))
    excess = torch.nn.functional.pad(squared_joint_excess(rotations), (1, 0)).numpy()
    unreliable = np.zeros(excess.shape, bool)
    unreliable[:, EXTREMITIES] = excess[:, EXTREMITIES] > BROKEN
    excess[unreliable] = 0
    return np.where(unreliable[..., None], np.float32(0), poses)[excess.sum(1) <= BROKEN]


def thin(
    poses: Float32[np.ndarray, "frames 24 3"], change: float = CHANGE
) -> Float32[np.ndarray, "kept 24 3"]:
    """Frames in which a joint other than the root has rotated by ``change`` since the last one."""
    if not len(poses):
        return poses
    rotations = Rotation.from_rotvec(poses[:, 1:].reshape(-1, 3)).as_matrix().reshape(-1, 23, 3, 3)
    kept = [0]
    for frame in range(1, len(poses)):
        cosine = (np.einsum("jab,jab->j", rotations[kept[-1]], rotations[frame]) - 1) / 2
        if np.arccos(np.clip(cosine.min(), -1, 1)) > change:
            kept.append(frame)
    return poses[kept]
