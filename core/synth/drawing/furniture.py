"""Furniture as textured boxes: under, next to, behind and in front of the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32

from core.pictures.patterns import random_color
from core.render.shade.render import Material, TexturedMesh
from core.synth.drawing.backdrop import Ground
from core.synth.dressing.appearance import MaterialLibrary

FRAME, PAD = 0, 1  # materials: of legs and rails, of seats and tops
SEAT_BELOW = 0.11  # metres from the pelvis joint down to the seat
LOWEST_SEAT = 0.15  # metres above the ground
BUTTOCKS = 0.16  # metres from the pelvis joint back to the back rest

# Corners of a unit cube by face, counter-clockwise seen from outside, and the axes of its texture.
_FACES = np.array(
    [[1, 5, 7, 3], [4, 0, 2, 6], [2, 3, 7, 6], [4, 5, 1, 0], [5, 4, 6, 7], [0, 1, 3, 2]]
)
_CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], float)
_FLAT = ((2, 1), (2, 1), (0, 2), (0, 2), (0, 1), (0, 1))
_TEXTURE_METRES = 0.8  # side of a texture on furniture


@dataclass(frozen=True)
class Block:
    """An upright box, metres: x to the right, y up from the ground, z to the front.

    Attributes:
        low, high: opposite corners.
    """

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    material: int = FRAME


def random_furniture(rng: np.random.Generator) -> list[Block]:
    """A table, desk, bench, shelf, counter, railing or chair; its middle is the origin."""
    return KINDS[rng.integers(len(KINDS))](rng)


def seat(height: float, rng: np.random.Generator) -> list[Block]:
    """A stool, chair, armchair or bench with its seat at a height; its back is behind (-z)."""
    width = rng.uniform(0.38, 0.6) if rng.random() < 0.75 else rng.uniform(0.9, 1.8)
    depth, thick = rng.uniform(0.38, 0.55), rng.uniform(0.03, 0.12)
    left, back, front = -width / 2, -BUTTOCKS, depth - BUTTOCKS
    blocks = [Block((left, height - thick, back), (-left, height, front), PAD)]
    if rng.random() < 0.25:
        blocks.append(Block((left, 0, back), (-left, height - thick, front - 0.03)))
    else:
        blocks += _legs(width, back, front, height - thick, rng)
    if rng.random() < 0.7:
        blocks += _back_rest(width, back, height, rng)
    if rng.random() < 0.3:
        arm, top = rng.uniform(0.04, 0.12), height + rng.uniform(0.16, 0.26)
        for side in (left - arm, -left):
            blocks.append(Block((side, top - 0.05, back), (side + arm, top, front)))
            blocks.append(Block((side, 0, front - 0.06), (side + arm, top - 0.05, front)))
    return blocks


def _legs(
    width: float, back: float, front: float, height: float, rng: np.random.Generator
) -> list[Block]:
    """Four legs."""
    leg = rng.uniform(0.02, 0.06)
    corners = [(x, z) for x in (-width / 2, width / 2 - leg) for z in (back, front - leg)]
    return [Block((x, 0, z), (x + leg, height, z + leg)) for x, z in corners]


def _back_rest(width: float, back: float, height: float, rng: np.random.Generator) -> list[Block]:
    """A panel, or slats between posts."""
    top, thick = height + rng.uniform(0.3, 0.6), rng.uniform(0.02, 0.07)
    left, rear = -width / 2, back - thick
    if rng.random() < 0.5:
        bottom = height + rng.uniform(-0.02, 0.2)
        panel = Block((left, bottom, rear), (-left, top, back), PAD)
        posts = [
            Block((x, height - 0.05, rear), (x + 0.04, bottom, back)) for x in (left, -left - 0.04)
        ]
        return [panel, *posts]
    count = max(2, int(width / rng.uniform(0.08, 0.2)))
    places = np.linspace(left, -left - 0.03, count)
    slats = [Block((x, height - 0.05, rear), (x + 0.03, top, back)) for x in places]
    return [*slats, Block((left, top - 0.08, rear), (-left, top, back), PAD)]


def _table(rng: np.random.Generator) -> list[Block]:
    """A table, or a desk, which has a front panel."""
    width, depth = rng.uniform(0.6, 2.0), rng.uniform(0.5, 0.9)
    height, thick = rng.uniform(0.4, 1.05), rng.uniform(0.02, 0.06)
    back, front = -depth / 2, depth / 2
    top = Block((-width / 2, height - thick, back), (width / 2, height, front), PAD)
    blocks = [top, *_legs(width, back, front, height - thick, rng)]
    if rng.random() < 0.3:
        low = rng.uniform(0, 0.4)
        blocks.append(Block((-width / 2, low, front - 0.05), (width / 2, height - thick, front)))
    return blocks


def _chair(rng: np.random.Generator) -> list[Block]:
    """An empty chair or bench."""
    return seat(rng.uniform(0.4, 0.75), rng)


def _shelf(rng: np.random.Generator) -> list[Block]:
    """Boards between two sides, with or without a back."""
    width, height, depth = rng.uniform(0.5, 1.4), rng.uniform(0.7, 2.0), rng.uniform(0.2, 0.4)
    board = 0.03
    sides = [Block((x, 0, 0), (x + board, height, depth)) for x in (-width / 2, width / 2 - board)]
    levels = np.linspace(0.05, height - board, int(rng.integers(2, 6)))
    boards = [Block((-width / 2, y, 0), (width / 2, y + board, depth), PAD) for y in levels]
    rear = Block((-width / 2, 0, -0.02), (width / 2, height, 0))
    return [*sides, *boards, rear] if rng.random() < 0.5 else [*sides, *boards]


def _counter(rng: np.random.Generator) -> list[Block]:
    """A counter, cupboard, sofa's back or crate."""
    width, height, depth = rng.uniform(0.4, 2.2), rng.uniform(0.35, 1.15), rng.uniform(0.3, 0.8)
    body = Block((-width / 2, 0, -depth / 2), (width / 2, height - 0.04, depth / 2))
    lip = rng.uniform(0, 0.05)
    edge = width / 2 + lip
    top = Block((-edge, height - 0.04, -depth / 2 - lip), (edge, height, depth / 2 + lip), PAD)
    return [body, top]


