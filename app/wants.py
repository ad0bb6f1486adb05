"""What the screen lacks of what the view wants: the next question to the worker."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.protocol.commands import (
    Paint,
    PaintInput,
    Picture,
    Preview,
    Probe,
    Question,
    Try,
    Turn,
)
from app.protocol.run import RunKey
from app.protocol.search import Search
from app.state import Phase, SessionState
from core.occlusion.occluder import Occluders


@dataclass
class Wants(SessionState):
    """The state, and what it lacks, for reading."""

    @property
    def settled(self) -> bool:
        """Whether the pictures of the shown step and all answers have come, but for searches."""
        if self.view.hurried:
            return False
        there = self.painted is not None and self.painted.step == self.view.step
        open_ = [q for q in (self.asked, self.question) if not isinstance(q, Search | None)]
        return (there or not self.steps) and not open_

    @property
    def wanted_picture(self) -> Picture | None:
        """The picture that the view wants and the screen lacks. None if there is none.

        First all pictures of the step, quickly painted and at once, so that no two panels show
        different steps; then, while no fit needs the processor, the fine ones.
        """
        view, painted, turned = self.view, self.painted, self.turned
        if not self.answering or view.key is None:
            return None
        if view.sketch is not None:
            return self._wanted_preview(view.key, view.sketch)
        if self.input != view.key:
            return PaintInput(*view.key)
        if not self.steps:
            return None
        hasty = self.phase is Phase.RUNNING or view.play.steps.on or view.hurried
        fine, body = not hasty, self.body_view
        if view.by_hand and self.phase is not Phase.RUNNING:
            return self._wanted_trial(view.key, fine)
        if painted is None or painted.step != view.step:
            return Paint(*view.key, view.step, view.photo_side, False, body, view.ink)
        if body is not None and (turned is None or turned.view != body):
            return Turn(*view.key, view.step, False, body)
        layer = painted.side, painted.ink
        if layer != (view.photo_side, view.ink) or (fine and not painted.fine):
            return Paint(*view.key, view.step, view.photo_side, fine, body, view.ink)
        if body is not None and fine and turned is not None and not turned.fine:
            return Turn(*view.key, view.step, True, body)
        return None

    def _wanted_preview(self, key: RunKey, sketch: Occluders) -> Picture | None:
        """What occluders that are dragged do to a few steps, unless that is on screen.

        Nothing once a run has been asked for: it comes soon.
        """
        view = self.view
        if self.pending is not None or not self.steps or self.previewed == sketch:
            return None
        return Preview(*key, view.step, sketch, view.photo_side, self.body_view, view.ink)

    def _wanted_trial(self, key: RunKey, fine: bool) -> Picture | None:
        """What the body by hand looks like, unless that is on screen; first quickly painted."""
        view, there = self.view, self.tried.command if self.tried is not None else None
        if self.pending is not None:
            return None
        changed, look = (view.moves, self.drafted), (self.body_view, view.ink)
        wanted = Try(*key, view.step, *changed, view.photo_side, False, *look)
        if there is None or replace(there, fine=False) != wanted:
            return wanted
        return None if there.fine or not fine else replace(wanted, fine=True)

    @property
    def question(self) -> Question | None:
        """The next question. None if the screen lacks nothing."""
        return self.wanted_picture or self.wanted_answer

    @property
    def wanted_answer(self) -> Probe | None:
        """Why the target is as it is at the shown step, while that is asked and not answered."""
        view, probed = self.view, self.probed
        if not (view.why and view.target and view.key and self.steps and self.answering):
            return None
        if probed is not None and (probed.step, probed.target) == (view.step, view.target):
            return None
        return Probe(*view.key, view.step, view.target)
