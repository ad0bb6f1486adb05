"""The run on screen and the one that it is compared with: in turns, as maps, joint by joint."""

from __future__ import annotations

from dataclasses import dataclass

from app.playing import BLINKS
from app.protocol.commands import Commands, Differ, Paint, Question
from app.protocol.events import Differed, Painted
from app.protocol.run import RunKey
from app.state import Message, Phase
from app.steps import Steps


@dataclass
class Contrast(Steps):
    """The state, and the methods about two runs. Each returns what the worker must get."""

    # --- what the user does ---

    def blink(self) -> Commands:
        """Show the run and the one that it is compared with in turns, or stop."""
        play = self.view.play
        if play.turns.on or self.view.other is None:
            self._stop_blinking()
            return []
        play.turns.switch(True)
        self.view.difference = False
        self.message = Message("The two runs take turns: {blink} stops.")
        return []

    def set_blink(self, rate: float) -> Commands:
        """So many turns a second."""
        self.view.play.turns.rate = min(max(rate, BLINKS[0]), BLINKS[1])
        return []

    def toggle_difference(self) -> Commands:
        """Have the maps show how the two runs differ, or the run on screen."""
        self.view.difference = not self.view.difference and self.view.other is not None
        if self.view.difference:
            self._stop_blinking()
        return []

    def toggle_joint_table(self) -> Commands:
        """List how far the joints of the two runs are apart, or do not."""
        self.view.joint_table = not self.view.joint_table and self.view.other is not None
        return []

    def _stop_blinking(self) -> None:
        self.view.play.turns.switch(False)
        self.view.play.other = False

    # --- what happens by itself ---

    def tick(self, now: float) -> bool:
        """Let happen what is due; whether anything did."""
        happened = super().tick(now)
        play = self.view.play
        if play.turns.on and self.view.other is None:
            self._stop_blinking()
            return True
        if play.other and not self._both_pictured:
            play.other, happened = False, True
        if play.turns.on and self._both_pictured and play.turns.left(now) <= 0:
            play.other, happened = not play.other, True
            play.turns.happened(now)
        return happened

    def rest(self, now: float) -> float | None:
        """Seconds until `tick` has something to do; None while only a message can change that."""
        waits = [super().rest(now)]
        if self.view.play.turns.on and self._both_pictured:
            waits.append(max(self.view.play.turns.left(now), 0.0))
        return min((wait for wait in waits if wait is not None), default=None)

    @property
    def _both_pictured(self) -> bool:
        """Whether the pictures of both runs at this step are there."""
        there = self._pictured_step and self.wanted_picture is None
        return there and self.wanted_other is None and self.compared is not None

    # --- what the screen shows, and lacks ---

    @property
    def difference(self) -> Differed | None:
        """How the run on screen differs from that which it is compared with, if that is known."""
        known = self.differed
        same = known is not None and (known.key, known.other) == (self.view.key, self.view.other)
        return known if same else None

    @property
    def other_step(self) -> int:
        """The step of the other run that is compared: the same one, or its last."""
        return min(self.view.step, self.other.steps - 1) if self.other is not None else 0

    @property
    def question(self) -> Question | None:
        """The next question. None if the screen lacks nothing."""
        return super().question or self.wanted_difference or self.wanted_other

    @property
    def _comparable(self) -> RunKey | None:
        """The run to compare with, if both have steps and the engine holds it."""
        view, other = self.view, self.other
        there = other is not None and other.steps > 0 and self.steps > 0
        return view.other if there and self.answering and view.other not in self.lost else None

    @property
    def wanted_other(self) -> Paint | None:
        """The pictures of the other run, while both take turns."""
        view, key, compared = self.view, self._comparable, self.compared
        if not view.play.turns.on or key is None or view.sketch is not None:
            return None
        fine = self.phase is not Phase.RUNNING
        wanted = Paint(*key, self.other_step, view.photo_side, fine, self.body_view, view.ink)
        return None if compared is not None and _answered(compared, wanted) else wanted

    @property
    def wanted_difference(self) -> Differ | None:
        """How the two runs differ at this step, while that is asked and not answered."""
        view, other, differed = self.view, self._comparable, self.differed
        if view.key is None or other is None or not (view.difference or view.joint_table):
            return None
        maps = view.difference
        if differed is not None:
            same = (differed.key, differed.step) == (view.key, view.step)
            same &= (differed.other, differed.other_step) == (other, self.other_step)
            if same and differed.maps >= maps:
                return None
        return Differ(*view.key, view.step, other, self.other_step, maps)


def _answered(painted: Painted, wanted: Paint) -> bool:
    """Whether pictures are those that are wanted."""
    body = painted.body.view if painted.body is not None else None
    are = painted.key, painted.step, painted.side, body, painted.ink
    return are == (wanted.key, wanted.step, wanted.side, wanted.body, wanted.ink) and (
        painted.fine or not wanted.fine
    )
