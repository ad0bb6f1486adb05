"""The part of the table of actions that is about the window: layouts, panels, looks."""

from __future__ import annotations

from collections.abc import Callable

from app.action import Action, Host
from app.geometry.layout import BARS, PANELS
from app.session import Session
from app.view import LINKED, SMOOTH

TOGGLED = {
    "photo": "photo and body",
    "observed": "observed features",
    "rendered": "rendered features",
    "loss": "loss by term",
    "occlusion": "occlusion z",
    "body": "body in 3D",
    "timeline": "timeline",
    "strip": "strip of photos",
}
"""Panels and bars that can be hidden, in words."""


def _toggling(name: str) -> Callable[[Host], None]:
    return lambda host: host.send(host.session.toggle_panel(name))


def _showing(name: str) -> Callable[[Session], bool]:
    return lambda session: name not in session.view.layout.hidden


def _can_hide(name: str) -> Callable[[Session], bool]:
    return lambda session: session.view.layout.panels != (name,)


def _switching(look: str) -> Callable[[Host], None]:
    return lambda host: host.send(host.session.toggle_look(look))


def _switched(look: str) -> Callable[[Session], bool]:
    return lambda session: look in session.view.looks


VIEW_ACTIONS = (
    Action(
        "palette",
        "All commands",
        ("Ctrl+Shift+P", "F4"),
        "find any command by its name, and run it",
        lambda host: host.show_palette(),
    ),
    Action(
        "largest",
        "Largest",
        ("F11",),
        "make the panel under the mouse the largest, or all again",
        lambda host: host.enlarge(),
        on=lambda session: bool(session.view.largest),
        more="A double click on a panel's title does the same.",
    ),
    Action(
        "other panels",
        "Other panels",
        ("F5",),
        "show the panels for which there is no room",
        lambda host: host.send(host.session.turn_panels()),
    ),
    Action(
        "next layout",
        "Next layout",
        ("F6",),
        "another layout of the panels",
        lambda host: host.send(host.session.next_layout()),
    ),
    Action(
        "keep layout",
        "Keep layout",
        ("F7",),
        "keep the layout under a name; forget it",
        lambda host: host.ask_for_layout(),
    ),
    Action(
        "forget layout",
        "Forget layout",
        ("F8",),
        "keep the layout under a name; forget it",
        lambda host: host.send(host.session.forget_layout()),
        enabled=lambda session: session.view.layout_name in session.view.own_layouts,
    ),
    *(
        Action(
            f"panel {name}",
            f"Panel: {TOGGLED[name]}",
            (f"Ctrl+F{number}",),
            "hide or show a panel, the timeline, the strip",
            _toggling(name),
            enabled=_can_hide(name),
            on=_showing(name),
        )
        for number, name in enumerate((*PANELS, *BARS), 1)
    ),
    Action(
        "theme",
        "Light or dark",
        ("F9",),
        "light or dark colours",
        lambda host: host.send(host.session.toggle_theme()),
        on=lambda session: session.view.light,
    ),
    Action(
        "person",
        "Zoom to person",
        ("Z",),
        "zoom to the person",
        lambda host: host.show_person(),
        enabled=lambda session: session.record is not None,
    ),
    Action(
        "link",
        "Link zoom",
        ("Ctrl+L",),
        "zoom maps with the photo, or leave them whole",
        _switching(LINKED),
        on=_switched(LINKED),
    ),
    Action(
        "smooth",
        "Smooth maps",
        ("Ctrl+M",),
        "smooth maps, or sharp cells",
        _switching(SMOOTH),
        on=_switched(SMOOTH),
    ),
    Action(
        "tour",
        "Tour",
        ("F3",),
        "a tour of the window in six steps",
        lambda host: host.toggle_tour(),
    ),
)
