"""Open the debugger: watch a fit, scrub its steps, see why it fails.

Drop photos or a folder on the window, open or paste a photo, or name them here. Several photos are
fitted one after the other. The ? button shows what mouse and keys do.

Examples:
    nbf app
    nbf app photo.jpg
    nbf app a.jpg b.jpg folder/
    nbf app out/photo/fit.nbf
    nbf app each.csv
    nbf app photo.jpg --bbox 120,40,200,420 --paused
    nbf app photo.jpg --screenshot window.png --after 20
"""

from __future__ import annotations

import contextlib
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

from app.autosave import Autosave
from app.display import check_scale, open_display
from app.geometry.plane import Rect
from app.geometry.units import px, use_scale
from app.panels.folder import to_open
from app.protocol.run import is_record
from app.session import Session
from app.settings import Keeper
from core.assets import cache_dir, config_dir
from core.commands._threads import Threads
from core.errors import UserError
from core.eval.person_rows import is_table, load_rows
from core.io.atomic import check_file_place

LARGEST = 16384
"""Longest side of a window in pixels, which graphics drivers allow at most."""


@dataclass(frozen=True)
class Options:
    """Options of ``nbf app``."""

    images: tyro.conf.Positional[tuple[str, ...]] = ()
    """Photos, records of fits (fit.nbf) and folders of these, or a table of `nbf eval --each`: its
    people, worst first."""
    bbox: str | None = None
    """The person's box in pixels of the photo, x,y,w,h (one photo only); without it the person is
    searched."""
    preset: Literal["frozen", "lite", "paper"] | None = None
    """Network; by default that of --model, or the shipped one."""
    model: Path | None = None
    """A model of your own training instead of the shipped one."""
    weights: tuple[str, ...] = ()
    """Weights of terms in all stages, NAME=VALUE, as for nbf fit."""
    body: Path | None = None
    """SMPL file instead of the embedded body."""
    prior: Path | None = None
    """Pose prior (or VPoser checkpoint) instead of the shipped one."""
    threads: Threads = 0
    paused: bool = False
    """Do not start fitting by itself."""
    screenshot: Path | None = None
    """Save the window to this PNG and exit."""
    after: float = 20.0
    """Seconds of fitting before the screenshot; it comes earlier if the fit is over."""
    size: str = "1400x900"
    """Size of the window in pixels, before it is scaled."""
    scale: float | None = None
    """How large texts and buttons are; without it as the desktop has it (2 at 192 dots an inch)."""
    state: Path | None = None
    """Write what the window is doing to this JSON file, over and over (for tests)."""
    engine: str = "app.engine:load"
    """The function that makes the engine (for tests)."""


def run(options: Options) -> int:
    """Open the window and stay until it is closed.

    Returns:
        0, or 2 if a screenshot was asked for and the photo could not be opened.

    Raises:
        UserError: there is no display, or an option makes no sense.
    """
    size, box = parse_size(options.size), parse_bbox(options.bbox)
    if options.scale is not None:
        check_scale(options.scale)
    paths = parse_images(options.images)
    if options.weights and any(map(is_record, paths)):
        raise UserError("--weights are for photos: a record (fit.nbf) has its own")
    if tables := [path for path in paths if is_table(path)]:
        load_rows(Path(tables[0]))  # one that cannot be read is told of before the window opens
    if box is not None and tables:
        raise UserError("--bbox is for one photo: a table has its own boxes")
    if box is not None and len(paths) > 1:
        raise UserError(f"--bbox is for one photo, and these are {len(paths)}: name one")
    check_screenshot(options.screenshot)
    found = open_display()  # before these: Dear PyGui ends the process without a display
    use_scale(found if options.scale is None else options.scale)
    from app.automation import Automation
    from app.link import Link
    from app.window.tables import open_files
    from app.window.window import Window

    autosave = Autosave(cache_dir() / "sessions")
    orphan = autosave.orphan()
    session = Session(
        auto_run=not options.paused,
        autosave=str(autosave.path),
        orphan="" if orphan is None else str(orphan),
    )
    keeper = Keeper(config_dir() / "settings.json", session)
    keeper.load()
    if paths:
        open_files(session, paths, box)
    names = ("preset", "model", "body", "prior", "weights", "threads")
    link = Link(options.engine, {name: getattr(options, name) for name in names})
    window = Window(session, link, (min(px(size[0]), LARGEST), min(px(size[1]), LARGEST)))
    automation = Automation(window, options.screenshot, options.after, options.state)
    window.on_toured = keeper.tell_of_tour
    scripted = options.state is not None or options.screenshot is not None
    if keeper.due and not scripted:
        window.toggle_tour()

    def after_turn() -> bool:
        keeper.keep_soon()
        return automation.after_turn()

    crashed = True
    try:
        with contextlib.suppress(KeyboardInterrupt):
            window.run(after_turn, automation.nap)
        crashed = False
    except SystemExit:  # SIGTERM
        crashed = False
        raise
    finally:
        window.close()
        keeper.keep()
        if not crashed:
            autosave.clear(session.saved_orphan)
    return automation.exit_code


def parse_images(paths: tuple[str, ...]) -> list[str]:
    """The files that paths name, those in folders too.

    Raises:
        UserError: a folder holds nothing that can be opened.
    """
    files, empty = to_open(paths)
    if empty:
        raise UserError(
            f"{empty[0]} holds nothing that can be opened: name photos, or their folder"
        )
    return files


def parse_size(text: str) -> tuple[int, int]:
    """Read ``WIDTHxHEIGHT``.

    Raises:
        UserError: it is something else, or too small to show anything.
    """
    match = re.fullmatch(r"(\d{1,5})[x×](\d{1,5})", text.strip())
    if match is None:
        raise UserError(f"window size {text!r} is not WIDTHxHEIGHT, such as 1400x900")
    width, height = int(match[1]), int(match[2])
    if width < 640 or height < 480:
        raise UserError(f"window size {text} is too small: take 640x480 or more")
    if max(width, height) > LARGEST:
        raise UserError(f"window size {text} is larger than screens: take up to {LARGEST} pixels")
    return width, height


def parse_bbox(text: str | None) -> Rect | None:
    """Read ``x,y,w,h``; the photo is not known yet, so the worker checks the position.

    Raises:
        UserError: not four numbers.
    """
    if text is None:
        return None
    from core.io.boxes import parse_box

    box = parse_box(text)
    return Rect(box.x, box.y, box.width, box.height)


def check_screenshot(path: Path | None) -> None:
    """Refuse a screenshot that cannot be written, before the window opens.

    Raises:
        UserError: it does not end in .png, or its folder cannot be written to.
    """
    if path is None:
        return
    if path.suffix.lower() != ".png" or path.is_dir():
        raise UserError(f"screenshot {path} is not the name of a PNG file, such as window.png")
    check_file_place(path)


def cli() -> int:
    """``python -m app``: the same without an installation."""
    from core.cli import main
    from core.commands import Command

    return main(["app", *sys.argv[1:]], {"app": Command("app", "app.main")})
