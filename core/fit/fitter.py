"""Fitters: ways to find the body of a problem, one step at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.fit.model import GenerativeModel
from core.fit.parameters import ParameterLayout
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.trace import StepRecord, Trace
from core.registry import Registry


class Fit(Protocol):
    """A fit of a batch between two steps."""

    problem: Problem
    model: GenerativeModel
    schedule: Schedule
    trace: Trace

    @property
    def done(self) -> bool:
        """Whether no step is left."""

    @property
    def reason(self) -> str:
        """Why the fit stopped, or that it has not."""

    def step(self) -> StepRecord:
        """Evaluate the objective, record it, and move on."""


@dataclass(frozen=True)
class Fitter:
    """A way of fitting, by name.

    Attributes:
        name: for ``nbf fit --method`` and ``nbf eval --methods``.
        description: one line.
        parameters: what its records' vectors hold.
        begin: a fit at its start, which it chooses among the starts of the schedule.
        resume: a fit that goes on after the last record of a trace, with the same bits as if it had
            never stopped. A branch resumes a trace that is cut after a step (`core.fit.branch`).
    """

    name: str
    order: int
    description: str
    parameters: ParameterLayout
    begin: Callable[[Problem, GenerativeModel, Schedule], Fit]
    resume: Callable[[Problem, GenerativeModel, Schedule, Trace], Fit]


FITTERS: Registry[Fitter] = Registry("method", "core.fit.fitters", "FITTER", "nbf.fitters")
"""All fitters; another package adds its own as `core.registry` describes."""


def finish(fit: Fit) -> Trace:
    """Take all remaining steps."""
    while not fit.done:
        fit.step()
    return fit.trace
