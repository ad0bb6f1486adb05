"""A body on a ground plane, lit and with its shadow, by pyrender.

This makes an OpenGL context: use it in a process of its own (`core.pictures.presentation_process`).
PYOPENGL_PLATFORM ("egl" or "osmesa") must be set before this module is imported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pyrender
import trimesh
from jaxtyping import Bool, Float32, UInt8

from core.pictures.viewpoints import Viewpoint, World

Color = tuple[float, float, float]
Size = tuple[int, int]

SAMPLES = 2
"""Pictures are drawn this many times as large and averaged: OSMesa smooths no edges."""
BODY: Color = (0.20, 0.265, 0.34)
"""Linear light, as the next two; a matt grey-blue."""
START: Color = (0.60, 0.25, 0.06)
GROUND: Color = (0.13, 0.138, 0.155)
BACKDROP: Color = (0.088, 0.098, 0.118)
"""sRGB."""
KEY, FILL, RIM, AMBIENT = 5.4, 10.0, 22.0, 0.28
CELL = 0.5
"""Metres between the lines of the ground."""
LINE_WIDTH = 0.006
GROUND_SIZE = 8.0
SOLE = 0.006
"""Metres above the ground from which a pixel is the body's."""


@dataclass(frozen=True)
class Render:
    """A picture at `SAMPLES` times its size.

    Attributes:
        color: RGB in 0..1 (sRGB).
        depth: metres along the axis; 0 where there is nothing.
        body: pixels of the body.
    """

    color: Float32[np.ndarray, "height width 3"]
    depth: Float32[np.ndarray, "height width"]
    body: Bool[np.ndarray, "height width"]

    def pixels(self) -> UInt8[np.ndarray, "small_height small_width 3"]:
        """The averaged picture."""
        height, width = self.depth.shape
        size = width // SAMPLES, height // SAMPLES
        small = cv2.resize(self.color, size, interpolation=cv2.INTER_AREA)
        return np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)


