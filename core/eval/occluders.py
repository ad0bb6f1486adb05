"""Square textured patches over people: at random positions, and as a sliding window (AdvOcc).

3DNBF's protocol has patches of 40 or 80 pixels and a stride of 10 for pictures of 224 pixels; both
are scaled to other sizes. Only joints inside the picture and outside the patch are scored, because
the position of an occluded joint is ambiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

PAPER_SIZE = 224
STRIDE = 10

Picture = UInt8[np.ndarray, "size size 3"]
Texture = Callable[[np.random.Generator, int], UInt8[np.ndarray, "side side 3"]]
"""Draws a square of some texture: `core.synth.dressing.appearance.MaterialLibrary.patch` is one."""


@dataclass(frozen=True)
class Patch:
    """A square in a picture; (x, y) is its top left pixel."""

    x: int
    y: int
    side: int

    def mask(self, size: int) -> Bool[np.ndarray, "size size"]:
        """True under the patch, in a picture of ``size`` pixels."""
        mask = np.zeros((size, size), bool)
        mask[self.y : self.y + self.side, self.x : self.x + self.side] = True
        return mask

    def covers(self, points: Float[np.ndarray, "*points 2"]) -> Bool[np.ndarray, "*points"]:
        """Which points (pixels) lie under the patch."""
        offset = points - np.array([self.x, self.y])
        return np.asarray(((offset >= 0) & (offset < self.side)).all(-1))


def patch_side(patch: int, size: int) -> int:
    """Side in pixels of a patch that is defined for pictures of 224 pixels."""
    return max(1, round(patch * size / PAPER_SIZE))


def random_patch(person: Bool[np.ndarray, "size size"], patch: int, seed: int) -> Patch:
    """A patch centred on a random pixel of the person, shifted to lie inside the picture.

    Args:
        patch: side for pictures of 224 pixels.

    Raises:
        ValueError: the mask is empty.
    """
    size = len(person)
    side = patch_side(patch, size)
    rows, columns = np.nonzero(person)
    if len(rows) == 0:
        raise ValueError("a patch over a person needs a person: the mask is empty")
    pick = int(np.random.default_rng([seed, 0]).integers(len(rows)))
    corner = np.array([columns[pick], rows[pick]]) - side // 2
    x, y = np.clip(corner, 0, size - side).tolist()
    return Patch(x, y, side)


def place_patch(
    image: Picture,
    person: Bool[np.ndarray, "size size"],
    patch: int,
    seed: int,
    texture: Texture,
) -> tuple[Picture, Bool[np.ndarray, "size size"]]:
    """The picture with a random patch over the person, and the patch's mask.

    Args:
        person: pixels of the body, occluded ones included.
        patch: side for pictures of 224 pixels.
    """
    chosen = random_patch(person, patch, seed)
    return cover(image, chosen, seed, texture), chosen.mask(len(image))


def cover(image: Picture, patch: Patch, seed: int, texture: Texture) -> Picture:
    """A copy of the picture with a textured patch."""
    covered = image.copy()
    square = texture(np.random.default_rng([seed, 1]), patch.side)
    covered[patch.y : patch.y + patch.side, patch.x : patch.x + patch.side] = square
    return covered


def patch_grid(
    size: int, patch: int, stride: int = STRIDE, corner: tuple[int, int] = (0, 0)
) -> list[Patch]:
    """All positions of AdvOcc's sliding patch, row by row.

    Args:
        size: side of the square in which it slides.
        patch, stride: for pictures of 224 pixels.
        corner: top left pixel of this square.
    """
    side, (left, top) = patch_side(patch, size), corner
    starts = np.arange(0, PAPER_SIZE - patch + 1, stride) * size / PAPER_SIZE
    places = np.minimum(np.round(starts), size - side).astype(int).tolist()
    return [Patch(left + x, top + y, side) for y in places for x in places]


def touching(patches: Sequence[Patch], person: Bool[np.ndarray, "size size"]) -> list[Patch]:
    """The patches that cover at least one pixel of the person."""
    return [p for p in patches if person[p.y : p.y + p.side, p.x : p.x + p.side].any()]


def slide(
    image: Picture, patches: Sequence[Patch], seed: int, texture: Texture
) -> Iterator[tuple[Patch, Picture]]:
    """The picture with each patch in turn; every patch has its own texture."""
    for index, patch in enumerate(patches):
        yield patch, cover(image, patch, patch_seed(seed, index), texture)


def patch_seed(seed: int, index: int) -> int:
    """Seed of the texture at a position of the sliding patch."""
    return int(np.random.default_rng([seed, 2, index]).integers(2**31))


def scored_joints(
    joints2d: Float[np.ndarray, "joints 2"],
    size: int | tuple[int, int],
    patches: Sequence[Patch] = (),
) -> Bool[np.ndarray, " joints"]:
    """Joints inside the picture and outside all patches.

    Args:
        size: side of the picture, or its width and height.
    """
    scored = ((joints2d >= 0) & (joints2d < np.array(size))).all(-1)
    for patch in patches:
        scored &= ~patch.covers(joints2d)
    return np.asarray(scored)


def worst_patch(
    clean: Float[np.ndarray, " joints"],
    occluded: Float[np.ndarray, "patches joints"],
    scored: Bool[np.ndarray, "patches joints"],
) -> int:
    """Index of the patch with the largest ratio of error with the patch to error without it.

    Both errors are means over the joints that are scored with the patch.

    Args:
        clean: error of each joint without a patch.
        occluded: error of each joint with each patch.

    Raises:
        ValueError: no joint is scored with any patch.
    """
    counts = scored.sum(1)
    if not counts.any():
        raise ValueError("no patch leaves a joint to be scored")
    kept = np.maximum(counts, 1)
    before = np.where(scored, clean, 0).sum(1) / kept
    after = np.where(scored, occluded, 0).sum(1) / kept
    growth = after / np.maximum(before, 1e-9)
    return int(np.where(counts > 0, growth, -np.inf).argmax())
