"""Colours of bodies and kernels in pictures."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

from app.geometry.homography import Homography
from app.protocol.backend import Kernels, Maps
from app.protocol.scene import ImageScene
from core.pictures.palette import ALIKE, DIM, LIMBS, OCCLUDED, SEEN, UNLIKE

PLAIN = (0.62, 0.76, 0.92)
WORST = 1.0
"""Residual from which on kernels are wholly `UNLIKE`."""


def face_colors(limbs: Int[np.ndarray, " faces"]) -> Float[np.ndarray, "faces 3"]:
    """Colours of triangles by their limbs, 0..1."""
    return np.array(LIMBS, np.float32)[limbs] / 255


def kernel_colors(
    kernels: Kernels, by: str, maps: Maps, scene: ImageScene
) -> UInt8[np.ndarray, "kernels 3"]:
    """Colours of kernels by their limbs, or by the map at their place; grey off the map.

    Args:
        by: one of `app.protocol.commands.KERNEL_COLORS`.
    """
    if by == "limb":
        return np.array(LIMBS, np.uint8)[kernels.limbs]
    if by == "z":
        return _between(OCCLUDED, SEEN, _sampled(maps.visible, kernels, scene))
    residual = np.full_like(maps.visible, np.nan) if maps.residual is None else maps.residual
    return _between(ALIKE, UNLIKE, _sampled(residual, kernels, scene) / WORST)


def _sampled(
    values: Float[np.ndarray, "height width"], kernels: Kernels, scene: ImageScene
) -> Float[np.ndarray, " kernels"]:
    """A map's values where kernels are; NaN off the map."""
    x, y, z = kernels.means.T
    middle = np.array(scene.size)[:, None] / 2
    pixels = scene.focal * np.stack([x, y]) / np.maximum(z, 1e-6) + middle
    u, v = _mapped(scene.to_crop, pixels)
    height, width = values.shape
    column, row = np.floor(u * width), np.floor(v * height)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height) & (z > 0)
    found = np.full(len(x), np.nan)
    found[inside] = values[row[inside].astype(int), column[inside].astype(int)]
    return found


def _mapped(matrix: Homography, pixels: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, "2 n"]:
    x, y, w = np.array(matrix) @ np.concatenate([pixels, np.ones_like(pixels[:1])])
    return np.stack([x, y]) / w


def _between(
    low: tuple[int, int, int], high: tuple[int, int, int], share: Float[np.ndarray, " n"]
) -> UInt8[np.ndarray, "n 3"]:
    """Colours between two; grey for NaN."""
    part = np.clip(share, 0, 1)[:, None]
    mixed = np.array(low) * (1 - part) + np.array(high) * part
    return np.where(np.isnan(part), np.array(DIM), mixed).astype(np.uint8)
