"""Lighting of synthetic people: a main light, a weak second one, and ambient light."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from jaxtyping import Float, Float32

from core.render.shade.render import Lighting
from core.render.shade.twin import ambient_basis

PROBES = 64  # directions at which ambient light is fitted
FROM_PANORAMA = 0.6  # share of scenes lit by the panorama's sun or lamp, if it has one
GLARE = 5  # times the mean radiance above the horizon; a brighter spot is a sun or lamp


def random_lighting(
    panorama: Float32[np.ndarray, "rows columns 3"],
    camera_from_world: Float[np.ndarray, "3 3"],
    rng: np.random.Generator,
) -> Lighting:
    """Light in the camera frame, without a shadow map yet."""
    ambient = ambient_terms(panorama, camera_from_world)
    level = rng.uniform(0.35, 0.9) / max(float(ambient[0].mean()), 1e-3)
    lamp = _from_above(rng)
    sun = brightest_direction(panorama)
    if sun is not None and rng.spawn(1)[0].random() < FROM_PANORAMA:
        lamp = sun
    main = camera_from_world @ lamp
    fill = rng.normal(size=3)
    fill /= np.linalg.norm(fill)
    strength = np.array([[rng.uniform(0.1, 1.0)], [rng.uniform(0, 0.3)]])
    warmth = rng.uniform(-0.15, 0.15, (2, 1)) * np.array([[1.0, 0.0, -1.0]])
    return Lighting(np.stack([main, fill]), strength * (1 + warmth), ambient * level)


def brightest_direction(
    panorama: Float32[np.ndarray, "rows columns 3"],
) -> Float[np.ndarray, "3"] | None:
    """World direction of the panorama's sun or lamp above the horizon; None if it has none."""
    small = cv2.resize(panorama[::4, ::4], (32, 16), interpolation=cv2.INTER_AREA)
    radiance = small[:8].mean(-1).ravel()
    if radiance.max() < GLARE * radiance.mean():
        return None
    direction: np.ndarray = _sky_directions(16, 32)[0][radiance.argmax()]
    return direction


def _from_above(rng: np.random.Generator) -> np.ndarray:
    """A direction towards a lamp or the sun, 5 to 75 degrees above the horizon."""
    height, heading = np.deg2rad(rng.uniform(5, 75)), rng.uniform(0, 2 * np.pi)
    flat = np.cos(height)
    return np.array([flat * np.cos(heading), np.sin(height), flat * np.sin(heading)])


def ambient_terms(
    panorama: Float32[np.ndarray, "rows columns 3"], camera_from_world: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "9 3"]:
    """Coefficients of irradiance / pi over the shader's nine polynomials of the normal."""
    small = cv2.resize(panorama[::4, ::4], (32, 16), interpolation=cv2.INTER_AREA)
    world, solid_angle = _sky_directions(16, 32)
    normals, inverse = _probes()
    response = np.maximum(normals @ camera_from_world @ world.T, 0)
    irradiance = response @ (small.reshape(-1, 3) * solid_angle[:, None] / np.pi)
    return inverse @ irradiance


@cache
def _probes() -> tuple[np.ndarray, np.ndarray]:
    """Normals at which irradiance is sampled, and the fit of the polynomials to it, (9, PROBES)."""
    normals = _spiral(PROBES)
    return normals, np.linalg.pinv(ambient_basis(normals))


@cache
def _sky_directions(rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """World directions (N, 3) and solid angles (N,) of an equirectangular picture's pixels."""
    polar = (np.arange(rows) + 0.5) / rows * np.pi
    azimuth = (np.arange(columns) + 0.5) / columns * 2 * np.pi
    polar, azimuth = (a.ravel() for a in np.meshgrid(polar, azimuth, indexing="ij"))
    flat = np.sin(polar)
    directions = np.stack([flat * np.sin(azimuth), np.cos(polar), -flat * np.cos(azimuth)], 1)
    return directions, flat * (np.pi / rows) * (2 * np.pi / columns)


def _spiral(count: int) -> np.ndarray:
    """Evenly spread unit vectors (count, 3), on a golden-ratio spiral."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle = np.pi * (1 + 5**0.5) * index
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], 1)
