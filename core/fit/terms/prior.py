"""The pose prior."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.term import Term


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Energy of body joints 1..21 under the model's prior, see `core.nets.pose_prior`."""
    return at.model.prior(at.body.rotations[:, 1:22])


TERM = Term(
    name="prior",
    order=40,
    residual=residual,
    weight=15.0,
    unit="",
    description="how unusual the pose is to the pose prior's auto-encoder",
    equation="1/2 |mu(theta)|^2 + |decode(mu(theta)) - theta|^2, after VPoser (SMPLify-X)",
)
