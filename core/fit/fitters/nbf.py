"""3D-aware neural body fitting: Adam on the terms of the objective."""

from __future__ import annotations

from core.fit.fitter import Fitter
from core.fit.parameters import BODY
from core.fit.solver import Solver

FITTER = Fitter(
    name="nbf",
    order=10,
    description="3D-aware neural body fitting: Adam on the terms of the objective",
    parameters=BODY,
    begin=Solver.begin,
    resume=Solver.resume,
)
