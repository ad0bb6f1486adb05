"""The part of the table of actions that is about the window: layouts, panels, looks."""

from __future__ import annotations

from collections.abc import Callable

from app.action import Action, Host
from app.geometry.layout import BARS, PANELS
from app.session import Session
from app.view import CAMERA, KERNELS, LINKED, OTHERS, PARTS, POINTS, SKELETON, SMOOTH, VOTES

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


def _drawing(overlay: str) -> Callable[[Host], None]:
    return lambda host: host.send(host.session.toggle_overlay(overlay))


def _drawn(overlay: str) -> Callable[[Session], bool]:
    return lambda session: overlay in session.view.overlays


VIEW_ACTIONS = (
    Action(
        "palette",
        "All commands",
        ("Ctrl+Shift+P",),
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
        "Smooth pictures",
        ("Ctrl+M",),
        "smooth maps and photo, or sharp cells and pixels (of a photo from 4 times)",
        _switching(SMOOTH),
        on=_switched(SMOOTH),
    ),
    *(
        Action(
            name,
            label,
            (key,),
            hint,
            _drawing(name),
            enabled=lambda session: session.record is not None,
            on=_drawn(name),
        )
        for name, label, key, hint in (
            (
                POINTS,
                "Points",
                "Ctrl+1",
                "the detectors' points, a circle of one sigma around each",
            ),
            (VOTES, "Votes", "Ctrl+9", "what each detector says about the points before they vote"),
            (SKELETON, "Skeleton", "Ctrl+2", "the body's skeleton on the photo"),
            (KERNELS, "Kernels", "Ctrl+3", "the kernels as ellipses of one sigma"),
            (PARTS, "Parts", "Ctrl+4", "the body's limbs in colours"),
            (OTHERS, "Other bodies", "Ctrl+6", "start (grey), best (green), compared run in 3D"),
            (CAMERA, "Camera", "Ctrl+7", "the photo's camera with the photo in 3D"),
        )
    ),
    Action(
        "kernel colours",
        "Kernel colours",
        ("Ctrl+8",),
        "colour the kernels by limb, z or residual",
        lambda host: host.send(host.session.next_kernel_color()),
        enabled=lambda session: session.record is not None,
    ),
    Action(
        "split",
        "Split photo",
        ("Ctrl+5",),
        "the bare photo at the left of a line to drag",
        lambda host: host.send(host.session.toggle_split()),
        enabled=lambda session: session.record is not None,
        on=lambda session: session.view.split is not None,
    ),
    Action(
        "frame",
        "Frame body",
        ("Ctrl+F",),
        "bring the body to the middle of 3D, as large as there is room",
        lambda host: host.send(host.session.frame()),
        enabled=lambda session: session.turned is not None,
    ),
    Action(
        "tour",
        "Tour",
        ("F3",),
        "a tour of the window in six steps",
        lambda host: host.toggle_tour(),
    ),
)
