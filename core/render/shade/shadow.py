"""Shadow maps: a mesh seen from a distant light."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

from core.render.mesh.raster import rasterize
from core.render.shade.scene import ShadowMap

DISTANCE = 60.0  # metres: far enough for nearly parallel rays


def shadow_map(
    vertices: Float32[np.ndarray, "vertices 3"],
    faces: np.ndarray,
    towards_light: Float[np.ndarray, "3"],
    pixels: int,
) -> ShadowMap:
    """The shadow map of a mesh.

    Args:
        vertices: metres in the camera frame.
        towards_light: unit vector.
        pixels: side of the map.
    """
    low, high = vertices.T.copy().min(1), vertices.T.copy().max(1)  # NumPy is slow along axis 0
    middle = (low + high) / 2
    rotation = _look_along(-towards_light)
    translation = -rotation @ (middle + DISTANCE * towards_light)
    local = vertices @ rotation.T.astype(np.float32) + translation.astype(np.float32)
    radius = float(np.abs(local[:, :2]).max()) * 1.05
    focal = 0.5 * pixels * DISTANCE / radius
    raster = rasterize(local, faces, focal, (pixels / 2, pixels / 2), pixels, pixels)
    return ShadowMap(raster.depth, rotation, translation, focal)


def _look_along(forward: np.ndarray) -> np.ndarray:
    """A rotation whose third row is ``forward``."""
    helper = np.eye(3)[np.abs(forward).argmin()]
    right = np.cross(helper, forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])
