"""What the user asks: why something is so, and what lies along, over and under a patch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from app.posing import Posing, with_move
from app.protocol.commands import Commands
from app.protocol.search import Heat, Inquiry
from app.protocol.why import Target
from app.state import Message
from app.view import JOINTS
from core.body.moves import Value


@dataclass
class Asking(Posing):
    """The state, and the methods about questions. Each returns what the worker must get."""

    def toggle_why(self) -> Commands:
        """Show the panel that answers why, or hide it."""
        if self.record is not None:
            self.view.why, self.view.pinned = not self.view.why, False
        return []

    def ask_why(self, target: Target) -> Commands:
        """Ask why a pixel or a joint is as it is, and hold on to that."""
        if self.record is not None:
            self.view.why, self.view.target, self.view.pinned = True, target, True
        return []

    def click_why(self, target: Target) -> Commands:
        """Ask about it, or let go of it if it is held: resting asks again then."""
        if self.view.pinned and self.view.target == target:
            self.view.pinned = False
            return []
        return self.ask_why(target)

    def rest_on(self, target: Target) -> Commands:
        """Ask about what the mouse rests on, unless another answer is held."""
        if self.record is not None and self.view.why and not self.view.pinned:
            self.view.target = target
        return []

    def set_truth(self, path: str) -> Commands:
        """Measure the body of the person on screen against that in a file."""
        if self.image is None:
            return []
        self.image.truth, self.truth, self.refused = path, None, None
        self.view.overlays |= {JOINTS}
        self.message = Message(f"Measured against {PurePath(path).name}: errors at the joints")
        return []

    def inquire(self, inquiry: Inquiry | None) -> Commands:
        """Ask something that is answered piece by piece, or stop asking."""
        if self.record is not None:
            self.view.inquiry = inquiry
            self.refused = None
        return []

    def branch_at(self, *values: Value) -> Commands:
        """Branch where parameters of the body have these values."""
        if not self.can_pose:
            return []
        moves = self.view.moves
        for value in values:
            moves = with_move(moves, value)
        self.view.moves = moves
        return self.branch_off()

    def load_patch(self, number: int) -> Commands:
        """Put the patch of a position before the image, and fit behind it."""
        found = self.searched.found if self.searched is not None else None
        if not isinstance(found, Heat) or not 0 <= number < len(found.patches):
            return []
        self.view.inquiry = None
        return self._replace_all((*self.occluders, found.patches[number]), len(self.occluders))
