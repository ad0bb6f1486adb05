"""What can be drawn over the photo: detectors' points with their sigmas, the skeleton, a split."""

from __future__ import annotations

import math

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.plane import Point, Rect, View
from app.geometry.units import px
from app.panels.joints import DASH, dashes, paint_joint, side_color, strength
from app.panels.text import Measure
from app.protocol.scene import FoundPoints, Joint
from core.body.names import JOINT_NAMES, PARENTS, joint_words

DOT = px(3)
REACH = px(12)  # pixels within which the mouse is at a point
GRIP = px(7)  # pixels around the split that take hold of it
HANDLE = px(9)


def paint_points(view: View, found: tuple[FoundPoints, ...], at: tuple[int, int] | None) -> None:
    """A dot each, and a circle of one standard deviation where there is one.

    Args:
        at: source and number of the point under the mouse.
    """
    for source, points in enumerate(found):
        rows = zip(points.names, points.places, points.sigmas, strict=True)
        for number, (name, place, sigma) in enumerate(rows):
            middle, color = view.to_panel(place), side_color(name)
            strong = (source, number) == at
            if sigma is not None:
                radius = sigma * view.scale
                sure = 1.0 if strong else strength(radius)
                fill, rim = (*color, int(60 * sure)), (*color, int(220 * sure))
                dpg.draw_circle(middle, radius, color=rim, fill=fill)
            if source:  # squares tell another source apart
                low, high = (middle[0] - DOT, middle[1] - DOT), (middle[0] + DOT, middle[1] + DOT)
                dpg.draw_rectangle(low, high, color=(0, 0, 0, 200), fill=(*color, 255))
            else:
                dpg.draw_circle(middle, DOT, color=(0, 0, 0, 200), fill=(*color, 255))
            if strong:
                dpg.draw_circle(middle, 2 * DOT, color=theme.ACCENT, thickness=2)


def point_at(view: View, found: tuple[FoundPoints, ...], point: Point) -> tuple[int, int] | None:
    """Source and number of the point nearest to a panel point, None if the mouse is at none."""
    best, nearest = float(REACH), None
    for source, points in enumerate(found):
        for number, place in enumerate(points.places):
            distance = math.dist(view.to_panel(place), point)
            if distance < best:
                best, nearest = distance, (source, number)
    return nearest


def point_text(found: tuple[FoundPoints, ...], at: tuple[int, int]) -> str:
    """What is known of a point."""
    points, number = found[at[0]], at[1]
    name = joint_words(points.names[number])
    sigma = points.sigmas[number]
    known = "" if sigma is None else f", to {sigma:.1f} px"
    if points.weights:
        known = f", weight {points.weights[number]:.2f}{known} if alone"
    return f"{name} by {points.source}{known}"


def paint_skeleton(view: View, joints: tuple[Joint, ...], unseen: tuple[int, ...] = ()) -> None:
    """Bones of the body between its joints; dashed where a joint is not seen."""
    places = [view.to_panel(joint[:2]) for joint in joints]
    for joint, parent in enumerate(PARENTS[: len(joints)]):
        color = side_color(JOINT_NAMES[joint])
        if parent >= 0:
            line = places[parent], places[joint]
            hidden = joint in unseen or parent in unseen
            for piece in dashes(*line, DASH) if hidden else [line]:
                dpg.draw_line(*piece, color=(0, 0, 0, 150), thickness=px(4))
                dpg.draw_line(*piece, color=(*color, 255), thickness=px(2))
    for joint, place in enumerate(places):
        paint_joint(place, side_color(JOINT_NAMES[joint]), joint in unseen)


def paint_split(view: View, size: Point, room: Point, share: float, width: Measure) -> None:
    """A line with a handle: the bare photo is at its left.

    Args:
        size: of the photo in pixels.
        share: of the photo's width, where the line is.
    """
    low, high = view.to_panel((0, 0)), view.to_panel((size[0] * share, size[1]))
    x = high[0]
    dpg.draw_line((x, 0), (x, room[1]), color=theme.ACCENT, thickness=px(2))
    top, bottom = max(low[1], 0), min(high[1], room[1])
    middle = x, (top + bottom) / 2
    dpg.draw_circle(middle, HANDLE, color=theme.ACCENT, fill=theme.ACCENT_DARK, thickness=2)
    for words, left in (("photo", x - width("photo") - HANDLE), ("fit", x + HANDLE)):
        ground = Rect(left - 3, top + 4, width(words) + 6, theme.SMALL_SIZE + 4)
        low, high = (ground.x, ground.y), (ground.right, ground.bottom)
        dpg.draw_rectangle(low, high, color=theme.CLEAR, fill=(*theme.WELL[:3], 180))
        dpg.draw_text((left, top + 5), words, size=theme.SMALL_SIZE, color=theme.TEXT)


def at_split(view: View, size: Point, share: float | None, point: Point) -> bool:
    """Whether the mouse can take hold of the split."""
    return share is not None and abs(view.to_panel((size[0] * share, 0))[0] - point[0]) <= GRIP
