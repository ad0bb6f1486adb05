"""The photo's camera as lines over a picture: what of them lies behind the body is fainter."""

from __future__ import annotations

import math
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from core.pictures.fitted_scene import FittedScene
from core.pictures.viewpoints import Viewpoint, World

COLOR = (150, 205, 190)
PIECES = 48
"""Pieces of a line, each of which is before or behind the body."""

Segment = Float[np.ndarray, "2 3"]


def draw_camera(
    picture: UInt8[np.ndarray, "height width 3"],
    depth: Float[np.ndarray, "height width"],
    view: Viewpoint,
    world: World,
    scene: FittedScene,
) -> None:
    """Draw the photo's camera and its field of view into a picture.

    Args:
        depth: metres to what the picture shows, 0 where there is nothing.
    """
    for segment, strength in camera_segments(world, scene):
        shares = np.linspace(0, 1, PIECES + 1)[:, None]
        ends = view.project(segment[0] * (1 - shares) + segment[1] * shares)
        for start, end in pairwise(ends):
            _draw_piece(picture, depth, start, end, strength)


def camera_segments(world: World, scene: FittedScene) -> list[tuple[Segment, float]]:
    """Line segments in the world, metres, each with its strength in 0..1.

    A small pyramid with a mark on its upper edge stands for the camera; fainter lines lead on to
    the photo's frame at the distance of the body.
    """
    height, width = scene.photo.shape[:2]
    x, y = width / 2 / scene.focal, height / 2 / scene.focal
    corners = np.array([[-x, y, -1], [x, y, -1], [x, -y, -1], [-x, -y, -1]])
    distance = float(np.linalg.norm(world.position))
    near = float(np.clip(0.15 * distance, 0.12, 0.45))
    apex = world.position
    small, frame = (apex + depth * corners @ world.camera.T for depth in (near, distance))
    mark = apex + near * np.array([0.0, 1.35 * y, -1.0]) @ world.camera.T
    sides = [(i, (i + 1) % 4) for i in range(4)]
    strong = [(apex, corner) for corner in small]
    strong += [(small[i], small[j]) for i, j in sides]
    strong += [(small[0], mark), (mark, small[1])]
    faint = list(zip(small, frame, strict=True)) + [(frame[i], frame[j]) for i, j in sides]
    return [(np.stack(ends), 0.95) for ends in strong] + [(np.stack(ends), 0.4) for ends in faint]


def _draw_piece(
    picture: np.ndarray, depth: np.ndarray, start: np.ndarray, end: np.ndarray, strength: float
) -> None:
    """One short line; nothing where it is outside the picture or behind the viewer."""
    height, width = depth.shape
    (x0, y0, z0), (x1, y1, z1) = start.tolist(), end.tolist()
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    if min(z0, z1) < 0.05 or not (0 <= x < width and 0 <= y < height):
        return
    before = depth[int(y), int(x)]
    if 0 < before < (z0 + z1) / 2:
        strength *= 0.3
    left, top = max(math.floor(min(x0, x1)) - 2, 0), max(math.floor(min(y0, y1)) - 2, 0)
    window = picture[top : math.ceil(max(y0, y1)) + 3, left : math.ceil(max(x0, x1)) + 3]
    drawn = window.copy()
    first, last = ((round((x - left) * 16), round((y - top) * 16)) for x, y in ((x0, y0), (x1, y1)))
    cv2.line(drawn, first, last, COLOR, 1, cv2.LINE_AA, shift=4)
    window[:] = cv2.addWeighted(drawn, strength, window, 1 - strength, 0)
