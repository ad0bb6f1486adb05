"""The body that the user gives."""

from __future__ import annotations

from collections.abc import Sequence

from core.fit.evidence import GivenBody
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.start import Candidate, Start
from core.fit.state import BodyState


def propose(
    problem: Problem, _model: GenerativeModel, _schedule: Schedule, _before: Sequence[Candidate]
) -> list[Candidate]:
    """The given body, if there is one."""
    given = problem.find(GivenBody)
    return [Candidate("given", BodyState.of(given.body))] if given else []


START = Start("given", 10, propose, "a body from a file or from another run")
