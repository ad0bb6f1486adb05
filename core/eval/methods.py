"""What is evaluated, by name: the network's regression, and every way of fitting."""

from __future__ import annotations

from collections.abc import Sequence

from core.body.params import BodyParams
from core.fit.engine import Engine
from core.fit.evidence import RegressedBody
from core.fit.fitter import FITTERS, finish
from core.fit.problem import Problem
from core.fit.schedule import Schedule

INIT = "init"
"""The regressed body, before any fit: what methods are compared with."""
STANDARD = (INIT, "nbf")


def check_methods(names: Sequence[str]) -> None:
    """Refuse unknown methods before anything is computed.

    Raises:
        UserError: a name is neither `INIT` nor a fitter.
    """
    for name in names:
        if name != INIT:
            FITTERS.get(name)


def fitted_bodies(
    engine: Engine, problem: Problem, schedule: Schedule, methods: Sequence[str] = STANDARD
) -> dict[str, BodyParams]:
    """The bodies of some methods in the crop cameras' frames; `INIT` is always among them."""
    bodies = {INIT: problem.get(RegressedBody).body}
    for name in methods:
        if name != INIT:
            fit = FITTERS.get(name).begin(problem, engine.model, schedule)
            bodies[name] = finish(fit).best(engine.volume)
    return bodies
