"""The robust likelihood of the feature map."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from core.fit.comparison import likelihood_cost
from core.fit.evaluation import Evaluation
from core.fit.evidence import FeatureMap
from core.fit.term import Term


def residual(at: Evaluation) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of each map, see `core.fit.likelihood`."""
    return likelihood_cost(at.problem, at.model, at.body, at.posed, at.settings)


TERM = Term(
    name="nll",
    order=10,
    residual=residual,
    weight=0.6,
    unit="nats",
    description="negative log-likelihood of the feature map, with z summed out",
    equation="-sum_i log(1 - v a_i + v a_i exp(r_i)), 3DNBF equations 2 and 3",
    needs=(FeatureMap,),
)
