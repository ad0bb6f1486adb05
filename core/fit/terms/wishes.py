"""Places in the photo where a person wants joints to be."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.evidence import WishedJoints
from core.fit.term import Term


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Half of the squared distances of the projected joints from their wished places, in sigmas."""
    wished = at.problem.get(WishedJoints)
    squares = (at.projected - wished.xy).square().sum(-1) / wished.sigma.square()
    return squares.sum(-1) / 2


TERM = Term(
    name="wishes",
    order=28,
    residual=residual,
    weight=40.0,
    unit="nats",
    description="distance of joints from where a person wants them in the photo, in sigmas",
    equation="1/2 sum_j |error_j|^2 / sigma_j^2; a hand is no outlier",
    needs=(WishedJoints,),
    standard=False,
)