class LitRenderer:
    """One OpenGL context and the scene of one fit.

    Args:
        size: width and height of all pictures.

    Raises:
        Exception: whatever PyOpenGL says where there is no such context.
    """

    def __init__(self, world: World, faces: np.ndarray, size: Size) -> None:
        self._world = world
        self._renderer = pyrender.OffscreenRenderer(size[0] * SAMPLES, size[1] * SAMPLES)
        self._scene = pyrender.Scene(ambient_light=[AMBIENT] * 3, bg_color=[*BACKDROP, 1.0])
        self._body = self._scene.add(_mesh(world.vertices, faces, BODY))
        self._start = self._scene.add(_mesh(world.start, faces, START))
        self._ground = self._scene.add(_ground())
        self._key = self._scene.add(pyrender.DirectionalLight(intensity=KEY))
        # Only the key light throws a shadow: pyrender draws none for points.
        self._fill = self._scene.add(pyrender.PointLight(intensity=FILL))
        self._rim = self._scene.add(pyrender.PointLight(intensity=RIM))
        self._camera: Any = None

    def close(self) -> None:
        """Give the context back."""
        self._renderer.delete()

    def body(self, view: Viewpoint, ground: bool = True) -> Render:
        """The fitted body with its shadow, on the ground or on nothing."""
        color, depth = self._draw(view, [self._body, self._ground] if ground else [self._body])
        if not ground:
            return Render(color, depth, depth > 0)
        places = _places(view.scaled(SAMPLES), depth)
        body = (depth > 0) & (places[..., 1] > SOLE)
        share = self._ground_share(view, depth, places)[..., None]
        faded = color * share + np.array(BACKDROP, np.float32) * (1 - share)
        return Render(np.where(body[..., None], color, faded), depth, body)

    def start(self, view: Viewpoint) -> Render:
        """The body at the start of the fit, alone."""
        color, depth = self._draw(view, [self._start])
        return Render(color, depth, depth > 0)

    def _draw(self, view: Viewpoint, shown: list[Any]) -> tuple[np.ndarray, np.ndarray]:
        """Colour (sRGB) and depth of some of the meshes."""
        for node in (self._body, self._start, self._ground):
            node.mesh.is_visible = node in shown
        self._place_camera(view)
        self._place_lights(view)
        flags = pyrender.RenderFlags.SHADOWS_DIRECTIONAL
        color, depth = self._renderer.render(self._scene, flags)
        return color.astype(np.float32) / 255, depth

    def _place_camera(self, view: Viewpoint) -> None:
        if self._camera is not None:
            self._scene.remove_node(self._camera)
        drawn = view.scaled(SAMPLES)
        camera = pyrender.IntrinsicsCamera(drawn.focal, drawn.focal, *drawn.center, znear=0.05)
        self._camera = self._scene.add(camera, pose=_pose(view.rotation, view.position))

    def _place_lights(self, view: Viewpoint) -> None:
        """Lights stand about the viewer: the key above on the left, the fill low on the right."""
        middle = self._world.vertices.mean(0)
        backward = view.rotation[:, 2]
        flat = backward * [1.0, 0.0, 1.0]
        if np.linalg.norm(flat) < 0.3:  # from above: the picture's lower edge is the front
            flat = -view.rotation[:, 1] * [1.0, 0.0, 1.0]
        flat /= np.linalg.norm(flat)
        right = np.cross([0.0, 1.0, 0.0], flat)
        up = np.array([0.0, 1.0, 0.0])
        key = 0.75 * flat - 0.65 * right + 1.15 * up
        self._scene.set_pose(self._key, _aimed(key / np.linalg.norm(key)))
        self._scene.set_pose(self._fill, _pose(np.eye(3), middle + 2.6 * flat + 2.4 * right))
        rim = middle - 2.4 * flat + 1.2 * right + 1.8 * up
        self._scene.set_pose(self._rim, _pose(np.eye(3), rim))

    def _ground_share(
        self, view: Viewpoint, depth: np.ndarray, places: np.ndarray
    ) -> Float32[np.ndarray, "height width"]:
        """How much of the ground's colour is seen: lines every `CELL`, nothing far away."""
        radius = float(np.linalg.norm(self._world.vertices[:, [0, 2]], axis=1).max()) + 0.35
        flat = places[..., ::2]
        fade = 1 - _smoothstep((np.linalg.norm(flat, axis=-1) / radius - 0.8) / 1.6)
        to_line = np.abs(flat - CELL * np.round(flat / CELL)).min(-1)
        # Metres that a pixel covers on the ground, the longer way.
        steep = np.maximum(np.abs(places[..., 1] - float(view.position[1])), 0.05)
        footprint = np.maximum(depth**2 / steep / (view.focal * SAMPLES), 1e-6)
        cover = ((LINE_WIDTH + footprint) / 2 - to_line) / footprint
        line = np.clip(cover, 0, np.minimum(1, LINE_WIDTH / footprint))
        return np.where(depth > 0, fade * (1 - 0.35 * line), np.float32(0))


def _places(view: Viewpoint, depth: np.ndarray) -> Float32[np.ndarray, "height width 3"]:
    """World points behind the middles of the pixels."""
    rows, columns = (np.arange(n, dtype=np.float32) + 0.5 for n in depth.shape)
    x = (columns[None] - view.center[0]) / view.focal * depth
    y = (view.center[1] - rows[:, None]) / view.focal * depth
    local = np.stack([x, y, -depth], -1)
    return local @ view.rotation.T.astype(np.float32) + view.position.astype(np.float32)


def _mesh(vertices: np.ndarray, faces: np.ndarray, color: Color) -> pyrender.Mesh:
    material = pyrender.MetallicRoughnessMaterial(
        baseColorFactor=[*color, 1.0], metallicFactor=0.0, roughnessFactor=0.75
    )
    surface = trimesh.Trimesh(vertices, faces, process=False)
    return pyrender.Mesh.from_trimesh(surface, material=material, smooth=True)


def _ground() -> pyrender.Mesh:
    half = GROUND_SIZE / 2
    corners = np.array([[-half, 0, half], [half, 0, half], [half, 0, -half], [-half, 0, -half]])
    return _mesh(corners, np.array([[0, 1, 2], [0, 2, 3]]), GROUND)


def _pose(rotation: np.ndarray, position: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, position
    return pose


def _aimed(toward_light: np.ndarray) -> np.ndarray:
    """Pose of a light whose rays come from a direction: they go along its own -z."""
    right = np.cross([0.0, 1.0, 0.0], toward_light)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(toward_light, right), toward_light], 1)
    return _pose(rotation, np.zeros(3))


def _smoothstep(value: np.ndarray) -> np.ndarray:
    inside = np.clip(value, 0, 1)
    return np.asarray(inside * inside * (3 - 2 * inside))