def _railing(rng: np.random.Generator) -> list[Block]:
    """Posts between rails."""
    width, height = rng.uniform(1.2, 3.0), rng.uniform(0.7, 1.2)
    thick = rng.uniform(0.02, 0.06)
    places = np.linspace(-width / 2, width / 2, int(rng.integers(3, 16)))
    posts = [Block((x, 0, 0), (x + thick, height, thick)) for x in places]
    rails = [height, height * rng.uniform(0.1, 0.6)]
    bars = [Block((-width / 2, y - thick, 0), (width / 2, y, thick), PAD) for y in rails]
    return [*posts, *bars]


KINDS: list[Callable[[np.random.Generator], list[Block]]] = [
    _table,
    _table,
    _chair,
    _chair,
    _shelf,
    _counter,
    _railing,
]


def build(
    blocks: list[Block],
    ground: Ground,
    place: Float[np.ndarray, "3"],
    facing: Float[np.ndarray, "3"],
) -> TexturedMesh:
    """Furniture in the camera frame.

    Args:
        place: the point of the ground at the furniture's origin.
        facing: level unit vector in the direction of its front.
    """
    axes = np.stack([np.cross(ground.up, facing), ground.up, facing])  # rows: x, y, z
    low, high = (np.array([getattr(b, name) for b in blocks]) for name in ("low", "high"))
    corners = low[:, None] + _CORNERS[None] * (high - low)[:, None]  # (blocks, 8, 3)
    quads = corners[:, _FACES]  # (blocks, 6, 4, 3): vertices are not shared, for flat shading
    flat = np.stack([quads[:, k][..., list(axis)] for k, axis in enumerate(_FLAT)], 1)
    count = quads.shape[0] * 6
    first = 4 * np.arange(count, dtype=np.int32)[:, None]
    halves = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    faces = np.concatenate([first + half for half in halves])
    uv = (flat.reshape(-1, 2) / _TEXTURE_METRES).astype(np.float32)
    material = np.repeat(np.array([b.material for b in blocks], np.int32), 6)
    vertices = quads.reshape(-1, 3) @ axes + place
    return TexturedMesh(vertices.astype(np.float32), faces, uv[faces], np.tile(material, 2))


def random_materials(materials: MaterialLibrary, rng: np.random.Generator) -> list[Material]:
    """Materials of frame and pads: a texture, tinted or not, or a plain colour."""
    chosen = []
    for _ in range(2):
        if rng.random() < 0.65:
            texture = materials.patch(rng, 128)
            tint = rng.uniform(0.3, 1.1, 3) if rng.random() < 0.5 else np.full(3, 0.9)
        else:
            texture = np.full((8, 8, 3), 255, np.uint8)
            tint = np.square(random_color(rng))
        texture = cv2.GaussianBlur(texture, (0, 0), 0.8)
        red, green, blue = (float(c) for c in tint)
        chosen.append(Material(texture, (red, green, blue), gloss=float(rng.uniform(0, 0.3))))
    return chosen


def seat_place(
    pelvis: Float32[np.ndarray, "3"], ground: Ground
) -> tuple[float, Float[np.ndarray, "3"]] | None:
    """Height of a seat under a pelvis, and the ground point below; None if that is too low."""
    height = float(pelvis @ ground.up) - ground.height - SEAT_BELOW
    if height < LOWEST_SEAT:
        return None
    return height, pelvis - (height + SEAT_BELOW) * ground.up
