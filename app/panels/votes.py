"""What each detector says about the points over the photo, and which colour is whose."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app import theme
from app.geometry.plane import Point, View
from app.geometry.units import px
from app.panels.joints import LINE, Color, strength
from app.panels.text import Measure
from app.protocol.scene import FoundPoints, ImageScene
from app.session import Session
from app.view import POINTS, VOTES

COLORS: tuple[Color, ...] = (
    *((60, 230, 255), (40, 150, 255)),
    *((255, 236, 50), (255, 150, 30)),
    *((255, 80, 200), (190, 90, 255)),
    (120, 255, 120),
)
"""Of the looks, in their order, the two of one network alike; over any photo, light or dark."""
ELECTED: Color = (255, 255, 255)
DOT, CROSS, GAP = px(4), px(4), px(6)
HEAVIEST = 0.55
"""Weight of a vote that is drawn fully."""


def drawn_points(session: Session) -> tuple[FoundPoints, ...]:
    """The points and votes that are drawn, which the mouse can point at."""
    scene, overlays = session.scene, session.view.overlays
    if scene is None:
        return ()
    return (scene.points if POINTS in overlays else ()) + (scene.votes if VOTES in overlays else ())


def paint_votes(view: View, scene: ImageScene) -> None:
    """A dot for each vote with a circle of its sigma, tied to the point that was elected.

    The less a vote weighs, the fainter it is. A cross is where the point is that is fitted.
    """
    elected = _elected(scene)
    for color, votes in zip(COLORS, scene.votes, strict=False):
        rows = zip(votes.names, votes.places, votes.sigmas, votes.weights, strict=True)
        for name, place, sigma, weight in rows:
            middle, radius = view.to_panel(place), (sigma or 0.0) * view.scale
            strong = min(weight / HEAVIEST, 1.0)
            if name in elected:
                there = view.to_panel(elected[name])
                dpg.draw_line(middle, there, color=(*color, int(90 + 165 * strong)), thickness=1)
            rim = (*color, int(80 + 150 * strong * strength(radius)))
            dpg.draw_circle(middle, radius, color=rim)
            dot = (*color, int(90 + 165 * strong))
            dpg.draw_circle(middle, DOT, color=(0, 0, 0, 160), fill=dot)
    for place in elected.values():
        x, y = view.to_panel(place)
        for ends in (((x - CROSS, y), (x + CROSS, y)), ((x, y - CROSS), (x, y + CROSS))):
            dpg.draw_line(*ends, color=(0, 0, 0, 200), thickness=px(3))
            dpg.draw_line(*ends, color=(*ELECTED, 255), thickness=1)


def _elected(scene: ImageScene) -> dict[str, Point]:
    """The points that were voted for, by name."""
    voted = {name for votes in scene.votes for name in votes.names}
    fused = scene.points[0] if scene.points else None
    pairs = zip(fused.names, fused.places, strict=True) if fused is not None else ()
    return {name: place for name, place in pairs if name in voted}


def paint_legend(scene: ImageScene, size: Point, width: Measure) -> None:
    """The detectors by colour, and the cross of what they elect, in the lower left corner."""
    names = [(color, votes.source) for color, votes in zip(COLORS, scene.votes, strict=False)]
    rows = [*names, (ELECTED, "fitted point")] if names else [(ELECTED, "nobody votes here")]
    wide = max(width(words) for _, words in rows) + 4 * GAP
    top = size[1] - LINE * len(rows) - GAP
    ground = (GAP, top - GAP / 2), (GAP + wide, size[1] - GAP / 2)
    dpg.draw_rectangle(*ground, color=theme.CLEAR, fill=(*theme.WELL[:3], 210))
    for row, (color, words) in enumerate(rows):
        y = top + LINE * row
        middle = (3 * GAP - GAP / 2, y + LINE / 2)
        shade = color if color != ELECTED else theme.TEXT[:3]
        dpg.draw_circle(middle, DOT + 1, color=(0, 0, 0, 160), fill=(*shade, 255))
        dpg.draw_text((4 * GAP, y + px(2)), words, size=theme.SMALL_SIZE, color=theme.TEXT)
