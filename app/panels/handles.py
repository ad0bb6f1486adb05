"""The body's joints as handles to drag, and wishes: on the photo and in three dimensions."""

from __future__ import annotations

import math

import dearpygui.dearpygui as dpg
import numpy as np
from jaxtyping import Float

from app import theme
from app.geometry.errors import errors_mm, errors_px
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.panels.joints import joint_name, side_color
from app.protocol.events import TurnedBody
from app.session import Session
from core.body.names import JOINT_NAMES, PARENTS

HANDLE, CROSS, SQUARE = px(5), px(6), px(3)  # screen pixels
GRASP = px(14)
"""Screen pixels within which the mouse takes hold of a joint."""


def paint_handles(places: list[Point], held: int | None, limbs: bool = True) -> None:
    """A ring for each joint, filled for the one that is held, and the bones between them.

    Args:
        places: of the joints in the panel.
    """
    for joint, place in enumerate(places):
        color = side_color(JOINT_NAMES[joint])
        parent = PARENTS[joint]
        if limbs and 0 <= parent < len(places):
            dpg.draw_line(places[parent], place, color=(*color, 110), thickness=2)
    for joint, place in enumerate(places):
        color = side_color(JOINT_NAMES[joint])
        fill = (*color, 255) if joint == held else (20, 24, 30, 200)
        dpg.draw_circle(place, HANDLE, color=(*color, 255), fill=fill, thickness=2)


def paint_wishes(view: View, session: Session) -> None:
    """A cross where each wish is, a circle of its sigma, and a line from the joint."""
    joints = session.pictured.joints if session.pictured is not None else ()
    for wish in session.wishes:
        x, y = view.to_panel((wish.x, wish.y))
        number = JOINT_NAMES.index(wish.joint)
        if number < len(joints):
            there = view.to_panel(joints[number][:2])
            dpg.draw_line(there, (x, y), color=theme.BOX, thickness=1)
        for dx, dy in ((CROSS, CROSS), (CROSS, -CROSS)):
            dpg.draw_line((x - dx, y - dy), (x + dx, y + dy), color=theme.BOX, thickness=2)
        dpg.draw_circle((x, y), wish.sigma * view.scale, color=(*theme.BOX[:3], 140))


def truth_errors(session: Session) -> tuple[list[float], list[float]] | None:
    """Errors of the joints on screen in mm and in px, NaN for unknown ones; None without truth."""
    truth, painted, turned = session.truth, session.painted, session.turned
    if truth is None or painted is None or not painted.joints:
        return None
    if turned is None or len(turned.joints) != len(truth.places):
        return None
    body, true = ([joint[:2] for joint in joints] for joints in (painted.joints, truth.joints))
    return errors_mm(turned.joints, truth.places).tolist(), errors_px(body, true).tolist()


def truth_summary(session: Session) -> str:
    """The mean error and the worst joint, in mm if these are known; empty without truth."""
    for errors, unit in zip(truth_errors(session) or (), ("mm", "px"), strict=False):
        known = {joint: error for joint, error in enumerate(errors) if math.isfinite(error)}
        if known:
            worst = max(known, key=known.__getitem__)
            mean = sum(known.values()) / len(known)
            return f"truth: {mean:.0f} {unit} off, {joint_name(worst)} {known[worst]:.0f} {unit}"
    return ""


def truth_words(session: Session, joint: int) -> str:
    """How far one joint is off; empty where that is not known."""
    errors = truth_errors(session)
    told = zip(errors or (), ("mm", "px"), strict=False)
    words = [f"{e[joint]:.0f} {unit}" for e, unit in told if math.isfinite(e[joint])]
    return f" · truth {', '.join(words)} off" if words else ""


def paint_truth(view: View, session: Session) -> None:
    """A square at each true joint, tied to the body's."""
    body = session.pictured.joints if session.pictured is not None else ()
    for joint, there in enumerate(session.truth.joints if session.truth is not None else ()):
        if not math.isfinite(there[0]):
            continue
        x, y = view.to_panel(there[:2])
        if joint < len(body):
            dpg.draw_line(view.to_panel(body[joint][:2]), (x, y), color=theme.GOOD, thickness=1)
        low, high = (x - SQUARE, y - SQUARE), (x + SQUARE, y + SQUARE)
        dpg.draw_rectangle(low, high, color=theme.GOOD, fill=theme.GOOD)


def joints_in_panel(turned: TurnedBody, width: float) -> Float[np.ndarray, "joints 2"]:
    """Where the body's panel of a width shows the joints."""
    view = turned.view
    seen = view.orbit.see(np.array(turned.joints).reshape(-1, 3), np.array(turned.middle))
    return view.orbit.project(seen, view.width, view.height) * (width / view.width)


def place_at(
    turned: TurnedBody, width: float, joint: int, point: Point
) -> tuple[float, float, float]:
    """The place under a point of the body's panel, as far from the eye as a joint is."""
    view, middle = turned.view, np.array(turned.middle)
    depth = view.orbit.see(np.array([turned.joints[joint]]), middle)[0, 2]
    pixel = np.array(point) * (view.width / width) - np.array([view.width, view.height]) / 2
    seen = np.array([*(pixel / view.orbit.focal(view.height) * depth), depth])
    # `Orbit.see` backwards
    x, y, z = (seen - [0.0, 0.0, view.orbit.distance]) @ view.orbit.rotation + middle
    return float(x), float(y), float(z)
