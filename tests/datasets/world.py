"""Three posed bodies in front of a camera: the geometry that every loader must return."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from core.body.load import load_body
from core.body.model import Body
from core.geometry.rotations import rotation_from_axis_angle

WIDTH, HEIGHT = 160, 120
PEOPLE = 3


@dataclass(frozen=True)
class World:
    """Metres in the camera's frame; the principal point is off the middle, and fx is not fy."""

    body: Body
    pose: np.ndarray
    betas: np.ndarray
    transl: np.ndarray
    joints: np.ndarray
    lens: np.ndarray  # fx, fy, cx, cy
    camera_from_world: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        fx, fy, cx, cy = self.lens
        return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])

    @property
    def pixels(self) -> np.ndarray:
        return self.joints[..., :2] / self.joints[..., 2:] * self.lens[:2] + self.lens[2:]

    @property
    def boxes(self) -> np.ndarray:
        low, high = self.pixels.min(1), self.pixels.max(1)
        return np.concatenate([low, high - low], 1)

    @property
    def rest_pelvis(self) -> np.ndarray:
        return self.body.rest_joints(torch.from_numpy(self.betas).float())[:, 0].double().numpy()

    def in_world(self) -> tuple[np.ndarray, np.ndarray]:
        """Pose and joints in the world's frame."""
        turn, move = self.camera_from_world[:3, :3], self.camera_from_world[:3, 3]
        pose = self.pose.copy()
        root = Rotation.from_matrix(turn.T) * Rotation.from_rotvec(pose[:, 0])
        pose[:, 0] = root.as_rotvec()
        return pose, (self.joints - move) @ turn


def make_world() -> World:
    rng = np.random.default_rng(4)
    body = load_body()
    upright = Rotation.from_matrix(np.diag([1.0, -1, -1]))
    pose = rng.normal(0, 0.2, (PEOPLE, 24, 3))
    pose[:, 0] = (Rotation.from_rotvec(rng.normal(0, 0.3, (PEOPLE, 3))) * upright).as_rotvec()
    betas = rng.normal(0, 1, (PEOPLE, 10))
    transl = np.array([[-0.4, 0.1, 3.0], [0.5, 0.2, 4.0], [0.0, -0.3, 5.0]])
    posed = body.pose(
        rotation_from_axis_angle(torch.from_numpy(pose).float()),
        torch.from_numpy(betas).float(),
        torch.from_numpy(transl).float(),
    )
    extrinsics = np.eye(4)
    extrinsics[:3, :3] = Rotation.from_rotvec([0.4, -1.1, 0.3]).as_matrix()
    extrinsics[:3, 3] = [0.3, -0.2, 1.7]
    lens = np.array([150.0, 140.0, 75.0, 64.0])
    joints = posed.joints.double().numpy()
    return World(body, pose, betas, transl, joints, lens, extrinsics)


def write_photo(path: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
    """A small photo with a bright corner at the top left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 4, : width // 4] = (250, 240, 30)
    Image.fromarray(pixels).save(path, quality=95)


def rotations(pose: np.ndarray) -> np.ndarray:
    """Rotation matrices, which are unique, of axis-angle vectors, which are not."""
    return Rotation.from_rotvec(np.reshape(pose, (-1, 3))).as_matrix()


def posed_joints(world: World, pose: np.ndarray, person: int, transl: np.ndarray) -> np.ndarray:
    """Joints of a person of the embedded body."""
    posed = world.body.pose(
        rotation_from_axis_angle(torch.from_numpy(np.array(pose, np.float32))[None]),
        torch.from_numpy(world.betas[person : person + 1]).float(),
        torch.from_numpy(np.array(transl, np.float32))[None],
    )
    return posed.joints[0].double().numpy()
