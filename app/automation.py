"""Options of the command line for scripts: a screenshot, and a file with the state."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from app.actions import with_keys
from app.state import Level, Phase
from app.window.report import report
from app.window.window import NAP, Window
from core.io.atomic import write_atomic

PATIENCE = 180.0  # seconds that a screenshot waits for the photo to be observed


@dataclass
class Automation:
    """Called after each turn of the window; ends the window after the screenshot.

    Attributes:
        screenshot: save the window here and close it; None to stay open.
        after: seconds of fitting before that; it comes earlier if the fit is over.
        state: write what the window is doing to this file after each turn.
        exit_code: 2 if the photo could not be opened for the screenshot.
    """

    window: Window
    screenshot: Path | None
    after: float
    state: Path | None
    exit_code: int = 0
    _began: float = field(default_factory=time.monotonic)
    _fitting_since: float | None = None
    _shot_asked: bool = False

    @property
    def nap(self) -> float:
        """Seconds between two turns if nothing happens: the state is read by someone in a hurry."""
        return NAP if self.state is None else 0.03

    def after_turn(self) -> bool:
        """Called after each turn; False closes the window."""
        if self.state is not None:
            text = json.dumps(report(self.window))
            write_atomic(self.state, lambda temporary: temporary.write_text(text))
        if self.screenshot is None:
            return True
        return self._towards_screenshot(self.screenshot, time.monotonic())

    def _towards_screenshot(self, path: Path, now: float) -> bool:
        """Wait, shoot, and stop when the file is there."""
        part = path.with_name(f".{path.stem}.part.png")
        if self._shot_asked:
            if not part.is_file() or part.stat().st_size == 0:
                return True
            part.replace(path)
            return False
        if self._is_time(now):
            path.parent.mkdir(parents=True, exist_ok=True)
            self.window.save_screenshot(part)
            self._shot_asked = True
        return True

    def _is_time(self, now: float) -> bool:
        """Whether the picture that was asked for is on screen, or never will be."""
        session = self.window.session
        failed = session.message.level is Level.ERROR
        if failed or (session.scene is None and now - self._began > PATIENCE):
            self.exit_code = 2
            print(f"nbf: {with_keys(session.message.text)}", file=sys.stderr)
            return True
        if session.scene is None:
            return session.phase is Phase.EMPTY and now - self._began > self.after
        if self._fitting_since is None:
            self._fitting_since = now
        if session.phase is not Phase.RUNNING:
            over = session.phase is Phase.DONE or now - self._fitting_since > self.after
            return over and self.window.settled
        pictured = session.painted is not None and session.turned is not None
        return pictured and now - self._fitting_since > self.after
