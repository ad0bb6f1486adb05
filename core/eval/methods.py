"""What is evaluated, by name: the regressed body, the start of a fit, and every way of fitting."""

from __future__ import annotations

from collections.abc import Sequence

from core.body.params import BodyParams
from core.fit.engine import Engine
from core.fit.evidence import RegressedBody
from core.fit.fitter import FITTERS, finish
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.start import choose_start

INIT = "init"
"""The regressed body, before any fit: what methods are compared with."""
START = "start"
"""The candidate of `core.fit.start` at which a fit begins."""
STANDARD = (INIT, START, "nbf")
BODIES = (INIT, START)
"""Bodies that no fitter makes."""


def check_methods(names: Sequence[str]) -> None:
    """Refuse unknown methods before anything is computed.

    Raises:
        UserError: a name is neither one of `BODIES` nor a fitter.
    """
    for name in names:
        if name not in BODIES:
            FITTERS.get(name)


def fitted_bodies(
    engine: Engine, problem: Problem, schedule: Schedule, methods: Sequence[str] = STANDARD
) -> dict[str, BodyParams]:
    """The bodies of some methods in the crop cameras' frames; `INIT` is always among them."""
    bodies = {INIT: problem.get(RegressedBody).body}
    for name in methods:
        if name == START:
            bodies[name] = choose_start(problem, engine.model, schedule).body.params()
        elif name != INIT:
            fit = FITTERS.get(name).begin(problem, engine.model, schedule)
            bodies[name] = finish(fit).best(engine.volume)
    return bodies
