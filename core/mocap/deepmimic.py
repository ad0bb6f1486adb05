"""Motions of DeepMimic's humanoid (json): quaternions, and hinge angles at knees and elbows.

Its rest pose has the arms hanging; its axes are x forward, y up, z right.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.io.files import read_json, readable
from core.mocap.retarget import BoneMotion

# Start and width of each joint's columns, after the frame's duration and the root's position.
COLUMNS = {
    "root": (4, 4),
    "chest": (8, 4),
    "neck": (12, 4),
    "r_hip": (16, 4),
    "r_knee": (20, 1),
    "r_ankle": (21, 4),
    "r_shoulder": (25, 4),
    "r_elbow": (29, 1),
    "l_hip": (30, 4),
    "l_knee": (34, 1),
    "l_ankle": (35, 4),
    "l_shoulder": (39, 4),
    "l_elbow": (43, 1),
}
WIDTH = 44
MAX_BYTES = 256 * 2**20
_TO_SMPL = Rotation.from_matrix([[0, 0, -1], [0, 1, 0], [1, 0, 0]])
_LONG_BONES = tuple(f"{s}_{b}" for s in "lr" for b in ("hip", "knee", "shoulder", "elbow"))
_BONE_OF_JOINT = {
    0: "root",
    1: "l_hip",
    2: "r_hip",
    3: "spine1",
    4: "l_knee",
    5: "r_knee",
    6: "spine2",
    7: "l_ankle",
    8: "r_ankle",
    9: "chest",
    12: "neck",
    15: "head",
    16: "l_shoulder",
    17: "r_shoulder",
    18: "l_elbow",
    19: "r_elbow",
}


def read_motion(path: Path) -> BoneMotion:
    """The motion of one file.

    Raises:
        UserError: the file is missing or not such a motion.
    """
    with readable(path, "DeepMimic motion", "copy it again"):
        frames = np.array(read_json(path, MAX_BYTES)["Frames"], np.float64)
        if frames.ndim != 2 or frames.shape[1] != WIDTH or not np.isfinite(frames).all():
            raise ValueError(f"frames must hold {WIDTH} finite numbers each")
        local = {name: _joint(frames, *place) for name, place in COLUMNS.items()}
        hanging = {bone: np.array([0.0, -1.0, 0.0]) for bone in _LONG_BONES}
        return BoneMotion(_global_rotations(local), hanging, _BONE_OF_JOINT)


def _joint(frames: Float[np.ndarray, "frames 44"], start: int, width: int) -> Rotation:
    """A joint's rotation in SMPL's axes."""
    if width == 1:
        hinge = np.zeros((len(frames), 3))
        hinge[:, 2] = frames[:, start]
        own = Rotation.from_rotvec(hinge)
    else:
        own = Rotation.from_quat(frames[:, [start + 1, start + 2, start + 3, start]])
    return _TO_SMPL * own * _TO_SMPL.inv()


def _global_rotations(local: dict[str, Rotation]) -> dict[str, Float[np.ndarray, "frames 3 3"]]:
    """Global rotations; three joints share the chest's rotation, two joints the neck's."""
    rotations = {"root": local["root"]}
    third = Rotation.from_rotvec(local["chest"].as_rotvec() / 3)
    half = Rotation.from_rotvec(local["neck"].as_rotvec() / 2)
    rotations["spine1"] = rotations["root"] * third
    rotations["spine2"] = rotations["spine1"] * third
    rotations["chest"] = rotations["spine2"] * third
    rotations["neck"] = rotations["chest"] * half
    rotations["head"] = rotations["neck"] * half
    for side in "lr":
        rotations[f"{side}_hip"] = rotations["root"] * local[f"{side}_hip"]
        rotations[f"{side}_knee"] = rotations[f"{side}_hip"] * local[f"{side}_knee"]
        rotations[f"{side}_ankle"] = rotations[f"{side}_knee"] * local[f"{side}_ankle"]
        rotations[f"{side}_shoulder"] = rotations["chest"] * local[f"{side}_shoulder"]
        rotations[f"{side}_elbow"] = rotations[f"{side}_shoulder"] * local[f"{side}_elbow"]
    return {name: rotation.as_matrix() for name, rotation in rotations.items()}
