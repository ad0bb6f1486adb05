"""Where to look at a fitted body from: which way is up, and cameras that see all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from core.pictures.fitted_scene import FittedScene

Points = Float[np.ndarray, "points 3"]
Vector = Float[np.ndarray, "3"]

FIELD = math.radians(30)
"""Field of view of the cameras, over the shorter side: long enough a lens to bend little."""
MARGIN = 1.12
STRAIGHT_LEG = 0.85
STEEPEST = math.radians(60)
FARTHEST_CAMERA = 6.0
"""Metres to the photo's camera beyond which views do not widen to show it."""

_HIPS, _KNEES, _ANKLES = (1, 2), (4, 5), (7, 8)
_FLIP = np.diag([1.0, -1.0, -1.0])  # OpenCV's camera axes to OpenGL's


@dataclass(frozen=True)
class Viewpoint:
    """A pinhole camera in the world.

    Attributes:
        rotation: world from camera; the columns point right, up and backward.
        position: metres.
        focal: pixels.
        center: principal point, pixels.
    """

    rotation: Float[np.ndarray, "3 3"]
    position: Vector
    focal: float
    center: tuple[float, float]

    def project(self, points: Points) -> Points:
        """Pixel x, pixel y and depth in metres; the pixels of points behind have no meaning."""
        local = (points - self.position) @ self.rotation
        depth = -local[:, 2]
        safe = np.where(depth > 1e-6, depth, 1e-6)
        x = self.center[0] + self.focal * local[:, 0] / safe
        y = self.center[1] - self.focal * local[:, 1] / safe
        return np.stack([x, y, depth], 1)

    def scaled(self, factor: float) -> Viewpoint:
        """The same camera for a picture ``factor`` times as large."""
        center = self.center[0] * factor, self.center[1] * factor
        return Viewpoint(self.rotation, self.position, self.focal * factor, center)


@dataclass(frozen=True)
class World:
    """A fitted scene with y up: the ground is y = 0, its origin below the body's middle. Metres.

    Attributes:
        camera: world from the photo's camera (OpenGL axes, as in `Viewpoint.rotation`).
        position: the photo's camera.
    """

    vertices: Points
    start: Points
    joints: Float[np.ndarray, "24 3"]
    camera: Float[np.ndarray, "3 3"]
    position: Vector

    @staticmethod
    def of(scene: FittedScene) -> World:
        """Turn the scene upright and put the ground under the lowest vertex."""
        stand = upright(scene.vertices, scene.faces, up_direction(scene))
        rotation, position = stand[:3, :3], stand[:3, 3]
        vertices, start, joints = (
            np.asarray(points, np.float64) @ rotation.T + position
            for points in (scene.vertices, scene.start, scene.joints)
        )
        return World(vertices, start, joints, camera=rotation @ _FLIP, position=position)

    @property
    def facing(self) -> Vector:
        """The way the hips face, horizontal; towards the camera where they face up or down."""
        return _horizontal(np.cross(self.joints[1] - self.joints[2], _UP), self.position)


_UP = np.array([0.0, 1.0, 0.0])


def upright(vertices: Points, faces: np.ndarray, up: Vector) -> Float[np.ndarray, "4 4"]:
    """The rigid motion that turns a body upright and puts the ground y = 0 under its lowest vertex.

    Args:
        up: unit vector without x, since the camera is not rolled.
    """
    right = np.array([1.0, 0.0, 0.0])
    stand = np.eye(4)
    stand[:3, :3] = rotation = np.stack([right, up, np.cross(right, up)])
    turned = np.asarray(vertices, np.float64) @ rotation.T
    middle = surface_middle(turned, faces)
    stand[:3, 3] = -middle[0], -turned[:, 1].min(), -middle[2]
    return stand


def pitch(scene: FittedScene) -> float:
    """Degrees that the photo's camera looks down, by `up_direction`."""
    _, down, forward = up_direction(scene)
    return math.degrees(math.atan2(-forward, -down))


def up_direction(scene: FittedScene) -> Vector:
    """Which way is up, in the camera's frame; a photo does not tell, so this is a guess.

    The camera is taken as not rolled. Who stands keeps the middle of the body above the ankles,
    which gives the camera's pitch. Where the legs are bent (sitting), the body lies, or the ankles
    are outside the photo, so that they are guessed themselves, the camera is taken as level.
    """
    level = np.array([0.0, -1.0, 0.0])
    joints = np.asarray(scene.joints, np.float64)
    hips, knees, ankles = (joints[list(pair)] for pair in (_HIPS, _KNEES, _ANKLES))
    length = np.linalg.norm(hips - knees, axis=1) + np.linalg.norm(knees - ankles, axis=1)
    straight = (np.linalg.norm(hips - ankles, axis=1) / length).mean()
    balance = surface_middle(scene.vertices, scene.faces) - ankles.mean(0)
    balance[0] = 0.0
    balance /= np.linalg.norm(balance) + 1e-12
    stands = straight > STRAIGHT_LEG and balance @ level > math.cos(STEEPEST)
    return balance if stands and _in_photo(ankles, scene) else level


