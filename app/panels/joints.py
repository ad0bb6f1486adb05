"""Joints over the photo: the network's estimates with their sigmas, and the body's joints."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.protocol.scene import Certainty, Joint, Sigma
from core.body.names import JOINT_NAMES, PARENTS, joint_words
from core.pictures.palette import OCCLUDED

Color = tuple[int, int, int]
LEFT, MIDDLE, RIGHT = (255, 150, 90), (235, 235, 240), (90, 220, 160)
REACH = px(14)  # screen pixels within which the mouse is at a joint
SURE, LOST = px(4), px(60)  # screen pixels of sigma at which a circle is drawn fully, and no more
DOT = px(3)
RING, DASH = px(4), px(5)  # radius of a joint that is not seen; length of its bone's dashes
LINE = theme.SMALL_SIZE + px(4)


def paint_joints(
    view: View,
    estimated: tuple[Joint, ...],
    sigmas: tuple[Sigma, ...],
    body: tuple[Joint, ...],
    unseen: tuple[int, ...] = (),
) -> None:
    """A circle of one standard deviation around each estimated joint, tied to the body's joint.

    Bones join the estimated joints. All fade with sigma.

    Args:
        unseen: joints that the photo does not show.
    """
    places = [view.to_panel(joint[:2]) for joint in estimated]
    spreads = [sigma[0] * view.scale for sigma in sigmas]
    for joint, parent in enumerate(PARENTS[: len(estimated)]):
        color = side_color(JOINT_NAMES[joint])
        if parent >= 0:
            strong = min(strength(spreads[joint]), strength(spreads[parent]))
            line = (*color, int(170 * strong))
            dpg.draw_line(places[parent], places[joint], color=line, thickness=2)
        strong = strength(spreads[joint])
        dpg.draw_circle(
            places[joint],
            max(spreads[joint], DOT),
            color=(*color, int(255 * strong)),
            fill=(*color, int(50 * strong)),
        )
        if body:
            there = view.to_panel(body[joint][:2])
            dpg.draw_line(places[joint], there, color=(255, 255, 255, int(200 * strong)))
            paint_joint(there, color, joint in unseen)


def paint_joint(place: Point, color: Color, unseen: bool) -> None:
    """A joint of the body: a dot, or a ring in the colour of what is occluded if it is not seen."""
    if unseen:
        dpg.draw_circle(place, RING, color=(0, 0, 0, 200), thickness=px(4))
        dpg.draw_circle(place, RING, color=(*OCCLUDED, 255), thickness=px(2))
    else:
        dpg.draw_circle(place, DOT, color=(0, 0, 0, 200), fill=(*color, 255))


def dashes(start: Point, end: Point, length: float) -> list[tuple[Point, Point]]:
    """Pieces of a line with gaps as long as they are; the first and the last touch its ends."""
    count = max(round((math.dist(start, end) / length + 1) / 2), 1)

    def at(share: float) -> Point:
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    parts = 2 * count - 1
    return [(at(k / parts), at((k + 1) / parts)) for k in range(0, parts, 2)]


def side_color(name: str) -> Color:
    """Colour of a joint's side."""
    return {"l_": LEFT, "r_": RIGHT}.get(name[:2], MIDDLE)


def joint_at(view: View, places: Iterable[Sequence[Joint]], point: Point) -> int | None:
    """The joint nearest to a panel point, None if the mouse is at none.

    Args:
        places: of each joint, the places where it is drawn.
    """
    best, found = float(REACH), None
    for index, drawn in enumerate(places):
        distance = min(math.dist(view.to_panel(place[:2]), point) for place in drawn)
        if distance < best:
            best, found = distance, index
    return found


def certainty_words(sure: Certainty | None) -> str:
    """Whether a joint is seen, and how far it may be off; empty where that is not known."""
    if sure is None:
        return ""
    seen = "" if sure.seen else "not seen, " if sure.inside else "outside the photo, "
    return f" · {seen}± {sure.spread:.0f} mm"


def joint_text(joint: int, estimated: Joint, sigma: Sigma, body: Joint | None) -> str:
    """The estimate of a joint, and the body's joint."""
    text = f"{joint_name(joint)}: estimated to {sigma[0]:.0f} px"
    if PARENTS[joint] >= 0:
        text += f", foreshortening {estimated[2]:+.2f} ± {sigma[1]:.2f}"
    if body is None:
        return text
    text += f" · body {math.dist(estimated[:2], body[:2]):.0f} px off"
    return text + (f", foreshortening {body[2]:+.2f}" if PARENTS[joint] >= 0 else "")


def joint_name(joint: int) -> str:
    """Its name in words: "left wrist" for "l_wrist"."""
    return joint_words(JOINT_NAMES[joint])


def paint_lines(lines: list[str], size: Point, at: Point, below: float = 0.0) -> None:
    """Lines at the end of the panel that is farther from a point.

    Args:
        below: pixels at the panel's top that are taken.
    """
    tall = LINE * len(lines) + px(8)
    top = size[1] - tall if at[1] < size[1] / 2 else below
    ground = (0, top), (size[0], top + tall)
    dpg.draw_rectangle(*ground, color=(0, 0, 0, 0), fill=(*theme.WELL[:3], 220))
    for i, line in enumerate(lines):
        place = px(8), top + px(3) + i * LINE
        dpg.draw_text(place, line, size=theme.SMALL_SIZE, color=theme.TEXT)


def strength(spread: float) -> float:
    """Share of its colour that a joint of this many screen pixels of sigma keeps."""
    position = (math.log(max(spread, 1e-3)) - math.log(SURE)) / math.log(LOST / SURE)
    return 1 - 0.8 * min(max(position, 0.0), 1.0)
