"""Pictures of the body: laid over the photo, and by itself as the mouse has turned it.

Clay under a soft three-point light, so that the eye reads the shape and nothing else.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, Float32, Int, UInt8

from app.orbit import Orbit
from core.render.raster import rasterize
from core.render.shade import vertex_normals

CLAY = np.array([0.90, 0.84, 0.78])
# direction towards each light (x right, y down, z forward: the eye looks along +z), and its colour
LIGHTS = (
    ((-0.45, -0.65, -0.62), (0.78, 0.76, 0.72)),
    ((0.85, -0.10, -0.50), (0.16, 0.20, 0.27)),
    ((0.15, -0.55, 0.82), (0.22, 0.27, 0.34)),
)
AMBIENT = np.array([0.14, 0.15, 0.17])
SUPERSAMPLE = 2


def body_rgba(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
) -> UInt8[np.ndarray, "height width 4"]:
    """The lit body on nothing; alpha is the share of the pixel that it covers.

    Args:
        vertices: metres in the camera's frame (x right, y down, z forward).
        focal, center: the camera in pixels.
    """
    picture = np.zeros((height, width, 4), np.uint8)
    left, top, right, bottom = _window(vertices, focal, center, height, width)
    if right > left and bottom > top:
        shifted = center[0] - left, center[1] - top
        part = _antialiased(vertices, faces, focal, shifted, bottom - top, right - left)
        picture[top:bottom, left:right] = part
    return picture


def overlay(
    photo: UInt8[np.ndarray, "height width 3"],
    body: UInt8[np.ndarray, "height width 4"],
    opacity: float,
) -> UInt8[np.ndarray, "height width 3"]:
    """The photo with the body laid over it."""
    alpha = body[..., 3:].astype(np.float32) * (opacity / 255)
    mixed = photo * (1 - alpha) + body[..., :3] * alpha
    return (mixed + 0.5).astype(np.uint8)


def turned_body(
    vertices: Float[np.ndarray, "vertices 3"],
    faces: Int[np.ndarray, "faces 3"],
    orbit: Orbit,
    width: int,
    height: int,
) -> UInt8[np.ndarray, "height width 4"]:
    """The body as the orbit sees it, looking at `body_middle`."""
    seen = orbit.see(vertices, body_middle(vertices))
    return body_rgba(seen, faces, orbit.focal(height), (width / 2, height / 2), height, width)


def body_middle(vertices: Float[np.ndarray, "vertices 3"]) -> Float[np.ndarray, "3"]:
    """Middle of the body's bounding box."""
    return (vertices.min(0) + vertices.max(0)) / 2


def _window(
    vertices: np.ndarray, focal: float, center: tuple[float, float], height: int, width: int
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the part of the picture that the body can touch."""
    if vertices[:, 2].min() < 0.05:
        return 0, 0, width, height  # it reaches the camera: no bound
    pixels = focal * vertices[:, :2] / vertices[:, 2:] + np.array(center)
    low = np.clip(np.floor(pixels.min(0)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(pixels.max(0)), 0, (width, height)).astype(int)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _antialiased(
    vertices: np.ndarray,
    faces: np.ndarray,
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
) -> UInt8[np.ndarray, "height width 4"]:
    """Render at `SUPERSAMPLE` times the size and average."""
    s = SUPERSAMPLE
    middle = center[0] * s, center[1] * s
    raster = rasterize(vertices, faces, focal * s, middle, height * s, width * s)
    rgba = np.zeros((height * s, width * s, 4), np.float32)
    seen = raster.mask
    corners = _lit(vertex_normals(vertices, faces))[faces[raster.face_ids[seen]]]
    rgba[seen, :3] = np.einsum("pcd,pc->pd", corners, raster.barycentric[seen])
    rgba[seen, 3] = 1.0
    small = cv2.resize(rgba, (width, height), interpolation=cv2.INTER_AREA)
    color, alpha = small[..., :3], small[..., 3:]
    straight = np.concatenate([color / np.maximum(alpha, 1e-6), alpha], -1)
    return (straight * 255 + 0.5).astype(np.uint8)


def _lit(normals: Float[np.ndarray, "vertices 3"]) -> Float32[np.ndarray, "vertices 3"]:
    """Colour of each vertex, gamma-encoded 0..1."""
    light = np.broadcast_to(AMBIENT, normals.shape).copy()
    for direction, color in LIGHTS:
        towards = np.array(direction) / np.linalg.norm(direction)
        wrapped = np.clip((normals @ towards + 0.25) / 1.25, 0, None)
        light += wrapped[:, None] ** 1.5 * np.array(color)
    return (np.clip(CLAY * light, 0, 1) ** (1 / 1.8)).astype(np.float32)
