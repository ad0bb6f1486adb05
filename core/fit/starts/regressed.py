"""The body that the network regresses."""

from __future__ import annotations

from collections.abc import Sequence

from core.fit.evidence import GivenBody, RegressedBody
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.start import Candidate, Start
from core.fit.state import BodyState


def propose(
    problem: Problem, _model: GenerativeModel, _schedule: Schedule, _before: Sequence[Candidate]
) -> list[Candidate]:
    """The regressed body, unless the user gives another to start from."""
    regressed = problem.find(RegressedBody)
    if regressed is None or problem.find(GivenBody) is not None:
        return []
    return [Candidate("regressed", BodyState.of(regressed.body))]


START = Start("regressed", 20, propose, "the network's regression")
