"""What panels show together: the cell under the mouse, and the place that is zoomed to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from app.geometry.homography import cell_center, cell_corners, inside_crop, mapped
from app.geometry.linked import Stage, map_view, photo_view
from app.geometry.plane import Point
from app.panels.body import BodyPanel
from app.panels.maps import MapPanel
from app.panels.photo import PhotoPanel
from app.protocol.why import PixelTarget
from app.session import Session
from app.view import LINKED
from app.window.mouse import Mouse


def link_cells(
    session: Session, mouse: Mouse, photo: PhotoPanel, maps: Sequence[MapPanel], body: BodyPanel
) -> None:
    """Mark the cell under the mouse, or else the one that is asked about, in all panels."""
    over, scene, view = mouse.under(), session.scene, session.view
    at: Point | None = None
    if isinstance(over, MapPanel):
        at = over.fraction(mouse.inside(over))
    elif over is photo and scene is not None:
        at = inside_crop(scene.to_crop, photo.view.to_image(mouse.inside(photo)))
    if at is None and view.why and isinstance(view.target, PixelTarget):
        at = view.target.at
    probed = session.probed if view.why else None
    for panel in maps:
        panel.cell = at
        panel.explained = probed.answer.cells if probed is not None else ()
    photo.cell = body.pixel = None
    if at is not None and scene is not None:
        photo.cell = cell_corners(scene.to_crop, photo.cells, at)
        inverse = np.linalg.inv(np.array(scene.to_crop))
        body.pixel = mapped(inverse, cell_center(photo.cells, at))


def link_zoom(session: Session, photo: PhotoPanel, maps: Sequence[MapPanel]) -> None:
    """Have all maps show the photo's place, or have the photo follow the map that was moved.

    A hidden map has no place: it would keep it for a moment after it is shown again.
    """
    scene = session.scene
    stage = None
    if LINKED in session.view.looks and scene is not None and min(photo.room) > 1:
        stage = Stage(photo.room, scene.size, scene.to_crop)
    for panel in maps:
        if panel.moved is not None and stage is not None:
            photo.view = photo_view(panel.moved, panel.room, stage)
        panel.moved = None
    for panel in maps:
        hidden = min(panel.room) <= 1
        panel.lens = map_view(photo.view, stage, panel.room) if stage and not hidden else None
