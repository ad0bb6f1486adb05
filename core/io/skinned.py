"""Writing a body with its skeleton and a motion as a glTF binary, which animation programs open.

The skin is glTF's linear blend skinning: a vertex goes to the mean, by its weights, of where the
joints' motions take it. Each joint has a place and a turn of its own at each time, so that bones
may change their lengths. Before that, morph targets move the vertices of the rest pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from core.io.gltf import GLTF_FROM_CAMERA, INDICES, VERTICES, Arrays, matte
from core.io.mesh import BODY_COLOR

MESH, SKELETON, FIRST_JOINT = 0, 1, 2
"""Numbers of the nodes."""
_GROUP = 4  # joints of a vertex in one attribute


@dataclass(frozen=True)
class SkinnedMesh:
    """A body at rest, and what moves it.

    Attributes:
        vertices: metres, in a frame of the body's own.
        normals: unit vectors.
        weights: of each vertex to each joint; a vertex's add up to one.
        names, parents: of the joints; -1 for the root, which is the first.
        joints: at rest, metres.
        morphs: displacements of the vertices, metres.
    """

    vertices: Float[np.ndarray, "vertices 3"]
    normals: Float[np.ndarray, "vertices 3"]
    faces: Int[np.ndarray, "faces 3"]
    weights: Float[np.ndarray, "vertices joints"]
    names: Sequence[str]
    parents: Sequence[int]
    joints: Float[np.ndarray, "joints 3"]
    morphs: Float[np.ndarray, "morphs vertices 3"]


@dataclass(frozen=True)
class Motion:
    """How a body moves. In between, programs interpolate.

    Attributes:
        times: seconds, growing.
        rotations: of each joint in its parent's frame; the root's is in the photo's camera frame.
        places: of each joint in its parent's frame, metres; likewise.
        shares: of each morph target.
    """

    times: Float[np.ndarray, " times"]
    rotations: Float[np.ndarray, "times joints 3 3"]
    places: Float[np.ndarray, "times joints 3"]
    shares: Float[np.ndarray, "times morphs"]


def save_skinned(
    path: Path, mesh: SkinnedMesh, motion: Motion, shown: int, name: str = "body"
) -> None:
    """Write a glTF 2.0 binary with a skin and an animation.

    Args:
        shown: the time, by its number, at which the body stands in programs that do not play.

    Raises:
        UserError: the file cannot be written.
        ValueError: a number is not finite.
    """
    arrays = Arrays()
    quaternions = _quaternions(motion.rotations)
    joints = [
        {
            "name": joint,
            "rotation": quaternions[shown, i].tolist(),
            "translation": motion.places[shown, i].tolist(),
            **_children(i, mesh.parents),
        }
        for i, joint in enumerate(mesh.names)
    ]
    # The camera's frame is turned by half a turn about x, whose quaternion is exact.
    assert np.array_equal(GLTF_FROM_CAMERA, np.diag([1.0, -1.0, -1.0]))
    skeleton = {"name": "skeleton", "rotation": [1.0, 0.0, 0.0, 0.0], "children": [FIRST_JOINT]}
    skin = {
        "joints": [FIRST_JOINT + i for i in range(len(joints))],
        "skeleton": FIRST_JOINT,
        "inverseBindMatrices": arrays.add(_from_rest(mesh.joints)),
    }
    document = {
        "scene": 0,
        "scenes": [{"nodes": [MESH, SKELETON]}],
        "nodes": [{"name": name, "mesh": 0, "skin": 0}, skeleton, *joints],
        "meshes": [_mesh(arrays, mesh, motion.shares[shown], name)],
        "skins": [skin],
        "materials": [matte(name, BODY_COLOR)],
        "animations": [_animation(arrays, motion, quaternions)],
    }
    arrays.save(path, document)


def _mesh(arrays: Arrays, mesh: SkinnedMesh, shares: np.ndarray, name: str) -> dict[str, Any]:
    """The surface with its weights and morph targets."""
    attributes = {
        "POSITION": arrays.add(mesh.vertices.astype(np.float32), VERTICES, bounds=True),
        "NORMAL": arrays.add(mesh.normals.astype(np.float32), VERTICES),
    }
    for group, (joints, weights) in enumerate(_grouped(mesh.weights)):
        attributes[f"JOINTS_{group}"] = arrays.add(joints, VERTICES)
        attributes[f"WEIGHTS_{group}"] = arrays.add(weights, VERTICES)
    primitive: dict[str, Any] = {"attributes": attributes, "material": 0}
    primitive["indices"] = arrays.add(np.asarray(mesh.faces, np.uint32).reshape(-1), INDICES)
    if not len(mesh.morphs):
        return {"name": name, "primitives": [primitive]}
    targets = [arrays.add(morph.astype(np.float32), VERTICES, bounds=True) for morph in mesh.morphs]
    primitive["targets"] = [{"POSITION": target} for target in targets]
    return {"name": name, "primitives": [primitive], "weights": shares.tolist()}


def _animation(arrays: Arrays, motion: Motion, quaternions: np.ndarray) -> dict[str, Any]:
    """Every joint's turns and places, and the shares of the morph targets."""
    times = arrays.add(motion.times.astype(np.float32), bounds=True)
    samplers: list[dict[str, int]] = []
    channels: list[dict[str, Any]] = []

    def move(node: int, path: str, values: np.ndarray) -> None:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append({"input": times, "output": arrays.add(values.astype(np.float32))})

    for i in range(quaternions.shape[1]):
        move(FIRST_JOINT + i, "rotation", quaternions[:, i])
        move(FIRST_JOINT + i, "translation", motion.places[:, i])
    if motion.shares.shape[1]:
        move(MESH, "weights", motion.shares.reshape(-1))
    return {"name": "steps", "channels": channels, "samplers": samplers}


