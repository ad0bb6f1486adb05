"""Means over people with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

RESAMPLES = 2000
LEVEL = 0.95
WORSE_BY = 2.0
"""Millimetres by which a body's error must exceed the regressed body's to count as worse."""

Values = Float[np.ndarray, " people"]
"""One value per person."""


@dataclass(frozen=True)
class Estimate:
    """A mean over people with its bootstrap interval; None if nobody had a value."""

    value: float | None
    low: float | None
    high: float | None


def estimate(values: Values, seed: int = 0) -> Estimate:
    """Mean and percentile-bootstrap interval over people; NaN values are left out."""
    kept = np.asarray(values, np.float64)
    kept = kept[~np.isnan(kept)]
    if len(kept) == 0:
        return Estimate(None, None, None)
    low, high = bootstrap_interval(kept, seed)
    return Estimate(float(kept.mean()), low, high)


def bootstrap_interval(
    values: Values, seed: int = 0, level: float = LEVEL, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """Percentile-bootstrap interval of the mean: people are resampled with replacement."""
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for i in range(resamples):  # one row at a time: all indices at once could need gigabytes
        means[i] = values[generator.integers(0, len(values), len(values))].mean()
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def worse(after: Values, before: Values, by: float = WORSE_BY) -> Values:
    """1 for each person whose error grew by more than ``by`` millimetres, else 0.

    NaN if either value is missing.
    """
    grew = (after > before + by).astype(np.float64)
    return np.where(np.isnan(after) | np.isnan(before), np.nan, grew)
