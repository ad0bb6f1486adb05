"""What the window is doing, for tests and bug reports."""

from __future__ import annotations

from app.actions import with_keys
from app.geometry.plane import Rect
from app.panels.dialog import SideDialog
from app.panels.files import NAME
from app.panels.handles import joints_in_panel, truth_summary
from app.panels.help import SHEET as HELP_SHEET
from app.panels.items import item_rect
from app.panels.timeline import PLAY
from app.view import JOINTS
from app.window.glfw import native_window
from app.window.window import Window
from core.io.records import plain


def report(window: Window) -> dict[str, object]:
    """The window's state, ready for JSON."""
    session, clock, dialogs = window.session, window.clock, window.dialogs
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
        "unseen": session.pictured.unseen if session.pictured else [],
        "people": [person.box for person in session.people],
        "under": window.photo.under,
        "album": {i.name: session.state_of(i).value for i in session.album.sorted},
        "strip": _strip_of(window),
        "order": session.album.order.value,
        "why": session.view.why,
        "probed": session.probed.answer.words.lines if session.probed else None,
        "view": [window.photo.view.scale, *window.photo.view.offset],
        "layout": session.view.layout_name,
        "largest": session.view.largest,
        "places": window.desk.places,
        "maps": {m.name: [m.view.scale, *m.view.offset] for m in window.maps},
        "panels": {name: panel.area for name, panel in window.panels.items()},
        "cells": window.photo.cells,
        "buttons": {name: item_rect(name) for name in window.controls.buttons},
        "files": _files_of(window),
        "autosaved": session.image.autosaved if session.image else "",
        "lanes": window.timeline.lanes(session),
        "labels": {n: r.label for n, r in session.image.runs.items()} if session.image else {},
        "other": session.view.other,
        "edit": _items_of(dialogs.editing),
        "occluders": plain(session.occluders),
        "chosen": session.view.chosen,
        "tool": session.view.tool,
        "previewed": session.previewed is not None,
        "found": session.painted.found if session.painted else None,
        "palette": _palette_of(window),
        "tour": _tour_of(window),
        "overlays": sorted(session.view.overlays),
        "split": session.view.split,
        "shift": session.view.orbit.shift,
        "point": window.photo.point,
        "occlude": _items_of(dialogs.occluding),
        "pose": _pose_of(window),
        "truth": truth_summary(session),
        "search": _search_of(window),
        "time": _items_of(dialogs.time),
        "apart": _items_of(dialogs.apart),
        "apart rows": dialogs.apart.rows,
        "export": _items_of(dialogs.exporting.dialog),
        "play": offset(PLAY, window.timeline.area),
        "plays": session.view.play.steps.on,
        "pictured": session.pictured.run if session.pictured else None,
        "bookmarks": session.record.bookmarks if session.record else {},
        "target": plain(session.view.target),
        "help": item_rect(HELP_SHEET) if window.help.shown else None,
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
    return {named[image]: offset(cell, area) for image, cell in cells.items()}


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
        "rows": {entry.name: item_rect(row) for entry, row in rows},
        "name": item_rect(NAME) if files.saving else None,
    }


def _items_of(dialog: SideDialog) -> dict[str, Rect] | None:
    """Where the fields and buttons of a dialog are; None while hidden."""
    return {name: item_rect(name) for name in dialog.items} if dialog.shown else None


def _search_of(window: Window) -> dict[str, object]:
    """What is asked piece by piece, how much has come, and where the dialog's items are."""
    there = window.session.searched
    return {
        "asked": window.session.view.inquiry is not None,
        "found": type(there.found).__name__ if there else None,
        "over": there.found.over if there else False,
        "known": there.known if there else 0,
        "items": _items_of(window.dialogs.searching) or {},
    }


def _pose_of(window: Window) -> dict[str, object]:
    """The body by hand: where its joints are, what is drafted, where the fields are."""
    session = window.session
    painted, turned = session.painted, session.turned
    return {
        "joints": [joint[:2] for joint in painted.joints] if painted is not None else [],
        "turned": joints_in_panel(turned, window.body.size[0]).tolist() if turned else [],
        "moves": [move.text for move in session.view.moves],
        "wishes": [wish.text for wish in session.wishes],
        "tried": session.tried is not None,
        "items": _items_of(window.dialogs.posing) or {},
    }


def _palette_of(window: Window) -> dict[str, object] | None:
    """The commands that are listed, and whether letters reach it; None while hidden."""
    palette = window.palette
    if not palette.shown:
        return None
    return {"found": [entry.label for entry in palette.found], "typing": palette.typing}


def _tour_of(window: Window) -> dict[str, object] | None:
    """The step of the tour, and where its buttons are; None while there is none."""
    step, buttons = window.tour.tour.number, _items_of(window.tour)
    return None if buttons is None else {"step": step, **buttons}


def offset(rect: Rect, area: Rect) -> Rect:
    """A rectangle of an area in the window."""
    return rect._replace(x=area.x + rect.x, y=area.y + rect.y)