def _children(joint: int, parents: Sequence[int]) -> dict[str, list[int]]:
    """The nodes below a joint; a list must not be empty."""
    found = [FIRST_JOINT + i for i, parent in enumerate(parents) if parent == joint]
    return {"children": found} if found else {}


def _from_rest(joints: Float[np.ndarray, "joints 3"]) -> Float[np.ndarray, "joints 4 4"]:
    """Takes each joint at rest to the origin; matrices by columns, as glTF has them."""
    moves = np.tile(np.eye(4, dtype=np.float32), (len(joints), 1, 1))
    moves[:, 3, :3] = -joints
    return moves


def _grouped(
    weights: Float[np.ndarray, "vertices joints"],
) -> list[tuple[np.ndarray, Float[np.ndarray, "vertices 4"]]]:
    """Joints and weights of each vertex, the largest first, in groups of four."""
    order = np.argsort(-weights, axis=1, kind="stable")
    largest = np.take_along_axis(weights, order, 1)
    groups = max(-(-int((largest > 0).sum(1).max()) // _GROUP), 1)
    result = []
    for group in range(groups):
        part = slice(group * _GROUP, (group + 1) * _GROUP)
        some = np.zeros((len(weights), _GROUP), np.float32)
        some[:, : largest[:, part].shape[1]] = largest[:, part]
        joints = np.zeros((len(weights), _GROUP), np.uint8)
        joints[:, : order[:, part].shape[1]] = order[:, part]
        joints[some == 0] = 0  # as the specification wants it
        result.append((joints, some))
    return result


def _quaternions(
    rotations: Float[np.ndarray, "times joints 3 3"],
) -> Float[np.ndarray, "times joints 4"]:
    """Unit quaternions (x, y, z, w) that do not jump from one time to the next."""
    from scipy.spatial.transform import Rotation  # takes a quarter of a second

    turns = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_quat()
    turns = turns.reshape(*rotations.shape[:2], 4)
    near = (turns[1:] * turns[:-1]).sum(-1) >= 0
    signs = np.cumprod(np.where(near, 1.0, -1.0), axis=0)
    turns[1:] *= signs[..., None]
    return turns.astype(np.float32)
