"""The background: surroundings, a floor with a shadow, clutter."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from core.pictures.patterns import brightness_ramp, to_three_channels
from core.render.mesh.raster import rasterize
from core.render.shade.render import TexturedMesh
from core.synth.drawing.occluders import bounding_slices, random_shape
from core.synth.dressing.appearance import MaterialLibrary

FLOOR_TILE = 256  # pixels
HORIZON = 0.02  # the floor ends where rays descend by less than this per metre of depth


@dataclass(frozen=True)
class Ground:
    """The plane a person stands on: points p of the camera frame with p . up = height.

    Attributes:
        axes: two horizontal unit vectors.
        foot: the point of the plane below the person.
    """

    up: Float[np.ndarray, "3"]
    height: float
    axes: Float[np.ndarray, "2 3"]
    foot: Float[np.ndarray, "3"]

    @staticmethod
    def below(
        vertices: Float32[np.ndarray, "vertices 3"], camera_from_world: Float[np.ndarray, "3 3"]
    ) -> Ground:
        """The level plane through the lowest point of a person."""
        up = camera_from_world[:, 1]
        height, middle = float((vertices @ up).min()), vertices.T.mean(1)
        foot = middle + (height - middle @ up) * up
        return Ground(up, height, camera_from_world[:, [0, 2]].T, foot)


def surroundings(
    panorama: Float32[np.ndarray, "rows columns 3"],
    camera_from_world: Float[np.ndarray, "3 3"],
    size: int,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "size size 3"]:
    """A piece of a panorama in the camera's direction, 0..1 (square-root coded).

    It is a rectangle of the equirectangular picture; the distortion is small at these angles.
    """
    rows, columns = panorama.shape[:2]
    forward = camera_from_world.T @ np.array([0.0, 0.0, 1.0])
    side = int(rows * rng.uniform(30, 95) / 180)
    polar = np.arccos(np.clip(forward[1], -1, 1)) / np.pi
    top = int(np.clip(polar * rows - side / 2, 0, rows - side))
    middle = np.arctan2(forward[0], -forward[2]) / (2 * np.pi) % 1
    left = int(middle * columns - side / 2)
    band = np.take(panorama[top : top + side], range(left, left + side), axis=1, mode="wrap")
    picture = cv2.resize(band, (size, size), interpolation=cv2.INTER_LINEAR)
    exposed = picture * np.float32(np.exp(rng.normal(0, 0.4)))
    return np.sqrt(exposed / (1 + 0.7 * exposed) * 1.7).clip(0, 1)


def flat_backdrop(
    materials: MaterialLibrary, size: int, rng: np.random.Generator
) -> Float32[np.ndarray, "size size 3"]:
    """A wall: one texture under a ramp of brightness, 0..1."""
    wall = cv2.resize(materials.patch(rng), (size, size)).astype(np.float32) / 255
    ramp = brightness_ramp(size, rng)
    return (wall * (ramp[:, None, None] if rng.random() < 0.5 else ramp[None, :, None])).clip(0, 1)


def draw_floor(
    picture: Float32[np.ndarray, "size size 3"],
    ground: Ground,
    focal: float,
    tile: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the tiled ground plane into ``picture``; returns its mask, (size, size) bool."""
    size = len(picture)
    texels_per_metre = FLOOR_TILE / rng.uniform(0.6, 4)
    place = np.stack([*(ground.axes / texels_per_metre), ground.foot], 1)
    shift = rng.uniform(0, FLOOR_TILE, 2)
    move = np.array([[1, 0, -shift[0]], [0, 1, -shift[1]], [0, 0, 1.0]])
    camera = np.array([[focal, 0, size / 2 - 0.5], [0, focal, size / 2 - 0.5], [0, 0, 1.0]])
    floor = cv2.warpPerspective(
        tile, camera @ place @ move, (size, size), flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )  # fmt: skip
    descent = _descent(ground, focal, size)
    floor_mask = descent > HORIZON
    # A pixel covers -height / (focal descent^2) metres of depth; finer texture fades to its mean,
    # against aliasing.
    per_texel = np.float32(1.5 * focal / max(-ground.height * texels_per_metre, 1e-9))
    detail = to_three_channels(np.minimum(per_texel * np.square(descent), 1))
    mean = np.array(cv2.mean(tile)[:3], np.float32)
    colors = floor.astype(np.float32)
    colors -= mean
    colors *= detail
    colors += mean
    colors *= np.float32(rng.uniform(0.6, 1.1) / 255)
    cv2.copyTo(colors, floor_mask.view(np.uint8), picture)
    return floor_mask


def _descent(ground: Ground, focal: float, size: int) -> Float32[np.ndarray, "size size"]:
    """Descent of each pixel's ray per metre of depth; 0 if the plane is above the camera."""
    if ground.height >= 0:
        return np.zeros((size, size), np.float32)
    offset = (np.arange(size) + 0.5 - size / 2) / focal
    across, down = (-ground.up[k] * offset for k in range(2))
    return across.astype(np.float32)[None] + (down - ground.up[2]).astype(np.float32)[:, None]


def cast_shadow(
    picture: Float32[np.ndarray, "size size 3"],
    floor_mask: np.ndarray,
    ground: Ground,
    mesh: TexturedMesh,
    towards_light: Float[np.ndarray, "3"],
    focal: float,
    rng: np.random.Generator,
) -> None:
    """Darken the floor by the shadow: the mesh projected onto the ground along the light."""
    steep = float(towards_light @ ground.up)
    if steep < 0.2:  # a shadow would be longer than five times the height
        return
    size = len(picture)
    above = mesh.vertices @ ground.up - ground.height
    flattened = mesh.vertices - np.outer(above / steep, towards_light).astype(np.float32)
    half = size // 2
    dark = rasterize(flattened, mesh.faces, focal / 2, (half / 2, half / 2), half, half).mask
    soft = cv2.GaussianBlur(dark.astype(np.float32), (0, 0), rng.uniform(0.5, 3))
    soft = cv2.resize(soft, (size, size)) * np.float32(rng.uniform(0.2, 0.7))
    picture *= to_three_channels(1 - soft * floor_mask)


def clutter(
    picture: Float32[np.ndarray, "size size 3"],
    materials: MaterialLibrary,
    rng: np.random.Generator,
) -> None:
    """Draw textured shapes behind the person, as distractors."""
    size = len(picture)
    for _ in range(rng.integers(0, 5)):
        alpha = random_shape(size, rng.uniform(0, size, 2), rng.uniform(0.04, 0.25) * size, rng)
        patch = cv2.resize(materials.patch(rng, 64), (size, size))
        gain = rng.uniform(0.4, 1.2, 3).astype(np.float32) / 255
        here = bounding_slices(alpha)
        colors = np.minimum(patch[here] * gain, 1)
        picture[here] += to_three_channels(alpha[here]) * (colors - picture[here])
