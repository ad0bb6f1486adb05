"""Foreshortening of the limbs as a detector of 3D points tells it."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.points import limb_foreshortening, place_points
from core.fit.evaluation import Evaluation
from core.fit.evidence import WorldPoints
from core.fit.term import Term

FREEDOM = 3.0
"""Degrees of freedom of the errors' distribution."""


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of the detected foreshortenings."""
    points = place_points(at.body.rotations, at.posed.joints)
    return foreshortening_cost(limb_foreshortening(points), at.problem.get(WorldPoints))


def foreshortening_cost(
    limbs: Float[Tensor, "batch bones"], detected: WorldPoints
) -> Float[Tensor, " batch"]:
    """Negative log-density of errors under Student's t, without its constants."""
    squares = ((limbs - limb_foreshortening(detected.xyz)) / detected.foreshortening_sigma).square()
    return (FREEDOM + 1) / 2 * torch.log1p(squares / FREEDOM).sum(-1)


TERM = Term(
    name="foreshortening",
    order=35,
    residual=residual,
    weight=40.0,
    unit="nats",
    description="distance from the detected foreshortenings of limbs, in their sigmas",
    equation="(n + 1)/2 sum_b log(1 + q_b / n), q = error^2 / sigma^2, n = 3",
    needs=(WorldPoints,),
)
