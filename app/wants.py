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
    Truth,
    Try,
    Turn,
)
from app.protocol.run import RunKey
from app.protocol.search import Search, Slide
from app.state import Phase, SessionState
from core.occlusion.occluder import Occluders


@dataclass
class Wants(SessionState):
    """The state, and what it lacks, for reading."""

    @property
    def settled(self) -> bool:
        """Whether the pictures of the shown step have come, and the answer to why."""
        there = self.painted is not None and self.painted.step == self.view.step
        wanted = self.wanted_picture or self.wanted_answer
        waits = self.asked is not None and not isinstance(self.asked, Search)
        return (there or not self.steps) and not waits and wanted is None

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
        if view.by_hand and self.phase is not Phase.RUNNING:
            return self._wanted_trial(view.key)
        fine = self.phase is not Phase.RUNNING
        if painted is None or painted.step != view.step:
            return Paint(*view.key, view.step, view.photo_side, False, view.body)
        if view.body is not None and (turned is None or turned.view != view.body):
            return Turn(*view.key, view.step, False, view.body)
        if painted.side != view.photo_side or (fine and not painted.fine):
            return Paint(*view.key, view.step, view.photo_side, fine, view.body)
        if view.body is not None and fine and turned is not None and not turned.fine:
            return Turn(*view.key, view.step, True, view.body)
        return None

    def _wanted_preview(self, key: RunKey, sketch: Occluders) -> Picture | None:
        """What occluders that are dragged do to a few steps, unless that is on screen.

        Nothing once a run has been asked for: it comes soon.
        """
        view = self.view
        if self.pending is not None or not self.steps or self.previewed == sketch:
            return None
        return Preview(*key, view.step, sketch, view.photo_side, view.body)

    def _wanted_trial(self, key: RunKey) -> Picture | None:
        """What the body by hand looks like, unless that is on screen; first quickly painted."""
        view, there = self.view, self.tried.command if self.tried is not None else None
        if self.pending is not None:
            return None
        wanted = Try(*key, view.step, view.moves, self.drafted, view.photo_side, False, view.body)
        if there is None or replace(there, fine=False) != wanted:
            return wanted
        return None if there.fine else replace(wanted, fine=True)

    @property
    def question(self) -> Question | None:
        """The next question. None if the screen lacks nothing."""
        return self.wanted_picture or self.wanted_truth or self.wanted_answer or self.wanted_piece

    @property
    def wanted_answer(self) -> Probe | None:
        """Why the target is as it is at the shown step, while that is asked and not answered."""
        view, probed = self.view, self.probed
        if not (view.why and view.target and view.key and self.steps and self.answering):
            return None
        if probed is not None and (probed.step, probed.target) == (view.step, view.target):
            return None
        return Probe(*view.key, view.step, view.target)

    @property
    def wanted_truth(self) -> Truth | None:
        """The true body, if the user has given one and it is not there."""
        path = self.image.truth if self.image is not None else ""
        there = self.truth is not None and self.truth.path == path
        if not path or there or self.view.key is None or not self.answering:
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
