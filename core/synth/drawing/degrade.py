"""Degradation of a picture by lens, sensor and file format."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8


def degrade(
    image: Float[np.ndarray, "size size 3"], rng: np.random.Generator
) -> UInt8[np.ndarray, "size size 3"]:
    """Blur, colour, contrast, noise and compression of random strength; input in 0..255."""
    picture = _blur(image.astype(np.float32), rng)
    picture = _color(picture, rng)
    if rng.random() < 0.5:
        sigma = rng.uniform(1, 4) if rng.random() < 0.7 else rng.uniform(4, 14)
        picture = picture + sigma * rng.standard_normal(picture.shape, dtype=np.float32)
    stored = picture.clip(0, 255).astype(np.uint8)
    return _jpeg(stored, rng) if rng.random() < 0.4 else stored


def _blur(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Defocus, motion blur, low resolution, or mostly nothing."""
    kind = rng.random()
    size = image.shape[0]
    if kind < 0.2:
        return cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
    if kind < 0.26:
        return cv2.filter2D(image, -1, _motion_kernel(rng))
    if kind < 0.38:
        small = int(size * rng.uniform(0.3, 0.8))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        return cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    return image


def _motion_kernel(rng: np.random.Generator) -> np.ndarray:
    """A line of random direction, at most 9 pixels long."""
    radius = int(rng.integers(1, 5))
    kernel = np.zeros((2 * radius + 1, 2 * radius + 1), np.float32)
    angle = rng.uniform(0, np.pi)
    end = np.round(radius * np.array([np.cos(angle), np.sin(angle)])).astype(int)
    middle = np.array([radius, radius])
    first, last = (tuple(int(c) for c in middle + s * end) for s in (-1, 1))
    cv2.line(kernel, first, last, 1.0)
    return kernel / kernel.sum()


def _color(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exposure, colour cast, contrast, saturation; sometimes greyscale."""
    wanted = rng.uniform(60, 150)  # mean brightness an automatic exposure aims at
    exposure = np.clip(wanted / max(float(image.mean()), 1.0), 0.6, 2.2)
    gain = exposure * rng.uniform(0.92, 1.08, 3)
    contrast = rng.uniform(0.75, 1.25)  # about a level of 110
    saturation = 0.0 if rng.random() < 0.06 else rng.uniform(0.6, 1.3)
    mix = saturation * np.eye(3) + (1 - saturation) / 3  # 0: each channel becomes the mean
    shift = np.full((3, 1), 110 * (1 - contrast))
    return cv2.transform(image, np.hstack([mix * (contrast * gain), shift]).astype(np.float32))


def _jpeg(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compress as JPEG of random quality."""
    quality = int(rng.integers(30, 95))
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return np.ascontiguousarray(decoded[..., ::-1])
