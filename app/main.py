"""``nbf app``: open the debugger."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.geometry2d import Rect
from app.session import Level, Phase, Session
from core.errors import UserError
from core.io.atomic import write_atomic

if TYPE_CHECKING:
    from app.window import Window

ENGINE = "app.engine:load"
PATIENCE = 180.0  # seconds that a screenshot waits for the photo to be observed


@dataclass(frozen=True)
class AppOptions:
    """Options of the debugger.

    Attributes:
        image: photo to open.
        box: the person's box in pixels of the photo.
        run: start fitting as soon as a photo is open.
        screenshot: save the window to this PNG and exit.
        after: seconds of fitting before the screenshot; it comes earlier if the fit is over.
        size: width and height of the window.
        engine: ``module:function`` that makes the engine.
        engine_options: keyword arguments of that function.
        state: write what the window is doing to this JSON file, over and over (for tests).
    """

    image: str | None = None
    box: Rect | None = None
    run: bool = True
    screenshot: Path | None = None
    after: float = 20.0
    size: tuple[int, int] = (1400, 900)
    engine: str = ENGINE
    engine_options: dict[str, Any] = field(default_factory=dict)
    state: Path | None = None


def run(options: AppOptions) -> int:
    """Open the window and stay until it is closed.

    Returns:
        0, or 2 if a screenshot was asked for and the photo could not be fitted.

    Raises:
        UserError: there is no display.
    """
    check_display()
    from app.link import Link
    from app.window import Window  # after the display: Dear PyGui ends the process without one

    session = Session(auto_run=options.run)
    if options.image is not None:
        session.open(options.image, options.box)
    link = Link(options.engine, options.engine_options)
    window = Window(session, link, options.size)
    errand = Errand(window, options)
    try:
        window.run(errand.after_frame)
    except KeyboardInterrupt:
        pass
    finally:
        window.close()
    return errand.exit_code


def check_display() -> None:
    """Refuse politely where no window can open.

    Raises:
        UserError: X11 or Wayland cannot be reached.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import ctypes.util

    advice = "use `nbf fit` without one, or xvfb-run"
    if not os.environ.get("DISPLAY"):
        raise UserError(f"no display (DISPLAY is not set) for the window; {advice}")
    name = ctypes.util.find_library("X11")
    if name is None:
        raise UserError("libX11 is missing; install it (Debian: apt-get install libx11-6)")
    x11 = ctypes.CDLL(name)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    display = x11.XOpenDisplay(None)
    if not display:
        raise UserError(f"display {os.environ['DISPLAY']} cannot be opened; {advice}")
    x11.XCloseDisplay(display)


@dataclass
class Errand:
    """What the command line wants besides the window: a screenshot, a file with the state."""

    window: Window
    options: AppOptions
    exit_code: int = 0
    _began: float = field(default_factory=time.monotonic)
    _fitting_since: float | None = None
    _shot_asked: bool = False
    _state_written: float = 0.0

    def after_frame(self) -> bool:
        """Called after each frame; False closes the window."""
        now = time.monotonic()
        if self.options.state is not None and now - self._state_written > 0.1:
            self._state_written = now
            self._write_state(self.options.state)
        if self.options.screenshot is None:
            return True
        return self._towards_screenshot(self.options.screenshot, now)

    def _towards_screenshot(self, path: Path, now: float) -> bool:
        """Wait, shoot, and stop when the file is there."""
        part = path.with_name(f".{path.stem}.part.png")
        if self._shot_asked:
            if not part.is_file() or part.stat().st_size == 0:
                return True
            part.replace(path)
            return False
        if self._is_time(now):
            from app.window import save_screenshot

            path.parent.mkdir(parents=True, exist_ok=True)
            save_screenshot(part)
            self._shot_asked = True
        return True

    def _is_time(self, now: float) -> bool:
        """Whether the picture that was asked for is on screen, or never will be."""
        session = self.window.session
        failed = session.message.level is Level.ERROR
        if failed or (session.scene is None and now - self._began > PATIENCE):
            self.exit_code = 2
            print(session.message.text, file=sys.stderr)
            return True
        if session.scene is None:
            return session.phase is Phase.EMPTY and now - self._began > self.options.after
        if self._fitting_since is None:
            self._fitting_since = now
        over = session.phase is Phase.DONE or now - self._fitting_since > self.options.after
        return over and session.settled

    def _write_state(self, path: Path) -> None:
        text = json.dumps(self.window.report())
        write_atomic(path, lambda temporary: temporary.write_text(text))


def cli() -> int:
    """Open the debugger with the command line's arguments."""
    from core.cli import main

    return main(["app", *sys.argv[1:]])
