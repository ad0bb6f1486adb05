"""Is the fit about the person who is meant? How far its body stays from the detected points.

Where it is not, the points are another's or the pose is wrong as a whole, and the objective itself
does not tell: a likelihood of features compares with nothing that is known.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.params import BodyParams
from core.body.points import place_points
from core.fit.evidence import BodyPoints, FeatureMap
from core.fit.fitter import Fit
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.terms.points import as_seen, point_cost

LARGEST = 12.5
"""Nats above which a fit is doubted; docs/photographs.md tells how often that is right."""


@torch.no_grad()
def points_misfit(
    problem: Problem, model: GenerativeModel, params: BodyParams
) -> Float[Tensor, " batch"] | None:
    """The term "points" of bodies, unweighted, in nats; None where nothing is detected.

    Points outside the photo do not count: detectors guess them, as the prior does.

    Args:
        params: in the crop cameras' frames.
    """
    detected = problem.find(BodyPoints)
    if detected is None:
        return None
    inside = problem.get(FeatureMap).shows(detected.xy)
    detected = replace(detected, sigma=detected.sigma.masked_fill(~inside, torch.inf))
    rotations = params.rotations()
    joints = model.volume.pose(rotations, params.betas, params.transl).joints
    return point_cost(as_seen(problem, place_points(rotations, joints)), detected)


def doubt(fit: Fit, problem: Problem, model: GenerativeModel) -> str:
    """One line if the best body of a fit of one person is doubtful, else nothing."""
    best = int(fit.trace.best_steps()[0])
    misfit = points_misfit(problem, model, fit.trace.params(best, model.volume))
    if misfit is None or not (nats := float(misfit[0])) > LARGEST:
        return ""
    return (
        f"the body stays far from the detected points ({nats:.0f} nats; nearly all right fits have "
        f"at most {LARGEST:g}): it may be another person's, or the pose is wrong"
    )
