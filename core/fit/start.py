"""Starts: named candidate bodies for a problem, of which the best is fitted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.errors import UserError
from core.fit.evaluation import Evaluation
from core.fit.model import GenerativeModel
from core.fit.objective import objective, weighted_sum
from core.fit.parameters import BODY
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.state import BodyState
from core.registry import Registry


@dataclass(frozen=True)
class Candidate:
    """A body to start from, for each row of a problem.

    Attributes:
        margin: by which its objective must be smaller than that of the best candidate before it.
    """

    name: str
    body: BodyState
    margin: float = 0.0


Propose = Callable[[Problem, GenerativeModel, Schedule, Sequence[Candidate]], list[Candidate]]


@dataclass(frozen=True)
class Start:
    """A source of candidates.

    Attributes:
        name: in `Schedule.starts`, traces and reports.
        propose: candidates for a problem; its last argument has those of the sources before it.
        description: one line.
    """

    name: str
    order: int
    propose: Propose
    description: str


STARTS: Registry[Start] = Registry("start", "core.fit.starts", "START", "nbf.starts")
"""All sources; another package adds its own as `core.registry` describes."""


@dataclass(frozen=True)
class Choice:
    """All candidates and which of them each row starts from.

    Attributes:
        names: of the candidates.
        scores: objective of each candidate.
        winner: index of the chosen candidate.
        body: the chosen bodies.
    """

    names: tuple[str, ...]
    scores: Float[Tensor, "candidates batch"]
    winner: Int[Tensor, " batch"]
    body: BodyState


def choose_start(problem: Problem, model: GenerativeModel, schedule: Schedule) -> Choice:
    """Propose candidates and keep, row by row, the one with the smallest objective.

    A candidate replaces the best one before it if it is better by more than its margin.

    Raises:
        UserError: no source proposes anything for this problem.
    """
    candidates: list[Candidate] = []
    names = schedule.starts or tuple(STARTS.all())
    for name in names:
        candidates += STARTS.get(name).propose(problem, model, schedule, candidates)
    if not candidates:
        raise UserError(f"no body to start from; these starts have none: {', '.join(names)}")
    first, *others = candidates
    chosen, best = first.body, score(problem, model, schedule, first.body)
    scores, winner = [best], torch.zeros_like(best, dtype=torch.long)
    for index, candidate in enumerate(others, 1):
        scores.append(score(problem, model, schedule, candidate.body))
        # A NaN loses to every number; comparisons with it are False, which would keep it.
        better = (scores[-1] < best - candidate.margin) | (best.isnan() & ~scores[-1].isnan())
        winner = torch.where(better, index, winner)
        best = torch.where(better, scores[-1], best)
        chosen = chosen.replaced(better, candidate.body)
    tried = tuple(candidate.name for candidate in candidates)
    return Choice(tried, torch.stack(scores), winner, chosen)


@torch.no_grad()
def score(
    problem: Problem, model: GenerativeModel, schedule: Schedule, body: BodyState
) -> Float[Tensor, " batch"]:
    """The objective of the schedule's first stage, of a fit that started at these bodies."""
    still = body.transl.new_zeros(len(body.transl), BODY.size)
    costs = objective(Evaluation.at(problem, model, body, still, schedule), schedule.terms)
    return weighted_sum(costs, schedule.stages[0].weights)
