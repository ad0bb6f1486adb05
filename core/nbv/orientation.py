"""The probability of each orientation bin of a limb (3DNBF, equation 7)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

CONCENTRATION = 4.0
"""Concentration kappa of the von Mises-Fisher distribution."""


def orientation_bins(bins: int, like: Tensor) -> Float[Tensor, "bins 3"]:
    """Unit vectors, evenly spaced on the unit circle of the camera's yz-plane."""
    angle = torch.arange(bins, dtype=like.dtype, device=like.device) * (2 * math.pi / bins)
    return torch.stack([torch.zeros_like(angle), angle.cos(), angle.sin()], -1)


def orientation_weights(
    directions: Float[Tensor, "batch limbs 3"],
    bins: int = 4,
    concentration: float = CONCENTRATION,
) -> Float[Tensor, "batch limbs bins"]:
    """p(o | l): von Mises-Fisher density of each limb direction, normalised over the bins.

    The bins are in the yz-plane, so ``l . l_o`` shrinks with the limb's projection onto that plane.
    A limb along x has no direction in the plane and gets the uniform distribution, to which the
    others converge continuously.
    """
    return torch.softmax(concentration * directions @ orientation_bins(bins, directions).T, -1)
