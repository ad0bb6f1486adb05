"""A term of the objective as data: a residual, what it needs, and how to present it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.problem import Problem
from core.registry import Registry
from core.rows import Rows

Residual = Callable[[Evaluation], Float[Tensor, " batch"]]


@dataclass(frozen=True)
class Term:
    """One term of the objective. The weighted sum of all terms is minimised.

    Attributes:
        name: in schedules, traces, reports, plots and ``--weights NAME=VALUE``.
        order: terms are summed and listed by ascending order.
        residual: the unweighted cost of each row, a pure function.
        weight: default weight in a stage of the standard schedule.
        unit: of the unweighted cost.
        description: one line for tooltips and reports.
        equation: of the unweighted cost, or its source.
        needs: evidence without which the term is zero.
        stages: names of the standard schedule's stages that weigh the term; empty: all of them.
        standard: False for a term that no standard schedule has: whoever brings its evidence adds
            it.
    """

    name: str
    order: int
    residual: Residual
    weight: float
    unit: str
    description: str
    equation: str
    needs: tuple[type[Rows], ...] = ()
    stages: tuple[str, ...] = ()
    standard: bool = True

    def cost(self, at: Evaluation) -> Float[Tensor, " batch"]:
        """The unweighted cost, zero where the problem lacks what the term needs."""
        return self.residual(at) if self.applies(at.problem) else torch.zeros_like(at.vector[:, 0])

    def applies(self, problem: Problem) -> bool:
        """Whether the problem has the evidence that the term needs."""
        return all(problem.find(kind) is not None for kind in self.needs)


TERMS: Registry[Term] = Registry("term", "core.fit.terms", "TERM", "nbf.terms")
"""All terms; another package adds its own as `core.registry` describes."""
