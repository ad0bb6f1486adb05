"""The presentation picture of a fit: four lit views on one sheet."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from core.pictures.camera_lines import draw_camera
from core.pictures.fitted_scene import FittedScene
from core.pictures.lit_render import LitRenderer, Render
from core.pictures.panels import Panel, compose_panels
from core.pictures.studio import SAMPLES
from core.pictures.viewpoints import (
    Viewpoint,
    World,
    front_view,
    photo_view,
    side_view,
    top_view,
)

TILE = (600, 480)
OVER_PHOTO = 0.92
"""Opacity of the body over the photo."""
GHOST, CONTOUR = 0.42, 0.85
"""Opacity of the start and of its contour."""

Picture = UInt8[np.ndarray, "_ _ 3"]


def draw_views(scene: FittedScene, title: str = "") -> Picture:
    """The photo's own view, front, side and top of the fitted body and of where it started."""
    world = World.of(scene)
    renderer = LitRenderer(world, scene.faces, TILE)
    legend = [((126, 146, 166), "fit"), ((222, 150, 84), "start")]
    distance = float(np.linalg.norm(world.position))
    with ThreadPoolExecutor(2, "view") as pool:  # drawing leaves Python's lock most of the time
        over_photo = pool.submit(_over_photo, renderer, world, scene)
        studio = [
            (name, pool.submit(_studio, renderer, view(world, TILE), world, scene), caption)
            for name, view, caption in (
                ("front", front_view, "from where the person faces"),
                ("side", side_view, f"the photo's camera is {distance:.1f} m away"),
                ("top", top_view, "lines on the ground every 0.5 m"),
            )
        ]
        panels = [Panel("photo", over_photo.result(), "the photo's own camera", legend)]
        panels += [Panel(name, drawn.result(), caption) for name, drawn, caption in studio]
    return compose_panels(panels, title=title, columns=2, tile=TILE)


def _studio(renderer: LitRenderer, view: Viewpoint, world: World, scene: FittedScene) -> Picture:
    """Body, start and camera on the ground."""
    body = renderer.body(view)
    _add_start(body, renderer.start(view))
    picture = body.pixels()
    draw_camera(picture, body.depth[::SAMPLES, ::SAMPLES], view, world, scene)
    return picture


def _over_photo(renderer: LitRenderer, world: World, scene: FittedScene) -> Picture:
    """Body and start over the photo, seen by the photo's camera."""
    view = photo_view(world, scene, TILE)
    body = renderer.body(view, ground=False)
    height, width = body.depth.shape
    scale = min(width / scene.photo.shape[1], height / scene.photo.shape[0])
    size = round(scene.photo.shape[1] * scale), round(scene.photo.shape[0] * scale)
    photo = cv2.resize(scene.photo, size, interpolation=cv2.INTER_AREA)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    inside = np.s_[top : top + size[1], left : left + size[0]]
    backdrop = np.zeros_like(body.color)
    backdrop[inside] = photo.astype(np.float32) / 255
    share = OVER_PHOTO * body.body[..., None]
    body.color[:] = body.color * share + backdrop * (1 - share)
    _add_start(body, renderer.start(view))
    drawn = body.pixels()
    small = (size[1] // 2, size[0] // 2)
    return drawn[top // 2 : top // 2 + small[0], left // 2 : left // 2 + small[1]]


def _add_start(body: Render, start: Render) -> None:
    """Lay the start over a picture as a ghost: filled outside the fitted body, a contour over it.

    Filled over the body too, two nearly equal surfaces would cut through each other in patches.
    The ground, which is the fitted body's, hides nothing of the ghost.
    """
    share = np.where(start.body & ~body.body, np.float32(GHOST), np.float32(0))
    share[_contour(start.body)] = CONTOUR
    body.color[:] += (start.color - body.color) * share[..., None]


def _contour(mask: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"]:
    """The pixels of a mask at its edge."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=2)
    return mask & (inner == 0)
