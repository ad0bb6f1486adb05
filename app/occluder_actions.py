"""What the user can do with occluders, for the table of `app.actions`."""

from __future__ import annotations

from collections.abc import Callable

from app.action import Action, Host
from app.session import Session
from app.view import HITS

TOOLS = (
    ("rectangle", "Rectangle", "A", "rectangle", "a rectangle"),
    ("ellipse", "Ellipse", "D", "ellipse", "an ellipse"),
    ("polygon", "Polygon", "P", "polygon", "a polygon, corner by corner, to the first one again"),
    ("brush", "Brush", "V", "stroke", "a stroke of the brush"),
)
"""Tools of occluders: name, label, key, kind of the shape, and what one draws."""


def _taking(kind: str) -> Callable[[Host], None]:
    return lambda host: host.send(host.session.take(kind))


def _holding(kind: str) -> Callable[[Session], bool]:
    return lambda session: session.view.tool == kind


OCCLUDER_ACTIONS = (
    Action(
        "occlude",
        "Occluders",
        ("K",),
        "put something before the person",
        lambda host: host.occlude(),
        enabled=lambda session: session.record is not None,
        tip="Put something before the person, and see whether the fit notices",
    ),
    *(
        Action(
            name,
            label,
            (key,),
            "draw occluders: rectangle, ellipse, polygon, brush",
            _taking(kind),
            enabled=lambda session: session.record is not None,
            tip=f"Draw on the photo: {words}",
            more="A drag that begins on the chosen one moves, turns or stretches it.",
            on=_holding(kind),
        )
        for name, label, key, kind, words in TOOLS
    ),
    Action(
        "next fill",
        "Next fill",
        ("I",),
        "another fill of the occluder",
        lambda host: host.send(host.session.next_fill()),
        enabled=lambda session: session.record is not None,
    ),
    Action(
        "switch",
        "On / off",
        ("H",),
        "switch the chosen occluder off or on",
        lambda host: host.send(host.session.switch()),
        enabled=lambda session: session.can_change,
    ),
    Action(
        "raise occluder",
        "Raise",
        ("U",),
        "put the chosen occluder over the next one",
        lambda host: host.send(host.session.raise_occluder()),
        enabled=lambda session: session.can_change and len(session.occluders) > 1,
    ),
    Action(
        "turn occluder",
        "Turn",
        ("T",),
        "turn the chosen occluder (Shift: back)",
        lambda host: host.send(host.session.turn_occluder(1 if host.stride() == 1 else -1)),
        enabled=lambda session: session.can_change,
    ),
    Action(
        "delete occluder",
        "Delete",
        ("Backspace",),
        "take the chosen occluder away",
        lambda host: host.send(host.session.delete_occluder()),
        enabled=lambda session: session.can_change,
    ),
    Action(
        "copy occluders",
        "Copy",
        ("Ctrl+C",),
        "copy the occluders, and put them before another image",
        lambda host: host.send(host.session.carry()),
        enabled=lambda session: bool(session.occluders),
        tip="Copy all occluders of the image",
    ),
    Action(
        "put occluders",
        "Put",
        ("Ctrl+B",),
        "copy the occluders, and put them before another image",
        lambda host: host.send(host.session.put()),
        enabled=lambda session: session.can_put,
        tip="Put the copied occluders before this image",
    ),
    Action(
        "save occluders",
        "Save set",
        ("Ctrl+E",),
        "save the occluders as a set, which can be dropped on a photo",
        lambda host: host.save_occluders(),
        enabled=lambda session: bool(session.occluders),
        more="Also for nbf fit --occluders.",
    ),
    Action(
        "picture",
        "Picture…",
        ("Ctrl+P",),
        "fill the occluder with a picture",
        lambda host: host.ask_for_picture(),
        enabled=lambda session: session.record is not None,
        more="It may be transparent in parts.",
    ),
    Action(
        "from step",
        "From this step",
        ("Q",),
        "new occluders: go on from the step on screen, or from the start again",
        lambda host: host.send(host.session.choose_start()),
        enabled=lambda session: session.record is not None,
        on=lambda session: session.view.from_step,
    ),
    Action(
        "hits",
        "Hits and misses",
        ("M",),
        "show where z finds the occluders, misses them, or is wrong",
        lambda host: host.send(host.session.toggle_overlay(HITS)),
        enabled=lambda session: session.record is not None,
        on=lambda session: HITS in session.view.overlays,
    ),
)
