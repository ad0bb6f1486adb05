"""Occluders over the photo: outlines, and handles of the chosen one."""

from __future__ import annotations

import dearpygui.dearpygui as dpg
import numpy as np

from app import theme
from app.geometry.handles import knob_of
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.session import Session
from core.occlusion.fills import Color
from core.occlusion.occluder import Occluder
from core.occlusion.shapes import Stroke

SHADE = 150
"""Opacity of an occluder whose picture has not come yet, 0 to 255."""
HANDLE = px(4)  # screen pixels


def paint_occluders(view: View, session: Session, corners: list[Point], reach: float) -> None:
    """All outlines, the handles of the chosen one, and the polygon that is being drawn.

    Args:
        reach: of the mouse, in pixels of the photo.
    """
    coming = session.view.sketch is not None and session.previewed != session.view.sketch
    for occluder in session.occluders:
        chosen = occluder is session.occluder
        _outline(view, occluder, chosen, shaded=coming and chosen)
    if session.occluder is not None:
        _handles(view, session.occluder, reach)
    if corners:
        points = [view.to_panel(corner) for corner in corners]
        dpg.draw_polyline(points, color=theme.ACCENT, thickness=2)
        for x, y in points:
            dpg.draw_circle((x, y), HANDLE, color=theme.ACCENT, fill=theme.ACCENT)


def _outline(view: View, occluder: Occluder, chosen: bool, shaded: bool) -> None:
    """One outline; the path of a brush is drawn as its middle line."""
    color = theme.ACCENT if chosen else theme.DIM
    color = color if occluder.on else theme.FAINT
    fill = occluder.fill.rgb if isinstance(occluder.fill, Color) else (96, 96, 96)
    shade = (*fill, SHADE) if shaded else theme.CLEAR
    shape = occluder.shape
    if isinstance(shape, Stroke):
        path = [
            view.to_panel((x, y)) for x, y in occluder.to_photo(np.array(shape.points)).tolist()
        ]
        wide = 2 * shape.radius * occluder.scale[0] * view.scale
        if shaded:
            dpg.draw_polyline(path, color=shade, thickness=wide)
        if len(path) > 1:
            dpg.draw_polyline(path, color=color, thickness=1)
        return
    for polygon in occluder.polygons:
        points = [view.to_panel((x, y)) for x, y in polygon.tolist()]
        dpg.draw_polygon([*points, points[0]], color=color, fill=shade, thickness=1)


def _handles(view: View, occluder: Occluder, reach: float) -> None:
    """Corners to stretch by, and a knob to turn by."""
    corners = [view.to_panel((x, y)) for x, y in occluder.corners.tolist()]
    knob = view.to_panel(knob_of(occluder, reach))
    top = (corners[0][0] + corners[1][0]) / 2, (corners[0][1] + corners[1][1]) / 2
    dpg.draw_polygon([*corners, corners[0]], color=(*theme.ACCENT[:3], 110), thickness=1)
    dpg.draw_line(top, knob, color=theme.ACCENT, thickness=1)
    dpg.draw_circle(knob, HANDLE + 1, color=theme.ACCENT, fill=theme.ACCENT)
    for x, y in corners:
        low, high = (x - HANDLE, y - HANDLE), (x + HANDLE, y + HANDLE)
        dpg.draw_rectangle(low, high, color=theme.ACCENT, fill=theme.ACCENT)
