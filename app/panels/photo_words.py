"""Words about the photo: the note, what is under the mouse, and the banner across the top."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.panels import text
from app.panels.handles import truth_summary, truth_words
from app.panels.joints import LINE, certainty_words, joint_text, paint_lines
from app.panels.marks import point_text
from app.panels.votes import drawn_points
from app.protocol.scene import Joint
from app.session import Session
from app.view import BOX, JOINTS, POSE


def summary(session: Session) -> str:
    """Size of the photo, and where the box came from."""
    scene = session.scene
    if scene is None:
        return ""
    who = f", person {session.person + 1} of {len(session.people)}" if session.person else ""
    found = ("found" if scene.person else "nobody found") if scene.detected else "given"
    box = scene.box
    size = f"{scene.size[0]} × {scene.size[1]} px"
    if session.view.tool == POSE:
        size = f"a drag {'wishes' if session.view.soft else 'moves'} a joint · {size}"
    elif session.view.tool != BOX:
        size = f"a drag draws: {session.view.tool} · {size}"
    if truth := truth_summary(session):
        return f"{truth} · {size}"
    points = f" · points: {', '.join(scene.detectors)}" if scene.detectors else ""
    return f"{size} · box {box.width:.0f} × {box.height:.0f}, {found}{who}{points}"


def paint_words(
    view: View,
    session: Session,
    joint: int | None,
    point: tuple[int, int] | None,
    size: Point,
    width: text.Measure,
    below: float = 0.0,
) -> None:
    """Words about the joint, or else the detected point, under the mouse.

    Args:
        point: number of the source, and of the point in it.
        size: of the panel's drawing area, screen pixels.
        below: pixels at its top that are taken.
    """
    if joint is not None:
        words, place = joint_words_at(session, joint)
    elif point is not None:
        found = drawn_points(session)
        words, place = point_text(found, point), found[point[0]].places[point[1]]
    else:
        return
    paint_lines(text.wrapped(words, size[0] - px(16), width), size, view.to_panel(place), below)


def drawn_joints(session: Session) -> list[tuple[Joint, ...]]:
    """Where each joint is drawn: as it is estimated, and on the body."""
    scene, pictured = session.scene, session.pictured
    if scene is None or JOINTS not in session.view.overlays:
        return []
    if pictured is None or len(pictured.joints) != len(scene.estimated_joints):
        return [(joint,) for joint in scene.estimated_joints]
    return list(zip(scene.estimated_joints, pictured.joints, strict=True))


def joint_words_at(session: Session, joint: int) -> tuple[str, Point]:
    """What is known of a joint, and where it is estimated in the image."""
    scene, body = session.scene, session.pictured.joints if session.pictured else ()
    assert scene is not None
    there = body[joint] if body else None
    known = session.pictured.certainty if session.pictured else ()
    estimated = scene.estimated_joints[joint]
    words = joint_text(joint, estimated, scene.sigmas[joint], there)
    words += certainty_words(known[joint] if joint < len(known) else None)
    return words + truth_words(session, joint), estimated[:2]


def paint_banner(words: str, size: Point, width: text.Measure) -> float:
    """Words across the top that stay, on as many lines as they need; the height that they take."""
    if not words:
        return 0.0
    lines = text.wrapped(words, size[0] - px(20), width)
    height = LINE * len(lines) + px(8)
    dpg.draw_rectangle((0, 0), (size[0], height), color=theme.BOX, fill=theme.WARN)
    for i, line in enumerate(lines):
        dpg.draw_text((px(10), px(3) + i * LINE), line, size=theme.SMALL_SIZE, color=theme.TEXT)
    return height
