"""Dress a person at random: garments with new colours, painted clothes, hair, hats, shoes."""

from __future__ import annotations

import cv2
import numpy as np

from core.pictures.patterns import random_color
from core.render.shade.render import Material
from core.synth.dressing.appearance import MaterialLibrary
from core.synth.dressing.dressable_body import DressableBody, Outfit
from core.synth.dressing.face import paint_face
from core.synth.dressing.paint import (
    BARE,
    HAIR,
    SHOES,
    cloth_standoff,
    fabric,
    paint,
    random_cut,
    region_of,
)
from core.synth.dressing.wardrobe import Garment

WEARS_SUIT = 0.55  # share of people in modelled garments, where there are any
MIN_CLOTH = 128  # smallest width in pixels of a garment's texture made from a tile
HAIR_COLORS = np.array(
    [
        [0.05, 0.04, 0.04],
        [0.2, 0.12, 0.07],
        [0.4, 0.26, 0.13],
        [0.7, 0.55, 0.32],
        [0.45, 0.18, 0.08],
        [0.55, 0.55, 0.55],
    ],
    np.float32,
)
HAIR_PROBABILITIES = [0.35, 0.27, 0.15, 0.1, 0.05, 0.08]
WEARS_SHOES, WEARS_HAIR, WEARS_HAT = 0.7, 0.7, 0.06


def random_outfit(
    dressable: DressableBody,
    garments: dict[str, list[Garment]],
    materials: MaterialLibrary,
    rng: np.random.Generator,
) -> Outfit:
    """Painted clothes on the whole body, and modelled garments over them."""
    worn = _choose(garments, rng)
    cut = random_cut(dressable.joints, rng)
    region = region_of(dressable.vertices_surface, cut)
    texel_region = region_of(dressable.texels_surface, cut)
    kinds = {garment.kind for garment in worn}
    for painted in (region, texel_region):
        _remove_covered(painted, kinds)
    texture = materials.skin(rng)
    paint_face(texture, dressable.face_texels, not materials.skins, rng)
    paint(texture, dressable.texels_surface, texel_region, materials, rng)
    standoff = cloth_standoff(region, dressable.vertices_surface.position, rng)
    skin = Material(texture, gloss=float(rng.uniform(0, 0.12)))
    return Outfit(skin, standoff, [(g, _material(g, materials, rng)) for g in worn])


def _choose(garments: dict[str, list[Garment]], rng: np.random.Generator) -> list[Garment]:
    """At most one item of each kind."""
    probabilities = {"suit": WEARS_SUIT, "shoes": WEARS_SHOES, "hair": WEARS_HAIR, "hat": WEARS_HAT}
    worn = []
    for kind, probability in probabilities.items():
        items = garments.get(kind, [])
        if rng.random() < probability and items:
            worn.append(items[rng.integers(len(items))])
    return worn


def _remove_covered(region: np.ndarray, kinds: set[str]) -> None:
    """No painted clothes under a suit, painted shoes under shoes, painted hair under hair."""
    if "suit" in kinds:
        region[(region != HAIR) & (region != SHOES)] = BARE
    if "shoes" in kinds:
        region[region == SHOES] = BARE
    if "hair" in kinds:
        region[region == HAIR] = BARE


def _material(garment: Garment, materials: MaterialLibrary, rng: np.random.Generator) -> Material:
    """The garment's own texture, a recoloured one, or one of another cloth."""
    gloss = float(rng.uniform(0, 0.06))
    if garment.kind == "hair":
        return Material(_recolored(garment, _hair_color(rng)), gloss=2 * gloss)
    kind = rng.random()
    if kind < 0.3 and garment.texture.shape[0] > 8:
        return Material(garment.texture, gloss=gloss)
    if kind < 0.65:
        return Material(_recolored(garment, random_color(rng)), gloss=gloss)
    return Material(_reclothed(garment, fabric(materials, rng), rng), gloss=gloss)


def _hair_color(rng: np.random.Generator) -> np.ndarray:
    """Black, brown, blond, red, grey, or dyed."""
    if rng.random() < 0.05:
        return random_color(rng)
    color = HAIR_COLORS[rng.choice(len(HAIR_COLORS), p=HAIR_PROBABILITIES)]
    return color * np.float32(rng.uniform(0.6, 1.2))


def _recolored(garment: Garment, color: np.ndarray) -> np.ndarray:
    """Folds and seams of the garment's texture in one colour."""
    table = np.arange(256)[:, None] / 128 * (255 * color)
    return cv2.LUT(garment.relief, table.clip(0, 255).astype(np.uint8)[:, None])


def _reclothed(garment: Garment, tile: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Folds and seams of the garment's texture on a repeated tile of cloth."""
    side = max(garment.texture.shape[1], MIN_CLOTH)
    repeats = int(rng.integers(1, 7))
    small = cv2.resize(tile, (side // repeats + 1,) * 2, interpolation=cv2.INTER_AREA)
    cloth = np.tile(small, (repeats, repeats, 1))
    relief = cv2.resize(garment.relief, cloth.shape[1::-1])
    return cv2.multiply(cloth, 64 + relief // 2, scale=1 / 128)
