"""Biovision hierarchies (.bvh) on MakeHuman's skeleton, whose arms rest 45 degrees down."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.io.files import read_text, readable
from core.mocap.retarget import BoneMotion

# The bone whose rotation a joint takes. Where MakeHuman splits a bone in two, the second half has
# the twist of both; the twist of the forearm belongs to the hand.
BONE_OF_JOINT = {
    0: "root",
    1: "upperleg02.L",
    2: "upperleg02.R",
    3: "spine04",
    4: "lowerleg01.L",
    5: "lowerleg01.R",
    6: "spine03",
    7: "foot.L",
    8: "foot.R",
    9: "spine01",
    12: "neck01",
    13: "shoulder01.L",
    14: "shoulder01.R",
    15: "head",
    16: "upperarm02.L",
    17: "upperarm02.R",
    18: "lowerarm01.L",
    19: "lowerarm01.R",
    20: "wrist.L",
    21: "wrist.R",
}

# For each long bone, the joints between which it reaches at rest.
_LONG_BONES = {
    f"{bone}.{side}": (f"{start}.{side}", f"{end}.{side}")
    for side in "LR"
    for bone, start, end in (
        ("upperleg02", "upperleg01", "lowerleg01"),
        ("lowerleg01", "lowerleg01", "foot"),
        ("upperarm02", "upperarm01", "lowerarm01"),
        ("lowerarm01", "lowerarm01", "wrist"),
    )
}
MAX_BYTES = 256 * 2**20
_MOST_NUMBERS = 50_000_000  # refuse motions that would not fit in memory


@dataclass
class Joint:
    """A joint of a hierarchy.

    Attributes:
        parent: index of the parent, -1 for the root.
        offset: from the parent at rest, in the file's unit.
        channels: such as "Xposition" or "Zrotation", in the order of the numbers.
    """

    name: str
    parent: int
    offset: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))
    channels: tuple[str, ...] = ()


def read_motion(path: Path) -> BoneMotion:
    """The motion of a .bvh file on MakeHuman's skeleton.

    Raises:
        UserError: the file is missing, damaged, or of another skeleton.
    """
    joints, numbers = read_hierarchy(path)
    with readable(path, "motion on MakeHuman's skeleton", "export it on that skeleton"):
        rest = _rest_positions(joints)
        upright = _upright(rest)
        positions = {name: upright.apply(position) for name, position in rest.items()}
        rotations = {
            name: (upright * rotation * upright.inv()).as_matrix()
            for name, rotation in _global_rotations(joints, numbers).items()
        }
        directions = {
            bone: positions[end] - positions[start] for bone, (start, end) in _LONG_BONES.items()
        }
        return BoneMotion(rotations, directions, BONE_OF_JOINT)


def read_hierarchy(path: Path) -> tuple[list[Joint], Float[np.ndarray, "frames channels"]]:
    """Joints, parents before children, and the numbers of their channels in each frame.

    Raises:
        UserError: the file is missing or not such a hierarchy.
    """
    with readable(path, "BVH motion", "copy it again"):
        head, _, motion = read_text(path, MAX_BYTES, "latin1").partition("MOTION")
        joints = _parse_joints(head.split())
        numbers = _parse_frames(motion, sum(len(joint.channels) for joint in joints))
    return joints, numbers


def _parse_joints(words: list[str]) -> list[Joint]:
    """The tree: braces open and close a joint's children, "End Site" is a leaf without a name."""
    joints: list[Joint] = []
    ancestors: list[int] = []
    position = 0
    while position < len(words):
        word = words[position]
        if word in ("ROOT", "JOINT", "End"):
            joints.append(Joint(words[position + 1], ancestors[-1] if ancestors else -1))
        elif word == "{":
            ancestors.append(len(joints) - 1)
        elif word == "}":
            ancestors.pop()
        elif word == "OFFSET":
            joints[-1].offset = np.array(words[position + 1 : position + 4], np.float64)
        elif word == "CHANNELS":
            count = int(words[position + 1])
            joints[-1].channels = tuple(words[position + 2 : position + 2 + count])
        position += 1
    if not joints or ancestors:
        raise ValueError("its hierarchy is empty or cut off")
    return joints


def _parse_frames(text: str, width: int) -> Float[np.ndarray, "frames channels"]:
    """The table after "Frames: n" and "Frame Time: t"."""
    words = text.split()
    frames = int(words[words.index("Frames:") + 1])
    start = words.index("Time:") + 2
    if frames < 1 or frames * width > _MOST_NUMBERS or len(words) - start != frames * width:
        found = len(words) - start
        raise ValueError(f"it announces {frames} frames of {width} numbers, {found} numbers follow")
    numbers = np.array(words[start:], np.float64).reshape(frames, width)
    if not np.isfinite(numbers).all():
        raise ValueError("it holds numbers that are not finite")
    return numbers


def _global_rotations(
    joints: list[Joint], numbers: Float[np.ndarray, "frames channels"]
) -> dict[str, Rotation]:
    """Global rotation of each joint; channels are intrinsic rotations, first to last."""
    rotations: list[Rotation] = []
    column = 0
    for joint in joints:
        rotation = Rotation.identity(len(numbers))
        for channel in joint.channels:
            if channel.endswith("rotation"):
                axis = channel[0].upper()
                rotation = rotation * Rotation.from_euler(axis, numbers[:, [column]], degrees=True)
            column += 1
        rotations.append(rotation if joint.parent < 0 else rotations[joint.parent] * rotation)
    return {joint.name: rotation for joint, rotation in zip(joints, rotations, strict=True)}


def _rest_positions(joints: list[Joint]) -> dict[str, Float[np.ndarray, "3"]]:
    """Position of each joint in the rest pose, in the file's unit."""
    positions: list[np.ndarray] = []
    for joint in joints:
        positions.append(joint.offset + (positions[joint.parent] if joint.parent >= 0 else 0))
    return {joint.name: position for joint, position in zip(joints, positions, strict=True)}


def _upright(positions: dict[str, Float[np.ndarray, "3"]]) -> Rotation:
    """From the file's axes (y up, or z up facing -y) to y up, facing +z."""
    extent = np.ptp(np.array(list(positions.values())), axis=0)
    return Rotation.from_euler("x", -90 if extent[2] > extent[1] else 0, degrees=True)
