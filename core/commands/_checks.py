"""Checks of options that several commands have."""

from __future__ import annotations

import math

from core.errors import UserError

LARGEST_SEED = 2**32 - 1
"""Of NumPy's and PyTorch's generators both."""


def check_seed(seed: int) -> None:
    """Refuse a seed that a generator does not take.

    Raises:
        UserError: it is negative or too large.
    """
    check_range("--seed", seed, 0, LARGEST_SEED)


def check_range(option: str, value: float | None, least: float, most: float = math.inf) -> None:
    """Refuse a number outside a range, or one that is not finite; None is no number.

    Raises:
        UserError: the value is not in the range.
    """
    if value is None or (math.isfinite(value) and least <= value <= most):
        return
    limits = f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:.12g}"
    raise UserError(f"{option} {value} makes no sense; give a number {limits}")
