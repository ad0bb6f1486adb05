"""Adam on the objective, one step at a time, so that somebody can watch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.params import BodyParams
from core.fit.likelihood import negative_log_likelihood
from core.fit.problem import GenerativeModel, Problem, explain, objective
from core.fit.schedule import Schedule
from core.fit.state import BodyState, Chart, moving
from core.fit.trace import StepRecord, Trace
from core.geometry.rotations import turn_about_vertical
from core.render.backends import device_of


@dataclass
class Solver:
    """A fit of a batch of people, between two steps.

    People do not influence each other: a batch gives what single fits would, up to rounding.
    A person whose objective stops being finite is put back to the last finite step and rests there.

    It computes where its backend does (`core.render.backends.device_of`); the trace is on the CPU.

    Attributes:
        vector: coordinates around the start.
        trace: everything so far.
        alive: False for people whose objective stopped being finite.
    """

    problem: Problem
    model: GenerativeModel
    schedule: Schedule
    chart: Chart
    vector: Float[Tensor, "batch 85"]
    trace: Trace
    alive: Bool[Tensor, " batch"]
    _optimizer: torch.optim.Adam | None = None

    @staticmethod
    def begin(
        problem: Problem, model: GenerativeModel, schedule: Schedule, start: BodyParams
    ) -> Solver:
        """A solver at ``start``, or at its turn by 180 degrees if that is clearly likelier."""
        device = device_of(schedule.render.backend)
        problem, model = problem.to(device), model.to(device)
        given = BodyState.of(start).to(device)
        nll = _start_nll(problem, model, schedule, given)
        chosen, winner, both = given, torch.zeros_like(nll, dtype=torch.long), nll[None]
        if schedule.two_sided:
            turned = _turned(given)
            nll_turned = _start_nll(problem, model, schedule, turned)
            winner = (nll_turned < nll - schedule.turn_margin).long()
            rotations = torch.where(
                winner.bool()[:, None, None, None], turned.rotations, given.rotations
            )
            chosen = BodyState(rotations, given.betas, given.transl)
            both = torch.stack([nll, nll_turned])
        params = chosen.to(torch.device("cpu")).params()
        trace = Trace(params, winner.cpu(), both.cpu())
        return Solver.resume(problem, model, schedule, trace)

    @staticmethod
    def resume(
        problem: Problem, model: GenerativeModel, schedule: Schedule, trace: Trace
    ) -> Solver:
        """A solver that goes on after the last record of ``trace``, bit by bit as it would have.

        Cut the trace's records first to branch from an earlier step.
        """
        device = device_of(schedule.render.backend)
        problem, model = problem.to(device), model.to(device)
        chart = Chart.around(BodyState.of(trace.start).to(device), model.volume)
        count = len(problem)
        vector = chart.pelvis.new_zeros(count, 85)
        alive = torch.ones(count, dtype=torch.bool, device=device)
        kept = Trace(trace.start, trace.winner, trace.start_nll, list(trace.records))
        solver = Solver(problem, model, schedule, chart, vector, kept, alive)
        if kept.records:
            last = kept.records.pop()  # evaluated again by the next step, with the same result
            solver.vector = last.vector.to(device, copy=True)
            solver._optimizer = solver._adam(last.moments.to(device), last.moment_steps)
        return solver

    @property
    def steps_done(self) -> int:
        """Adam steps taken so far."""
        return len(self.trace.records)

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
        if self._optimizer is None or self._starts_stage(index):
            zeros = self.vector.new_zeros(2, *self.vector.shape)
            self._optimizer = self._adam(zeros, 0)
        leaf = self._optimizer.param_groups[0]["params"][0]
        terms = objective(self.problem, self.model, self.chart.body(leaf), leaf, self.schedule)
        total = torch.stack([stage.weights.get(k, 0.0) * v for k, v in terms.items()]).sum(0)
        record = self._record(index, stage_index, terms, total)
        self.trace.records.append(record)
        if index < self.schedule.steps:
            total.sum().backward()
            self._move(leaf, moving(stage.parameters, leaf), total.detach())
        return record

    def run(self) -> Iterator[StepRecord]:
        """All remaining steps."""
        while not self.done:
            yield self.step()

    def _starts_stage(self, index: int) -> bool:
        """Whether step ``index`` is the first of its stage."""
        starts, total = set(), 0
        for stage in self.schedule.stages:
            starts.add(total)
            total += stage.steps
        return index in starts

    def _move(self, leaf: Tensor, mask: Tensor, total: Tensor) -> None:
        """One Adam step on the masked parameters of the people whose gradient is finite."""
        assert self._optimizer is not None
        assert leaf.grad is not None
        index = len(self.trace.records) - 1
        rate = self.schedule.stages[self.schedule.stage_of(index)].learning_rate
        finite = total.isfinite() & leaf.grad.isfinite().all(1)
        self.alive = self.alive & finite
        leaf.grad = torch.where(self.alive[:, None], leaf.grad * mask, 0)
        before = leaf.detach().clone()
        self._optimizer.param_groups[0]["lr"] = rate
        self._optimizer.step()
        leaf.grad = None
        with torch.no_grad():
            leaf.copy_(torch.where(self.alive[:, None], leaf, self._last_finite(before)))
        self.vector = leaf.detach()

    def _last_finite(self, before: Tensor) -> Tensor:
        """For people at rest: their coordinates at the last step with a finite total."""
        rows = before.clone()
        for person in (~self.alive).nonzero()[:, 0].tolist():
            for record in reversed(self.trace.records[:-1]):
                if bool(record.total[person].isfinite()):
                    rows[person] = record.vector[person].to(rows)
                    break
        return rows

    def _adam(self, moments: Tensor, steps: int) -> torch.optim.Adam:
        """Adam on the coordinates with the given moments."""
        leaf = self.vector.clone().requires_grad_()
        optimizer = torch.optim.Adam([leaf], betas=self.schedule.beta_moments)
        optimizer.state[leaf] = {
            "step": torch.tensor(float(steps)),
            "exp_avg": moments[0].clone(),
            "exp_avg_sq": moments[1].clone(),
        }
        return optimizer

    def _record(
        self, index: int, stage: int, terms: dict[str, Tensor], total: Tensor
    ) -> StepRecord:
        """A copy of everything that this step is made of, on the CPU."""
        assert self._optimizer is not None
        leaf = self._optimizer.param_groups[0]["params"][0]
        state = self._optimizer.state[leaf]
        return StepRecord(
            step=index,
            stage=stage,
            vector=leaf.detach().to("cpu", copy=True),
            moments=torch.stack([state["exp_avg"], state["exp_avg_sq"]]).cpu(),
            moment_steps=int(state["step"]),
            terms={name: value.detach().cpu() for name, value in terms.items()},
            total=total.detach().cpu(),
        )


def _turned(body: BodyState) -> BodyState:
    """The body turned by 180 degrees about its own vertical axis, through the pelvis."""
    root = turn_about_vertical(body.rotations[:, :1])
    return BodyState(torch.cat([root, body.rotations[:, 1:]], 1), body.betas, body.transl)


@torch.no_grad()
def _start_nll(
    problem: Problem, model: GenerativeModel, schedule: Schedule, body: BodyState
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of a start."""
    seen = explain(problem, model, body, schedule.likelihood, schedule.render)
    return negative_log_likelihood(seen.render, seen.evidence, problem.inside)
