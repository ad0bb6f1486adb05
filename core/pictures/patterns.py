"""Procedural textures: noise, stripes, checks and dots in random colours."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from jaxtyping import Float32, UInt8


def random_color(rng: np.random.Generator) -> Float32[np.ndarray, "3"]:
    """An RGB colour in 0..1; greys and dark tones are as common as they are on clothes."""
    hue, value = rng.random(), rng.beta(1.3, 1.2)
    saturation = rng.uniform(0, 0.15) if rng.random() < 0.35 else rng.beta(1.6, 1.6)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)


def to_three_channels(
    values: Float32[np.ndarray, "rows columns"],
) -> Float32[np.ndarray, "rows columns 3"]:
    """The same values in three channels; OpenCV is faster than NumPy along the last axis."""
    if not values.size:
        return np.zeros((*values.shape, 3), np.float32)
    tripled: np.ndarray = cv2.merge([values, values, values])
    return tripled


def noise(size: int, rng: np.random.Generator, octaves: int = 4) -> Float32[np.ndarray, "s s"]:
    """Smooth noise in 0..1: octaves of random grids, each half as strong as the one before."""
    total = np.zeros((size, size), np.float32)
    cells = int(rng.integers(2, 6))
    for octave in range(octaves):
        grid = rng.random((cells, cells), dtype=np.float32)
        layer = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
        total += layer * 0.5**octave
        cells = min(2 * cells, size)
    total -= total.min()
    return total / max(float(total.max()), 1e-6)


def brightness_ramp(size: int, rng: np.random.Generator) -> Float32[np.ndarray, " size"]:
    """A linear ramp of brightness around 1."""
    first, last = rng.uniform(0.6, 1.2, 2)
    return np.linspace(float(first), float(last), size).astype(np.float32)


def pattern(size: int, rng: np.random.Generator) -> UInt8[np.ndarray, "size size 3"]:
    """Two or three colours mixed by noise, stripes, checks or dots."""
    first, second = random_color(rng), random_color(rng)
    mask = PATTERNS[rng.integers(len(PATTERNS))](size, rng)
    mottle = 255 - np.float32(255 * rng.uniform(0, 0.4)) * noise(size, rng)
    channels = zip(first, second, strict=True)
    return cv2.merge([((a + mask * (b - a)) * mottle).astype(np.uint8) for a, b in channels])


def _stripes(size: int, rng: np.random.Generator) -> np.ndarray:
    """Parallel bands, level, upright or at any angle."""
    count = int(rng.integers(2, 14))
    angle = rng.choice([0, np.pi / 2, rng.uniform(0, np.pi)])
    step = np.arange(size) * count / size
    wave = (np.cos(angle) * step)[:, None] + (np.sin(angle) * step)[None]
    return (wave - np.floor(wave) < rng.uniform(0.15, 0.85)).astype(np.float32)


def _checks(size: int, rng: np.random.Generator) -> np.ndarray:
    """Crossing bands, half as strong where only one of them is."""
    count, share = int(rng.integers(2, 10)), rng.uniform(0.2, 0.6)
    line = (np.arange(size) * count / size % 1 < share).astype(np.float32)
    return 0.5 * (line[:, None] + line[None])


def _dots(size: int, rng: np.random.Generator) -> np.ndarray:
    """A grid of discs."""
    count, radius = int(rng.integers(2, 10)), rng.uniform(0.15, 0.45)
    offset = np.arange(size) * count / size % 1 - 0.5
    return (np.hypot(offset[:, None], offset[None]) < radius).astype(np.float32)


def _plain(size: int, rng: np.random.Generator) -> np.ndarray:
    """One colour."""
    return np.full((size, size), rng.random(), np.float32)


def _splotches(size: int, rng: np.random.Generator) -> np.ndarray:
    """Camouflage-like islands."""
    return (noise(size, rng) > rng.uniform(0.35, 0.65)).astype(np.float32)


PATTERNS = [noise, _stripes, _checks, _dots, _plain, _plain, _splotches]
