"""Adam on the objective, one step at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.params import BodyParams
from core.fit.adam import Adam
from core.fit.evaluation import Evaluation
from core.fit.evidence import GivenBody
from core.fit.model import GenerativeModel
from core.fit.objective import objective, weighted_sum
from core.fit.parameters import BODY, tie
from core.fit.problem import Problem
from core.fit.schedule import Schedule, Stage
from core.fit.start import choose_start
from core.fit.state import BodyState, Chart
from core.fit.trace import StepRecord, Trace
from core.render.backends import device_of


@dataclass
class Solver:
    """A fit of a batch of people, between two steps.

    People do not influence each other: a batch gives what single fits would, up to rounding.
    A person whose objective stops being finite is put back to the last finite step and stays there.

    It computes where its backend does (`core.render.backends.device_of`); the trace is on the CPU.

    Attributes:
        vector: coordinates around the start.
        trace: all steps so far.
        alive: False for people whose objective stopped being finite.
    """

    problem: Problem
    model: GenerativeModel
    schedule: Schedule
    chart: Chart
    vector: Float[Tensor, "batch size"]
    trace: Trace
    alive: Bool[Tensor, " batch"]
    _adam: Adam | None = None

    @classmethod
    def begin(
        cls,
        problem: Problem,
        model: GenerativeModel,
        schedule: Schedule,
        start: BodyParams | None = None,
    ) -> Self:
        """A solver at the best of the schedule's starts.

        Args:
            start: a given body, in place of what evidence proposes.
        """
        device = device_of(schedule.render.backend)
        if start is not None:
            problem = problem.having(GivenBody(start))
        problem, model = problem.to(device), model.to(device)
        choice = choose_start(problem, model, schedule)
        params = choice.body.to(torch.device("cpu")).params()
        trace = Trace(params, choice.names, choice.winner.cpu(), choice.scores.cpu())
        return cls.resume(problem, model, schedule, trace)

    @classmethod
    def resume(
        cls, problem: Problem, model: GenerativeModel, schedule: Schedule, trace: Trace
    ) -> Self:
        """A solver that goes on after the last record of ``trace``, bit by bit as it would have.

        Cut the trace's records first to branch from an earlier step.
        """
        device = device_of(schedule.render.backend)
        problem, model = problem.to(device), model.to(device)
        chart = Chart.around(BodyState.of(trace.start).to(device), model.volume)
        vector = chart.pelvis.new_zeros(len(problem), BODY.size)
        alive = ~put_back(trace).to(device)
        kept = trace.upto(len(trace))
        solver = cls(problem, model, schedule, chart, vector, kept, alive)
        if kept.records:
            last = kept.records.pop()  # evaluated again by the next step, with the same result
            solver.vector = last.vector.to(device, copy=True)
            solver._adam = solver._adam_after(last.moments.to(device), last.moment_steps)
        return solver

    @property
    def done(self) -> bool:
        """Whether the schedule is over (the last record has no step behind it)."""
        return len(self.trace.records) > self.schedule.steps or not bool(self.alive.any())

    @property
    def reason(self) -> str:
        """Why the fit stopped, or that it has not."""
        if not bool(self.alive.any()):
            return "the objective is no longer finite"
        return "the schedule is over" if self.done else "running"

    def step(self) -> StepRecord:
        """Evaluate the objective, record it, and move on by one Adam step.

        The record after the last Adam step only evaluates.
        """
        index = len(self.trace.records)
        stage_index = self.schedule.stage_of(index)
        stage = self.schedule.stages[stage_index]
        if self._adam is None or self._starts_stage(index):
            # Gradients of the last stage belong to other weights and parameters.
            zeros = self.vector.new_zeros(2, *self.vector.shape)
            self._adam = self._adam_after(zeros, 0)
        leaf = self._adam.leaf
        at = Evaluation.at(self.problem, self.model, self.chart.body(leaf), leaf, self.schedule)
        costs = objective(at, self.schedule.terms)
        total = weighted_sum(costs, stage.weights)
        record = self._record(index, stage_index, costs, total)
        self.trace.records.append(record)
        if index < self.schedule.steps:
            if total.requires_grad:  # not if every weight of the stage is 0
                total.sum().backward()
            self._move(leaf, stage, total.detach())
        return record

    def run(self) -> Iterator[StepRecord]:
        """All remaining steps."""
        while not self.done:
            yield self.step()

    def _starts_stage(self, index: int) -> bool:
        """Whether step ``index`` is the first of its stage."""
        return any(index == span.start for _, span in self.schedule.spans)

    def _move(self, leaf: Tensor, stage: Stage, total: Tensor) -> None:
        """One Adam step on the stage's parameters of the rows whose gradient is finite."""
        assert self._adam is not None
        if leaf.grad is None:
            leaf.grad = torch.zeros_like(leaf)
        mask = BODY.mask(stage.parameters, leaf)
        if self.schedule.shared:
            shared = BODY.mask(self.schedule.shared, leaf)
            leaf.grad = tie(leaf.grad, shared, self.problem.person)
        finite = total.isfinite() & leaf.grad.isfinite().all(1)
        self.alive = self.alive & finite
        # A NaN times 0 is NaN: rows that stopped need `where`, or they would spoil Adam's moments.
        leaf.grad = torch.where(self.alive[:, None], leaf.grad * mask, 0)
        before = leaf.detach().clone()
        self._adam.step(stage.learning_rate)
        # With no gradient, a row that stopped would still drift by its momentum.
        with torch.no_grad():
            leaf.copy_(torch.where(self.alive[:, None], leaf, self._last_finite(before)))
        self.vector = leaf.detach()

    def _last_finite(self, before: Tensor) -> Tensor:
        """For people who no longer move: their coordinates at the last step with a finite total."""
        rows = before.clone()
        for person in (~self.alive).nonzero()[:, 0].tolist():
            for record in reversed(self.trace.records[:-1]):
                if bool(record.total[person].isfinite()):
                    rows[person] = record.vector[person].to(rows)
                    break
        return rows

    def _adam_after(self, moments: Tensor, steps: int) -> Adam:
        """Adam on the coordinates with the given moments."""
        return Adam.of(self.vector, moments, steps, self.schedule.beta_moments)

    def _record(
        self, index: int, stage: int, terms: dict[str, Tensor], total: Tensor
    ) -> StepRecord:
        """A copy of everything that this step is made of, on the CPU."""
        assert self._adam is not None
        return StepRecord(
            step=index,
            stage=stage,
            vector=self._adam.leaf.detach().to("cpu", copy=True),
            moments=torch.stack([self._adam.first, self._adam.second]).cpu(),
            moment_steps=int(self._adam.count),
            terms={name: value.detach().cpu() for name, value in terms.items()},
            total=total.detach().cpu(),
        )


def put_back(trace: Trace) -> Bool[Tensor, " batch"]:
    """Who of a recorded fit no longer moves: a step put them back to the last finite one."""
    stopped = torch.zeros(len(trace.winner), dtype=torch.bool)
    if not trace.records:
        return stopped
    finite = trace.records[0].vector
    for now, after in pairwise(trace.records):
        back = (after.vector == finite).all(1)
        moved = (after.vector != now.vector).any(1)
        stopped |= back & (moved | ~now.total.isfinite())
        finite = torch.where(now.total.isfinite()[:, None], now.vector, finite)
    return stopped
