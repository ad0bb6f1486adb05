"""A recorded step of a fit, where the objective can be evaluated again, and around which."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.fit.evaluation import Evaluation
from core.fit.fitter import Fit
from core.fit.model import GenerativeModel
from core.fit.objective import objective
from core.fit.problem import Problem
from core.fit.schedule import Schedule, Stage
from core.fit.state import BodyState, Chart


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
    def of(fit: Fit, step: int) -> Visit:
        """A step of a fit of one person, on the device where the fit computes.

        Raises:
            UserError: the fit has no such step.
        """
        if not 0 <= step < len(fit.trace):
            raise UserError(f"no step {step}; there are 0 to {len(fit.trace) - 1}")
        record, device = fit.trace.records[step], fit.model.volume.means.device
        return Visit(
            problem=fit.problem,
            model=fit.model,
            schedule=fit.schedule,
            stage=fit.schedule.stages[record.stage],
            start=BodyState.of(fit.trace.start).to(device),
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
