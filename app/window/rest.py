"""A mouse that rests somewhere asks why: once, and only about where it has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from app.protocol.commands import Commands
from app.protocol.why import Target
from app.session import Session
from app.window.mouse import Mouse

PATIENCE = 0.3  # seconds


@dataclass
class Rest:
    """What the mouse has been over, and since when."""

    now: Callable[[], float] = time.monotonic
    _target: Target | None = None
    _since: float = 0.0
    _asked: bool = True

    def poll(self, session: Session, mouse: Mouse) -> Commands:
        """Called in each frame."""
        panel = mouse.under() if session.view.why and not mouse.held else None
        target = None if panel is None else panel.target_at(session, mouse.inside(panel))
        return self.over(session, target)

    def over(self, session: Session, target: Target | None) -> Commands:
        """The mouse is over something, or over nothing that can be asked about."""
        if target != self._target:
            self._target, self._since, self._asked = target, self.now(), False
        if target is None or self._asked or self.now() - self._since < PATIENCE:
            return []
        self._asked = True
        return session.rest_on(target)
