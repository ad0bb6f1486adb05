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
    """What is minimised; terms without a weight do not count."""
    return torch.stack([weights.get(name, 0.0) * cost for name, cost in costs.items()]).sum(0)
