"""Flat occluders in front of the person, with exact coverage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32

from core.occlusion.coverage import coverage, rotation2d
from core.pictures.patterns import brightness_ramp, random_color, to_three_channels
from core.synth.dressing.appearance import MaterialLibrary


@dataclass(frozen=True)
class Occluder:
    """A layer over the picture: coverage and colours, both 0..1."""

    alpha: Float32[np.ndarray, "size size"]
    color: Float32[np.ndarray, "size size 3"]

    def cover(self, image: Float32[np.ndarray, "size size 3"]) -> None:
        """Composite over a picture of linear colour, in place."""
        here = bounding_slices(self.alpha)
        image[here] += to_three_channels(self.alpha[here]) * (
            np.square(self.color[here]) - image[here]
        )


def random_occluders(
    person: Bool[np.ndarray, "size size"], materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """One or two occluders, each at a random pixel of the person."""
    rows, columns = np.nonzero(person)
    if not len(rows):
        return []
    layers: list[Occluder] = []
    for _ in range(1 + (rng.random() < 0.3)):
        pick = rng.integers(len(rows))
        center = np.array([columns[pick], rows[pick]], float)
        layers += KINDS[rng.choice(len(KINDS), p=KIND_PROBABILITIES)](
            len(person), center, materials, rng
        )
    return layers


def barrier_below(
    size: int, row: float, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A desk or wall that hides everything below a row of the crop."""
    alpha = _half_plane(size, np.array([size / 2, row]), rng.normal(0, 0.06))
    return [Occluder(alpha, _surface(size, materials, rng))]


