"""The regressed body, of more ordinary shape, moved to where its points are detected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.points import place_points
from core.fit.evidence import BodyPoints, GivenBody, RegressedBody
from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.start import Candidate, Start
from core.fit.state import BodyState
from core.geometry.camera import Camera

SHAPE_KEPT = 0.4
"""Share of the regressed shape coefficients that starts keep.

A picture hardly tells a body's size, and the network takes people in photographs for small: the
mean of its first coefficient is -1.4 to -2.7 standard deviations (docs/photographs.md).
"""
PASSES = 10
FREEDOM = 3.0  # of the Student distribution that weighs errors
NEAREST, FURTHEST = 0.3, 100.0  # metres to the middle of the points


def propose(
    problem: Problem, model: GenerativeModel, _schedule: Schedule, _before: Sequence[Candidate]
) -> list[Candidate]:
    """The regressed body at its detected points, unless the user gives a body."""
    regressed, detected = problem.find(RegressedBody), problem.find(BodyPoints)
    if regressed is None or detected is None or problem.find(GivenBody) is not None:
        return []
    body = of_likely_shape(regressed)
    posed = model.volume.pose(body.rotations, body.betas, body.transl)
    points = place_points(body.rotations, posed.joints)
    moved = translation_to(points, detected, problem.camera)
    return [Candidate("placed", BodyState(body.rotations, body.betas, body.transl + moved))]


def of_likely_shape(regressed: RegressedBody) -> BodyState:
    """The regressed body with shape coefficients nearer to the mean shape."""
    body = BodyState.of(regressed.body)
    return replace(body, betas=SHAPE_KEPT * body.betas)


def translation_to(
    points: Float[Tensor, "batch points 3"], detected: BodyPoints, camera: Camera
) -> Float[Tensor, "batch 3"]:
    """The translation that brings points to their places in the picture.

    ``f (x + t_x) = (u - c) (z + t_z)`` is linear in t. Least squares are repeated with the weights
    of Student's distribution, so that misplaced points lose their say. Rows for which this fails
    (the body would come too near, or go far away) stay.
    """
    # In double precision: LAPACK's last bits depend on where in memory its arguments are, and a fit
    # that starts again must start at the same bits.
    given, points = points, points.double()
    sigma, focal = detected.sigma.double(), camera.focal[:, None, None].double()
    places = detected.xy.double() - camera.center[:, None].double()
    weight = 1 / sigma
    moved = points.new_zeros(len(points), 3)
    for _ in range(PASSES):
        eye = torch.eye(2).to(points).expand(*places.shape[:2], 2, 2)
        rows = torch.cat([focal[..., None] * eye, -places[..., None]], -1)
        right = places * points[..., 2:] - focal * points[..., :2]
        scale = (weight / points[..., 2])[..., None]  # errors in pixels, not times depth
        a = (rows * scale[..., None]).flatten(1, 2)
        moved = torch.linalg.lstsq(a, (right * scale).flatten(1, 2)[..., None]).solution[..., 0]
        placed = points + moved[:, None]
        off = focal * placed[..., :2] / placed[..., 2:] - places
        q = off.square().sum(-1) / sigma.square()
        weight = (1 + q / FREEDOM).rsqrt() / sigma
    depth = (points[..., 2] + moved[:, 2:]).amin(1)
    good = moved.isfinite().all(1) & (depth > NEAREST) & (depth < FURTHEST)
    return torch.where(good[:, None], moved, 0.0).to(given)


START = Start("placed", 15, propose, "the regression, moved to where its points are detected")
