"""The shape prior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.term import Term


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Squared Mahalanobis distance of the shape from the mean shape."""
    return at.body.betas.square().sum(-1)


TERM = Term(
    name="shape",
    order=60,
    residual=residual,
    weight=1.0,
    unit="standard deviations^2",
    description="squared distance of the shape from the mean shape",
    equation="|beta|^2",
)