def _in_photo(points: Points, scene: FittedScene) -> bool:
    """Whether the photo shows where all points are."""
    height, width = scene.photo.shape[:2]
    pixels = scene.focal * points[:, :2] / np.maximum(points[:, 2:], 1e-6)
    return bool((points[:, 2] > 0).all() and (np.abs(pixels) < [width / 2, height / 2]).all())


def surface_middle(vertices: Points, faces: np.ndarray) -> Vector:
    """Centroid of a surface; vertices alone would favour hands and faces, where they are dense."""
    corners = np.asarray(vertices, np.float64)[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(normals, axis=1)
    return np.asarray(np.average(corners.mean(1), axis=0, weights=areas))


def photo_view(world: World, scene: FittedScene, size: tuple[int, int]) -> Viewpoint:
    """The photo's own camera for a picture of ``size`` in whose middle the scaled photo lies."""
    height, width = scene.photo.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    center = size[0] / 2, size[1] / 2
    return Viewpoint(world.camera, world.position, scene.focal * scale, center)


def front_view(world: World, size: tuple[int, int]) -> Viewpoint:
    """From where the person looks, a little from above."""
    return framed(_shown(world, False), _tilted(world.facing, 10), _UP, size)


def side_view(world: World, size: tuple[int, int]) -> Viewpoint:
    """From the side that leaves the photo's camera before or behind the person, or farther off."""
    left = np.cross(_UP, world.facing)
    away = -left if left @ world.position > 0 else left
    return framed(_shown(world, True), _tilted(away, 8), _UP, size)


def top_view(world: World, size: tuple[int, int]) -> Viewpoint:
    """From above, the photo's camera at the bottom of the picture."""
    ahead = -_horizontal(world.position, world.facing)
    return framed(_shown(world, True), _UP, ahead, size)


def turntable(
    vertices: Points, front: Vector, size: tuple[int, int], frames: int
) -> Iterator[Viewpoint]:
    """Once around an upright body, from the side on which ``front`` is and back to it."""
    top = float(vertices[:, 1].max())
    radius = float(np.linalg.norm(vertices[:, [0, 2]], axis=1).max())
    angles = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ring = radius * np.stack([np.cos(angles), 0 * angles, np.sin(angles)], 1)
    cylinder = np.concatenate([ring, ring + top * _UP])
    ahead = _horizontal(front, _UP)
    side = np.cross(_UP, ahead)
    for angle in 2 * np.pi * np.arange(frames) / frames:
        toward = np.cos(angle) * ahead + np.sin(angle) * side
        yield framed(cylinder, _tilted(toward, 10), _UP, size)


def framed(points: Points, backward: Vector, up: Vector, size: tuple[int, int]) -> Viewpoint:
    """A camera that sees all points, as near as may be.

    Args:
        backward: unit vector from the points to the viewer.
        up: roughly the way up in the picture.
        size: width and height of the picture in pixels.
    """
    right = np.cross(up, backward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(backward, right), backward], 1)
    local = points @ rotation
    middle = (local.min(0) + local.max(0)) / 2
    focal = min(size) / 2 / math.tan(FIELD / 2)
    reach = np.array(size) / 2 / focal / MARGIN
    offset = local - middle
    distance = float((np.abs(offset[:, :2]) / reach + offset[:, 2:]).max())
    position = rotation @ middle + distance * backward
    return Viewpoint(rotation, position, focal, (size[0] / 2, size[1] / 2))


def _shown(world: World, with_camera: bool) -> Points:
    """The bodies, and the photo's camera unless it is far away."""
    bodies = np.concatenate([world.vertices, world.start])
    near = np.linalg.norm(world.position) < FARTHEST_CAMERA
    return np.concatenate([bodies, world.position[None]]) if with_camera and near else bodies


def _tilted(horizontal: Vector, degrees: float) -> Vector:
    """A horizontal direction raised by some degrees."""
    angle = math.radians(degrees)
    return np.asarray(math.cos(angle) * horizontal + math.sin(angle) * _UP)


def _horizontal(vector: Vector, instead: Vector) -> Vector:
    """The unit horizontal part of a vector, or of another one where it has nearly none."""
    for candidate in (vector, instead, np.array([0.0, 0.0, 1.0])):
        flat = candidate * [1.0, 0.0, 1.0]
        if np.linalg.norm(flat) > 0.1 * np.linalg.norm(candidate) > 0:
            return np.asarray(flat / np.linalg.norm(flat))
    raise AssertionError("the last candidate is horizontal")
