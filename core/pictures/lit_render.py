"""A body on a ground plane, lit and with its shadow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from core.pictures.studio import (
    BACKDROP,
    BODY,
    GROUND,
    SAMPLES,
    START,
    Color,
    ground_radius,
    ground_share,
    lamps,
)
from core.pictures.viewpoints import Viewpoint, World
from core.render.mesh.raster import rasterize
from core.render.shade.render import shade
from core.render.shade.scene import Lighting, Material, TexturedMesh
from core.render.shade.shadow import shadow_map

Size = tuple[int, int]

KEY, FILL, RIM, AMBIENT = 1.9, 0.28, 0.74, 0.31
"""Light that a surface facing each lamp reflects, as a multiple of its colour."""
GLOSS = 0.012
SHADOW_PIXELS = 512
"""Side of the shadow map: coarse enough for a soft edge."""
GROUND_SIZE = 8.0
TILE = 0.25
"""Side of the ground's squares: a triangle that reaches the near plane is not drawn."""
NEAR = 0.05

_OPENCV = np.diag([1.0, -1.0, -1.0])  # OpenGL's camera axes to the rasteriser's


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


@dataclass(frozen=True)
class LitRenderer:
    """The scene of one fit.

    Args:
        size: width and height of all pictures.
    """

    world: World
    faces: np.ndarray
    size: Size

    def body(self, view: Viewpoint, ground: bool = True) -> Render:
        """The fitted body with its shadow, on the ground or on nothing."""
        drawn = self._draw(view, self.world.vertices, BODY, ground=ground, shadow=True)
        if ground:
            share = self._ground_share(view).repeat(SAMPLES, 0).repeat(SAMPLES, 1)
            share[drawn.body] = 1
            _fade(drawn.color, share)
        return drawn

    def start(self, view: Viewpoint) -> Render:
        """The body at the start of the fit, alone."""
        return self._draw(view, self.world.start, START)

    def _draw(
        self,
        view: Viewpoint,
        vertices: np.ndarray,
        color: Color,
        ground: bool = False,
        shadow: bool = False,
    ) -> Render:
        """A body, on the ground or alone, with or without its shadow."""
        camera = view.scaled(SAMPLES)
        axes = camera.rotation @ _OPENCV
        count = len(self.faces)
        faces = np.asarray(self.faces, np.int32)
        if ground:
            corners, squares = _ground()
            faces = np.concatenate([faces, squares + len(vertices)])
            vertices = np.concatenate([vertices, corners])
        local = ((vertices - camera.position) @ axes).astype(np.float32)
        width, height = (side * SAMPLES for side in self.size)
        raster = rasterize(local, faces, camera.focal, camera.center, height, width, NEAR)
        material = (np.arange(len(faces)) >= count).astype(np.int32)
        flat = np.zeros((len(faces), 3, 2), np.float32)
        light = self._lighting(view, axes)
        if shadow:
            bodys = local[: len(self.world.vertices)]
            cast = shadow_map(bodys, faces[:count], light.directions[0], SHADOW_PIXELS)
            light = replace(light, shadow=cast)
        surfaces = [_matt(color), _matt(GROUND)]
        rgba = shade(raster, TexturedMesh(local, faces, flat, material), surfaces, light)
        seen = raster.mask
        picture = np.sqrt(rgba, out=rgba)[..., :3]  # the curve of the shader's own textures
        np.copyto(picture, np.array(BACKDROP, np.float32), where=~seen[..., None])
        depth = np.where(seen, raster.depth, np.float32(0))
        return Render(picture, depth, seen & (raster.face_ids < count))

    def _lighting(self, view: Viewpoint, axes: Float[np.ndarray, "3 3"]) -> Lighting:
        """The lamps of a view, infinitely far away."""
        places = lamps(view.rotation)
        directions = places / np.linalg.norm(places, axis=1, keepdims=True)
        colors = np.repeat([[KEY], [FILL], [RIM]], 3, 1)
        ambient = np.zeros((9, 3))
        ambient[0] = AMBIENT
        return Lighting(directions @ axes, colors, ambient)

    def _ground_share(self, view: Viewpoint) -> Float32[np.ndarray, "height width"]:
        """How much of the ground's colour each pixel shows, were there no body."""
        width, height = self.size
        x = (np.arange(width, dtype=np.float32) + 0.5 - view.center[0]) / view.focal
        y = (view.center[1] - np.arange(height, dtype=np.float32)[:, None] - 0.5) / view.focal
        turn = view.rotation.astype(np.float32)
        falls = np.maximum(-(x * turn[1, 0] + y * turn[1, 1] - turn[1, 2]), np.float32(1e-6))
        depth = np.float32(view.position[1]) / falls
        x, z = (
            depth * (x * turn[axis, 0] + y * turn[axis, 1] - turn[axis, 2])
            + np.float32(view.position[axis])
            for axis in (0, 2)
        )
        # Metres that a pixel covers on the ground, the longer way.
        steep = np.float32(max(abs(float(view.position[1])), 0.05))
        footprint = np.maximum(depth**2 / steep / np.float32(view.focal), np.float32(1e-6))
        return ground_share(x, z, footprint, ground_radius(self.world.vertices))


def _fade(color: np.ndarray, share: Float32[np.ndarray, "height width"]) -> None:
    """Mix a picture with the backdrop, in place, channel by channel: NumPy is fast so."""
    for channel, value in enumerate(np.array(BACKDROP, np.float32)):
        color[..., channel] = (color[..., channel] - value) * share + value


def _matt(color: Color) -> Material:
    return Material(np.full((1, 1, 3), 255, np.uint8), color, GLOSS)


def _ground() -> tuple[Float[np.ndarray, "corners 3"], np.ndarray]:
    """The ground's corners and triangles."""
    count = round(GROUND_SIZE / TILE)
    ticks = TILE * (np.arange(count + 1) - count / 2)
    z, x = np.meshgrid(ticks, ticks, indexing="ij")
    corners = np.stack([x, 0 * x, z], -1).reshape(-1, 3)
    first = (np.arange(count)[:, None] * (count + 1) + np.arange(count)).reshape(-1, 1)
    below = first + count + 1
    triangles = [np.hstack([below, below + 1, first + 1]), np.hstack([below, first + 1, first])]
    return corners, np.concatenate(triangles).astype(np.int32)
