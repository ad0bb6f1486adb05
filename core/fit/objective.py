"""The objective: the weighted sum of all terms."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.term import Term


def objective(at: Evaluation, terms: Mapping[str, Term]) -> dict[str, Float[Tensor, " batch"]]:
    """Every term, unweighted, for each row."""
    return {name: term.cost(at) for name, term in terms.items()}


def weighted_sum(
    costs: Mapping[str, Float[Tensor, " batch"]], weights: Mapping[str, float]
) -> Float[Tensor, " batch"]:
    """What is minimised. A term of weight 0 does not count, not even where it is not finite."""
    # Zeros keep the order of summation, and so the bits, whichever terms have a weight.
    return torch.stack(
        [
            weights[name] * cost if weights.get(name) else torch.zeros_like(cost)
            for name, cost in costs.items()
        ]
    ).sum(0)
