"""A fit of the real engine, as the worker steps it."""

from __future__ import annotations

from dataclasses import dataclass

from app.protocol.backend import Progress
from app.protocol.run import StageMark, TermInfo
from app.told import largest_weight, stage_marks
from core.body.moves import Moves, Wishes
from core.body.params import BodyParams
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.misfit import doubt
from core.fit.problem import Problem
from core.fit.trace import StepRecord


@dataclass
class CoreFit:
    """An `app.protocol.backend.Fit` of one person."""

    fit: Fit
    engine: Engine
    problem: Problem
    wishes: Wishes = ()
    moves: Moves = ()

    @property
    def done(self) -> bool:
        """Whether no step is left."""
        return self.fit.done

    @property
    def reason(self) -> str:
        """Why it stopped."""
        return self.fit.reason

    @property
    def stages(self) -> tuple[StageMark, ...]:
        """Where its records lie."""
        return stage_marks(self.fit.schedule)

    @property
    def terms(self) -> tuple[TermInfo, ...]:
        """The terms of the objective."""
        schedule = self.fit.schedule
        return tuple(
            TermInfo(t.name, t.unit, t.description, largest_weight(schedule, t.name))
            for t in schedule.terms.values()
        )

    @property
    def winner(self) -> str:
        """Which initialisation won, and by how much."""
        trace = self.fit.trace
        scores = dict(zip(trace.candidates, trace.scores[:, 0].tolist(), strict=True))
        winner = trace.candidates[int(trace.winner[0])]
        won = scores.pop(winner)
        if not scores:
            return f"one start, {winner} (objective {won:.4g})"
        others = ", ".join(f"{value:.4g}" for value in scores.values())
        return f"the {winner} start won (objective {won:.4g} against {others})"

    @property
    def best(self) -> int:
        """The best step of the last stage."""
        return int(self.fit.trace.best_steps()[0])

    @property
    def doubt(self) -> str:
        """Why the best step may be wrong, in words."""
        return doubt(self.fit, self.problem, self.engine.model)

    @property
    def count(self) -> int:
        """Number of recorded steps."""
        return len(self.fit.trace)

    def step(self) -> Progress:
        """Evaluate, record, move on."""
        return self._progress(self.fit.step())

    def recorded(self) -> list[Progress]:
        """The steps that are behind it."""
        return [self._progress(record) for record in self.fit.trace.records]

    def _progress(self, record: StepRecord) -> Progress:
        """A step with its weighted terms."""
        weights = self.fit.schedule.stages[record.stage].weights
        terms = {
            name: weights.get(name, 0.0) * float(value[0]) for name, value in record.terms.items()
        }
        return Progress(record.step, record.stage, terms, float(record.total[0]))

    def params(self, step: int) -> BodyParams:
        """The body of a recorded step in the crop camera's frame."""
        return self.fit.trace.params(step, self.engine.volume)
