"""Acclaim skeletons (.asf) and motions (.amc, .amc.gz), as CMU distributes them."""

from __future__ import annotations

import gzip
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from core.errors import UserError
from core.io.files import mebibytes, read_bytes, read_text, readable
from core.mocap.cmu import BONE_OF_JOINT, centred_hands
from core.mocap.retarget import BoneMotion

MAX_BYTES = 256 * 2**20
_GZIP = b"\x1f\x8b"


@dataclass
class Bone:
    """A bone of an Acclaim skeleton.

    Attributes:
        parent: name of the parent bone.
        direction: unit vector in the rest pose.
        axis: rotation of the bone's local axes, about which its angles are.
        freedom: the axes of "xyz" about which it rotates, in the order of the motion file.
    """

    parent: str = "root"
    direction: Float[np.ndarray, "3"] = field(default_factory=lambda: np.zeros(3))
    axis: Rotation = field(default_factory=Rotation.identity)
    freedom: str = ""


def read_skeleton(path: Path) -> dict[str, Bone]:
    """The bones of an .asf file by name, parents before children.

    Raises:
        UserError: the file is missing or not an Acclaim skeleton.
    """
    section, name = "", ""
    bones: dict[str, Bone] = {}
    parents: dict[str, str] = {}
    with readable(path, "Acclaim skeleton", "copy it again"):
        for line in read_text(path, MAX_BYTES, "latin1").splitlines():
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0].startswith(":"):
                section = words[0]
            elif section == ":bonedata":
                if words[0] == "name":
                    name = words[1]
                    bones[name] = Bone()
                elif name:
                    _set(bones[name], words)
            elif section == ":hierarchy" and words[0] not in ("begin", "end"):
                parents.update(dict.fromkeys(words[1:], words[0]))
        for child, parent in parents.items():
            bones[child].parent = parent
    if not bones or not parents:
        raise UserError(f"{path} holds no bones; it is not an Acclaim skeleton")
    return {child: bones[child] for child in parents}


def _set(bone: Bone, words: list[str]) -> None:
    """One line of a bone's description."""
    if words[0] == "direction":
        bone.direction = np.array(words[1:4], float)
        if bone.direction.shape != (3,) or not np.isfinite(bone.direction).all():
            raise ValueError(f"a direction is {' '.join(words[1:4])}")
    elif words[0] == "axis":
        bone.axis = Rotation.from_euler("xyz", np.array(words[1:4], float), degrees=True)
    elif words[0] == "dof":
        bone.freedom = "".join(word[1] for word in words[1:] if word[0] == "r")


def read_motion(path: Path, skeleton: dict[str, Bone], every: int = 2) -> BoneMotion:
    """The motion of an .amc file, every ``every``-th frame.

    Raises:
        UserError: the file is missing, damaged, or of another skeleton.
    """
    frames = _read_frames(path)[::every]
    if not frames:
        raise UserError(f"{path} holds no frames; it is not an Acclaim motion")
    directions = {name: bone.direction for name, bone in skeleton.items()}
    try:
        rotations = centred_hands(_global_rotations(frames, skeleton))
        return BoneMotion(rotations, directions, BONE_OF_JOINT)
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(
            f"{path} does not fit its skeleton ({error}); give the skeleton that belongs to it"
        ) from error


def _read_frames(path: Path) -> list[dict[str, list[float]]]:
    """Numbers of each bone in each frame."""
    frames: list[dict[str, list[float]]] = []
    with readable(path, "Acclaim motion", "copy it again"):
        for line in _unpacked(read_bytes(path, MAX_BYTES)).decode().splitlines():
            words = line.split()
            if len(words) == 1 and words[0].isdigit():
                frames.append({})
            elif frames and words:
                frames[-1][words[0]] = [float(word) for word in words[1:]]
                if not np.isfinite(frames[-1][words[0]]).all():
                    raise ValueError(f"{words[0]} is not finite in frame {len(frames)}")
    return frames


def _unpacked(content: bytes) -> bytes:
    """The content, inflated if it is a gzip file."""
    if not content.startswith(_GZIP):
        return content
    with gzip.open(io.BytesIO(content)) as stream:
        inflated = stream.read(MAX_BYTES + 1)
    if len(inflated) > MAX_BYTES:
        raise ValueError(f"it unpacks to more than the {mebibytes(MAX_BYTES)} allowed")
    return inflated


def _global_rotations(
    frames: list[dict[str, list[float]]], skeleton: dict[str, Bone]
) -> dict[str, Float[np.ndarray, "frames 3 3"]]:
    """Global rotations along the tree: R_parent C M C^-1 for the bone's axes C and angles M."""
    root = np.array([frame["root"][3:6] for frame in frames])
    rotations = {"root": Rotation.from_euler("xyz", root, degrees=True)}
    for name, bone in skeleton.items():
        angles = np.zeros((len(frames), 3))
        for column, letter in enumerate(bone.freedom):
            angles[:, "xyz".index(letter)] = [frame[name][column] for frame in frames]
        rotated = Rotation.from_euler("xyz", angles, degrees=True)
        rotations[name] = rotations[bone.parent] * (bone.axis * rotated * bone.axis.inv())
    return {name: rotation.as_matrix() for name, rotation in rotations.items()}
