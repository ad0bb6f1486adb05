"""A recorded step of a fit, where the objective can be evaluated again, and around which."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.fit.evaluation import Evaluation
from core.fit.model import GenerativeModel
from core.fit.objective import objective
from core.fit.problem import Problem
from core.fit.schedule import Schedule, Stage
from core.fit.state import BodyState, Chart
from core.fit.trace import Trace
from core.render.backends import device_of


@dataclass(frozen=True)
class Visit:
    """One person's problem at one step.

    Attributes:
        problem: one row.
        stage: of the step; its weights count.
        start: the body at the origin of the coordinates.
        vector: coordinates of the step around the start (`core.fit.state.Chart`).
    """

    problem: Problem
    model: GenerativeModel
    schedule: Schedule
    stage: Stage
    start: BodyState
    vector: Float[Tensor, "1 size"]

    @staticmethod
    def of(
        problem: Problem, model: GenerativeModel, schedule: Schedule, trace: Trace, step: int
    ) -> Visit:
        """A recorded step of a fit of one person, on the device where the fit computes.

        Raises:
            UserError: the trace has no such step.
        """
        if not 0 <= step < len(trace):
            raise UserError(f"no step {step}; there are 0 to {len(trace) - 1}")
        record, device = trace.records[step], device_of(schedule.render.backend)
        return Visit(
            problem=problem.to(device),
            model=model.to(device),
            schedule=schedule,
            stage=schedule.stages[record.stage],
            start=BodyState.of(trace.start).to(device),
            vector=record.vector.to(device),
        )

    @property
    def body(self) -> BodyState:
        """The body of the step, in the crop camera's frame."""
        return self.chart(1).body(self.vector)

    def chart(self, rows: int) -> Chart:
        """The coordinates, for some rows."""
        return Chart.around(self.start.select(self._copies(rows)), self.model.volume)

    def costs(self, vector: Float[Tensor, "rows size"]) -> dict[str, Float[Tensor, " rows"]]:
        """Every term that the stage weighs and that has its evidence, times its weight.

        Differentiable. At `vector` they are what the fit has recorded, and add up to its total.
        """
        rows = len(vector)
        problem = self.problem.select(self._copies(rows))
        body = self.chart(rows).body(vector)
        at = Evaluation.at(problem, self.model, body, vector, self.schedule)
        weights = self.stage.weights
        terms = self.schedule.terms.items()
        counting = {n: t for n, t in terms if weights.get(n) and t.applies(problem)}
        return {name: weights[name] * cost for name, cost in objective(at, counting).items()}

    def _copies(self, rows: int) -> Tensor:
        """The only row, several times."""
        return torch.zeros(rows, dtype=torch.long, device=self.vector.device)
