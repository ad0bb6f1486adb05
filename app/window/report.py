"""What the window is doing, for tests and bug reports."""

from __future__ import annotations

import dearpygui.dearpygui as dpg

from app.actions import with_keys
from app.geometry.plane import Rect
from app.panels.controls import BUTTONS
from app.panels.help import SHEET as HELP_SHEET
from app.view import JOINTS
from app.window.glfw import native_window
from app.window.window import Window
from core.io.records import plain


def report(window: Window) -> dict[str, object]:
    """The window's state, ready for JSON."""
    session, clock = window.session, window.clock
    return {
        "window": native_window(),
        "size": window.size,
        "phase": session.phase.name,
        "message": with_keys(session.message.text),
        "banner": with_keys(session.banner),
        "level": session.message.level.value,
        "photo": session.image.name if session.image else None,
        "box": session.scene.box if session.scene else None,
        "draft": window.photo.draft,
        "image": session.view.image,
        "run": session.view.key[1] if session.view.key else None,
        "runs": list(session.document.keys),
        "steps": session.steps,
        "planned": session.planned,
        "shown": session.view.step,
        "best": session.best,
        "opacity": session.view.opacity,
        "painted": session.painted.step if session.painted else None,
        "settled": window.settled,
        "orbit": [session.view.orbit.yaw, session.view.orbit.pitch, session.view.orbit.zoom],
        "joints": JOINTS in session.view.overlays,
        "joint": window.photo.joint,
        "people": [person.box for person in session.people],
        "under": window.photo.under,
        "album": {i.name: session.state_of(i).value for i in session.album.sorted},
        "strip": _strip_of(window),
        "why": session.view.why,
        "probed": session.probed.answer.words.lines if session.probed else None,
        "view": [window.photo.view.scale, *window.photo.view.offset],
        "layout": session.view.layout_name,
        "largest": session.view.largest,
        "places": window.desk.places,
        "maps": {m.name: [m.view.scale, *m.view.offset] for m in window.maps},
        "panels": {name: panel.area for name, panel in window.panels.items()},
        "cells": window.photo.cells,
        "buttons": {name: _rect_of(name) for name in BUTTONS},
        "files": _files_of(window),
        "autosaved": session.image.autosaved if session.image else "",
        "lanes": window.timeline.lanes(session),
        "labels": {n: r.label for n, r in session.image.runs.items()} if session.image else {},
        "other": session.view.other,
        "edit": _edit_of(window),
        "occluders": plain(session.occluders),
        "chosen": session.view.chosen,
        "tool": session.view.tool,
        "previewed": session.previewed is not None,
        "found": session.painted.found if session.painted else None,
        "occlude": _occlude_of(window),
        "palette": _palette_of(window),
        "tour": _tour_of(window),
        "overlays": sorted(session.view.overlays),
        "split": session.view.split,
        "shift": session.view.orbit.shift,
        "point": window.photo.point,
        "help": _rect_of(HELP_SHEET) if window.help.shown else None,
        "loss": {
            "plot": window.loss.plot,
            "bands": window.loss.bands(session),
            "hidden": window.loss.hidden(session),
            "window": window.loss.window(session),
        },
        "worker": window.link.process.pid,
        "turns": window.turns,
        "frames": clock.frames,
        "awake": clock.awake,
        "busy_frames": clock.busy_frames,
        "frame_ms": round(1000 * clock.median, 1),
        "worst_ms": round(1000 * clock.worst, 1),
        "worst_busy_ms": round(1000 * clock.worst_busy, 1),
        "worst_cpu_ms": round(1000 * clock.worst_cpu, 1),
    }


def _strip_of(window: Window) -> dict[str, Rect]:
    """Where the photos in sight are in the window."""
    area, cells = window.strip.area, window.strip.cells(window.session)
    named = {item.image: item.name for item in window.session.album.items}
    return {
        named[image]: Rect(area.x + cell.x, area.y + cell.y, cell.width, cell.height)
        for image, cell in cells.items()
    }


def _files_of(window: Window) -> dict[str, object] | None:
    """The file dialog: its folder, the chosen name, and where its rows are; None while hidden."""
    files = window.files
    if not files.shown:
        return None
    chooser = files.chooser
    rows = zip(chooser.entries, files.rows, strict=True)
    return {
        "folder": str(chooser.folder),
        "chosen": chooser.entries[chooser.chosen].name if chooser.entries else None,
        "rows": {entry.name: _rect_of(row) for entry, row in rows},
    }


def _edit_of(window: Window) -> dict[str, Rect] | None:
    """Where the fields and buttons of the edit dialog are; None while hidden."""
    editing = window.editing
    return {name: _rect_of(name) for name in editing.items} if editing.shown else None


def _occlude_of(window: Window) -> dict[str, Rect] | None:
    """Where the buttons of the dialog of occluders are; None while hidden."""
    items = window.occluding.items
    return {name: _rect_of(name) for name in items} if window.occluding.shown else None


def _palette_of(window: Window) -> dict[str, object] | None:
    """The commands that are listed, and whether letters reach it; None while hidden."""
    palette = window.palette
    if not palette.shown:
        return None
    return {"found": [entry.label for entry in palette.found], "typing": palette.typing}


def _tour_of(window: Window) -> dict[str, object] | None:
    """The step of the tour, and where its buttons are; None while there is none."""
    tour = window.tour
    if not tour.shown:
        return None
    return {"step": tour.tour.number, **{name: _rect_of(name) for name in tour.items}}


def _rect_of(item: int | str) -> Rect:
    """Where an item lies in the window."""
    state = dpg.get_item_state(item)
    x, y = state.get("rect_min") or state["pos"]
    width, height = dpg.get_item_rect_size(item)
    return Rect(x, y, width, height)
