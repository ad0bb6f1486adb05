"""What the user asks: why something is so, and what lies along, over and under a patch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from app.posing import Posing, with_move
from app.protocol.commands import Commands, Question, Truth
from app.protocol.search import Heat, Inquiry, Search, Slide
from app.protocol.why import Target
from app.state import Message, Phase
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
        self.image.truth_kept = False
        self.view.overlays |= {JOINTS}
        self.message = Message(f"Measured against {PurePath(path).name}: errors at the joints")
        return []

    def _keep_truth(self) -> Commands:
        """Save a true body by itself, once it is known to be one."""
        if self.image is None or self.image.truth_kept:
            return []
        self.image.truth_kept = True
        return self._save_quietly()

    def _forget_truth(self, command: Truth) -> None:
        """A file holds no true body: do not ask again, so that other questions come."""
        image = self.document.image(command.image)
        if image is not None and image.truth == command.path:
            image.truth = ""

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

    # --- what the screen lacks ---

    @property
    def question(self) -> Question | None:
        """The next question. None if the screen lacks nothing; searches, which are long, wait."""
        return super().question or self.wanted_truth or self.wanted_piece

    @property
    def wanted_truth(self) -> Truth | None:
        """The truth, if the user has given a file or the image has its own, and it is not there."""
        path = self.image.truth if self.image is not None else ""
        there = self.truth is not None and self.truth.path == path
        known = bool(path) or (self.scene is not None and self.scene.truth)
        if not known or there or self.view.key is None or not self.answering:
            return None
        return Truth(*self.view.key, path)

    @property
    def wanted_piece(self) -> Search | None:
        """The next piece of what is asked piece by piece, while no fit needs the processor."""
        view, there = self.view, self.searched
        if view.inquiry is None or view.key is None or not (self.steps and self.answering):
            return None
        if self.phase is Phase.RUNNING or self.pending is not None:
            return None
        step = 0 if isinstance(view.inquiry, Slide) else view.step
        same = there is not None and there.key == view.key
        if there is None or not same or (there.step, there.inquiry) != (step, view.inquiry):
            return Search(*view.key, step, view.inquiry, 0)
        return None if there.found.over else Search(*view.key, step, view.inquiry, there.known)
