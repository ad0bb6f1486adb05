"""The distance from the start."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.parameters import BODY
from core.fit.term import Term


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Squared rotations and translation since the start.

    Where nothing is seen the likelihood is flat, and the start is the best guess there is.
    """
    return anchor_cost(at.rotation_steps, BODY.get(at.vector, "transl"))


def anchor_cost(
    rotated: Float[Tensor, "batch 24 3"], moved: Float[Tensor, "batch 3"]
) -> Float[Tensor, " batch"]:
    """Squared distance from the start.

    Args:
        rotated: rotation of each joint, axis times angle (radians).
        moved: translation in the coordinates of `core.fit.state.Chart`.
    """
    return rotated.square().sum((-1, -2)) + moved.square().sum(-1)


TERM = Term(
    name="anchor",
    order=70,
    residual=residual,
    weight=80.0,
    unit="rad^2",
    description="squared distance of pose and translation from the start",
    equation="sum_j |omega_j|^2 + |dt|^2",
    stages=("pose",),
)
