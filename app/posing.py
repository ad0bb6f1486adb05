"""What the user does to the body by hand: drags of joints, numbers, wishes for places of joints.

All of it is drafted, as weights are: it is on screen at once, at the step that is shown, and a
branch makes a run of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.occluding import Occluding
from app.protocol.commands import Commands
from app.protocol.run import Changes
from app.state import Level, Message
from app.view import BOX, POSE
from core.body.moves import MAX_MOVES, SIGMAS, Drag, Move, Moves, Pull, Value, Wish, Wishes
from core.errors import UserError


@dataclass
class Posing(Occluding):
    """The state, and the methods about the body by hand. Each returns what the worker must get."""

    @property
    def can_pose(self) -> bool:
        """Whether there is a step whose body a hand could change."""
        return self.can_restart and self.steps > 0 and self.answering

    def take_pose(self, taken: bool) -> Commands:
        """Take the joints in hand, or put them away; what is drafted stays."""
        if self.record is None or taken == (self.view.tool == POSE):
            return []
        self.view.tool, self.view.chosen = POSE if taken else BOX, None
        return self.pause() if taken else []

    def set_soft(self, soft: bool) -> Commands:
        """Have drags make wishes, or moves."""
        self.view.soft = soft
        return []

    def set_sigma(self, sigma: float) -> Commands:
        """Of the wishes that are made from now on."""
        self.view.sigma = min(max(sigma, SIGMAS[0]), SIGMAS[1])
        return []

    def move_body(self, moves: Moves) -> Commands:
        """Show the body after these moves from that of the step."""
        if not self.can_pose or moves == self.view.moves:
            return []
        if len(moves) > MAX_MOVES:
            text = f"That is {MAX_MOVES} moves: {{branch}} makes a run of them."
            self.message = Message(text, Level.WARNING)
            return []
        self.view.moves, self.view.unmoved = moves, ()
        return self._shown_by_hand()

    def set_number(self, name: str, value: float) -> Commands:
        """Give a number of the body another value, see `core.body.numbers`."""
        try:
            move = Value(name, value)
        except UserError as error:
            self.message = Message(str(error), Level.WARNING)
            return []
        return self.move_body(with_move(self.view.moves, move))

    def number_of(self, name: str) -> float:
        """The value that a number of the body on screen has; turns count from the step's."""
        drafted = [m.value for m in self.view.moves if isinstance(m, Value) and m.parameter == name]
        if drafted:
            return drafted[-1]
        return self.painted.numbers.get(name, 0.0) if self.painted is not None else 0.0

    def wish(self, wishes: Wishes) -> Commands:
        """Have the next run hear these wishes."""
        if not self.can_pose or wishes == self.wishes:
            return []
        self.view.draft = self.view.draft.with_(Changes(wishes=wishes))
        return self._shown_by_hand()

    def draft_focal(self, focal: float) -> Commands:
        """Have the next start look through a camera of another focal length."""
        if focal > 0 and self.scene is not None:
            self.view.draft = self.view.draft.with_(Changes(focal=focal))
        return []

    @property
    def focal(self) -> float:
        """The focal length, pixels of the image: as drafted, else that of the run on screen."""
        drafted = self.drafted.focal
        return drafted if drafted is not None else self.scene.focal if self.scene else 0.0

    def undo(self) -> Commands:
        """Take back the last move by hand, else the drafted wishes, else the last edit of runs."""
        view = self.view
        if view.moves:
            view.moves, view.unmoved = view.moves[:-1], (*view.unmoved, view.moves[-1])
            self.message = Message(f"Undone: {view.unmoved[-1].text}")
        elif view.draft.wishes is not None:
            view.draft = replace(view.draft, wishes=None)
            self.message = Message("Undone: wishes")
        else:
            return super().undo()
        if not view.by_hand:
            self._forget_trial()
        return []

    def redo(self) -> Commands:
        """Do the last move again that was taken back, else the last edit of runs."""
        view = self.view
        if not view.unmoved or not self.can_pose:
            return super().redo()
        view.moves, view.unmoved = (*view.moves, view.unmoved[-1]), view.unmoved[:-1]
        self.message = Message(f"Done again: {view.moves[-1].text}")
        return self._shown_by_hand()

    def _shown_by_hand(self) -> Commands:
        """The fit rests while the body by hand is on screen."""
        if not self.view.by_hand:
            self._forget_trial()
        return self.pause()


def with_move(moves: Moves, move: Move) -> Moves:
    """Moves with another one: it replaces one of the same number, or the last of the same joint."""
    if isinstance(move, Value):
        same = [isinstance(m, Value) and m.parameter == move.parameter for m in moves]
        if any(same):
            return tuple(move if this else m for m, this in zip(moves, same, strict=True))
        return (*moves, move)
    last = moves[-1] if moves else None
    again = isinstance(last, Drag | Pull) and type(last) is type(move) and last.joint == move.joint
    return (*moves[:-1], move) if again else (*moves, move)


def with_wish(wishes: Wishes, wish: Wish) -> Wishes:
    """Wishes with another one, in place of one about the same joint."""
    return (*(other for other in wishes if other.joint != wish.joint), wish)


def drag_or_wish(joint: str, x: float, y: float, sigma: float | None) -> Drag | Wish | None:
    """What a drag of a joint to a pixel is; None if that is no place."""
    try:
        return Drag(joint, x, y) if sigma is None else Wish(joint, x, y, sigma)
    except UserError:
        return None