def bounding_slices(alpha: Float32[np.ndarray, "size size"]) -> tuple[slice, slice]:
    """Rows and columns of the bounding box of a layer's coverage."""
    left, top, width, height = cv2.boundingRect((alpha > 0).view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def random_shape(
    size: int, center: np.ndarray, radius: float, rng: np.random.Generator
) -> Float32[np.ndarray, "size size"]:
    """Coverage of a rectangle, ellipse or blob of about ``radius`` pixels."""
    radii = radius * np.exp(rng.normal(0, 0.35, 2))
    turn = rng.uniform(0, np.pi)
    kind = rng.random()
    if kind < 0.5:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    else:
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        corners = np.stack([np.cos(angle), np.sin(angle)], 1)
        if kind > 0.75:
            corners *= rng.uniform(0.5, 1.3, (24, 1))
    if kind < 0.5 and rng.random() < 0.5:
        turn = 0.0
    return _coverage(size, [center + (corners * radii) @ rotation2d(turn).T])


def _coverage(size: int, shapes: list[np.ndarray]) -> np.ndarray:
    """Coverage of a square picture by the union of polygons."""
    return coverage(size, size, shapes, rim=True)


def _half_plane(size: int, edge: np.ndarray, turn: float) -> np.ndarray:
    """Coverage of what is below a line through ``edge`` that is turned by ``turn`` radians."""
    slab = np.array([[-3 * size, 0], [3 * size, 0], [3 * size, 3 * size], [-3 * size, 3 * size]])
    return _coverage(size, [edge + slab @ rotation2d(turn).T])


def _surface(size: int, materials: MaterialLibrary, rng: np.random.Generator) -> np.ndarray:
    """Texture or plain colour under a ramp of brightness, (size, size, 3)."""
    if rng.random() < 0.7:
        color = cv2.resize(materials.patch(rng, 128), (size, size)).astype(np.float32) / 255
        color *= np.float32(rng.uniform(0.5, 1.2))
    else:
        color = np.broadcast_to(random_color(rng), (size, size, 3)).copy()
    return (color * brightness_ramp(size, rng)[:, None, None]).clip(0, 1)


def _blob(
    size: int, center: np.ndarray, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A textured patch of any shape."""
    alpha = random_shape(size, center, rng.uniform(0.05, 0.2) * size, rng)
    return [Occluder(alpha, _surface(size, materials, rng))]


def _bars(
    size: int, center: np.ndarray, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A pole, or a fence of parallel ones."""
    count = 1 if rng.random() < 0.6 else int(rng.integers(2, 6))
    half = rng.uniform(0.01, 0.05 if count > 1 else 0.09) * size
    gap = half * rng.uniform(4, 9)
    tilt = rng.normal(0, 0.08) + (np.pi / 2 if rng.random() < 0.25 else 0)
    slab = np.array([[-1, -3 * size], [1, -3 * size], [1, 3 * size], [-1, 3 * size]]) * [half, 1]
    steps = [np.array([(i - count // 2) * gap, 0]) for i in range(count)]
    shapes = [center + (slab + step) @ rotation2d(tilt).T for step in steps]
    return [Occluder(_coverage(size, shapes), _surface(size, materials, rng))]


def _barrier(
    size: int, center: np.ndarray, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A wall, desk or door that reaches from the border to the point."""
    side = rng.choice([0, np.pi / 2, -np.pi / 2, np.pi], p=[0.7, 0.13, 0.13, 0.04])
    alpha = _half_plane(size, center, side + rng.normal(0, 0.06))
    return [Occluder(alpha, _surface(size, materials, rng))]


def _box(
    size: int, center: np.ndarray, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A crate or cupboard: front, top and side of different brightness."""
    width, height = rng.uniform(0.08, 0.3, 2) * size
    back = np.array([rng.uniform(-0.5, 0.5) * width, -rng.uniform(0.1, 0.4) * height])
    front = center + np.array([[0, 0], [width, 0], [width, height], [0, height]])
    edge = 1 if back[0] > 0 else 0
    side = [front[edge], front[edge] + back, front[3 - edge] + back, front[3 - edge]]
    top = [front[0], front[1], front[1] + back, front[0] + back]
    color = _surface(size, materials, rng)
    faces = [(np.array(top), 1.15), (np.array(side), rng.uniform(0.5, 0.8)), (front, 1.0)]
    return [
        Occluder(_coverage(size, [corners]), (color * np.float32(gain)).clip(0, 1))
        for corners, gain in faces
    ]


def _table(
    size: int, center: np.ndarray, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A slab on legs, or a chair when it has a back."""
    width, thick = rng.uniform(0.25, 0.7) * size, rng.uniform(0.01, 0.05) * size
    leg, drop = rng.uniform(0.008, 0.03) * size, size * 1.5
    left = center[0] - rng.uniform(0, 1) * width

    def slab(x: float, y: float, w: float, h: float) -> np.ndarray:
        return np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])

    shapes = [slab(left, center[1], width, thick)]
    shapes += [slab(left + s * (width - leg), center[1], leg, drop) for s in (0, 0.2, 0.8, 1)]
    if rng.random() < 0.4:
        back = rng.uniform(0.2, 0.5) * width
        shapes += [slab(left + s * back, center[1] - back, leg, back) for s in (0, 0.33, 0.66, 1)]
        shapes.append(slab(left, center[1] - back, back, 2 * leg))
    return [Occluder(_coverage(size, shapes), _surface(size, materials, rng))]


def _limb(
    size: int, center: np.ndarray, materials: MaterialLibrary, rng: np.random.Generator
) -> list[Occluder]:
    """A rounded, tapering cylinder of skin or cloth."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    tip, root = rng.uniform(0.02, 0.05) * size, rng.uniform(0.03, 0.08) * size
    circle = np.linspace(0, 2 * np.pi, 24)
    ring = np.stack([np.cos(circle), np.sin(circle)], 1)
    far = center + along * rng.uniform(0.3, 1.2) * size
    hull = cv2.convexHull(
        np.concatenate([center + tip * ring, far + root * ring]).astype(np.float32)
    )
    tone = (
        materials.skin(rng)[::8, ::8].mean((0, 1)) / 255
        if rng.random() < 0.5
        else random_color(rng)
    )
    grid = np.mgrid[0:size, 0:size].astype(np.float32) + 0.5
    across = (grid[1] - center[0]) * along[1] - (grid[0] - center[1]) * along[0]
    shade = 0.55 + 0.45 * np.sqrt((1 - (across / root) ** 2).clip(0, 1))
    color = (shade[..., None] * np.float32(tone)).astype(np.float32)
    return [Occluder(_coverage(size, [hull[:, 0]]), color)]


OccluderMaker = Callable[[int, np.ndarray, MaterialLibrary, np.random.Generator], list[Occluder]]
KINDS: list[OccluderMaker] = [_blob, _bars, _barrier, _box, _table, _limb]
KIND_PROBABILITIES = [0.38, 0.12, 0.15, 0.13, 0.1, 0.12]
