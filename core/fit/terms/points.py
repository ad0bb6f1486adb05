"""Reprojection of body points onto detected ones, weighed by the detectors' sigmas."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.points import place_points
from core.fit.evaluation import Evaluation
from core.fit.evidence import BodyPoints
from core.fit.photo_frame import PhotoFrame
from core.fit.problem import Problem
from core.fit.term import Term
from core.geometry.camera import project

FREEDOM = 3.0
"""Degrees of freedom of the errors' distribution: a point far away still pulls, but ever less."""


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of the detected points."""
    points = place_points(at.body.rotations, at.posed.joints)
    return point_cost(as_seen(at.problem, points), at.problem.get(BodyPoints))


def as_seen(
    problem: Problem, points: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points 2"]:
    """Where detectors would put points of bodies, in pixels of the crop.

    They put what is outside the photo near its edge, or not far enough outside if they guess. So a
    point that is farther outside than it was detected counts as at the nearest place that is not.

    Args:
        points: in metres, in the crops' cameras.
    """
    projected, frame = project(problem.camera, points), problem.find(PhotoFrame)
    if frame is None:
        return projected
    return frame.nearest(projected, problem.get(BodyPoints).xy)


def point_cost(
    places: Float[Tensor, "batch points 2"], detected: BodyPoints
) -> Float[Tensor, " batch"]:
    """Negative log-density of errors under Student's t in two dimensions, without its constants.

    Args:
        places: of a body's points in pixels of the crop.
    """
    squares = (places - detected.xy).square().sum(-1) / detected.sigma.square()
    return (FREEDOM / 2 + 1) * torch.log1p(squares / FREEDOM).sum(-1)


TERM = Term(
    name="points",
    order=25,
    residual=residual,
    weight=40.0,
    unit="nats",
    description="distance from the detected points of the body, in their sigmas",
    equation="(n/2 + 1) sum_k log(1 + q_k / n), q = error^2 / sigma^2, Student's t, n = 3",
    needs=(BodyPoints,),
)
