"""Joint limits."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.body.joint_limits import joint_limit_cost
from core.fit.evaluation import Evaluation
from core.fit.term import Term


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Squared excess over the limits, see `core.body.joint_limits`."""
    return joint_limit_cost(at.body.rotations)


TERM = Term(
    name="limits",
    order=50,
    residual=residual,
    weight=10.0,
    unit="rad^2",
    description="how far joints bend beyond anatomical limits",
    equation="sum_j |max(0, theta_j - high_j)|^2 + |max(0, low_j - theta_j)|^2",
)
