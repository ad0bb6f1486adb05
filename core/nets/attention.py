"""Layers that the regressor's heads share: attention pooling, its moments, per-part linear."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

REGION_VALUES = 4
"""Values of `region`: mean position (x, y) and standard deviation (x, y)."""


class PerPartLinear(nn.Module):
    """A separate linear layer for each of ``parts`` rows."""

    def __init__(self, parts: int, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(parts, inputs, outputs))
        nn.init.uniform_(self.weight, -bound, bound)
        self.bias = nn.Parameter(torch.zeros(parts, outputs))

    def forward(self, x: Float[Tensor, "batch parts cin"]) -> Float[Tensor, "batch parts cout"]:
        """Apply each part's layer to its row."""
        return torch.einsum("bjc,jcd->bjd", x, self.weight) + self.bias


def pixel_grid(height: int, width: int, like: Tensor) -> Float[Tensor, "pixels 2"]:
    """(x, y) of the pixel centres, row by row, in -1..1."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * (2 / width) - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], -1).reshape(-1, 2)


def attention(logits: Float[Tensor, "batch parts h w"]) -> Float[Tensor, "batch parts h w"]:
    """Softmax over all pixels, for each part."""
    return logits.flatten(2).softmax(-1).unflatten(-1, logits.shape[-2:])


def gather(
    features: Float[Tensor, "batch c h w"], weights: Float[Tensor, "batch parts h w"]
) -> Float[Tensor, "batch parts c"]:
    """Weighted means of the features; each part's weights sum to 1."""
    return weights.flatten(2) @ features.flatten(2).transpose(1, 2)


def region(weights: Float[Tensor, "batch parts h w"]) -> Float[Tensor, "batch parts 4"]:
    """Mean and standard deviation of (x, y) under each part's weights; the map is -1..1.

    The variance is clamped at 1e-6, because the gradient of its root is infinite at 0.
    """
    height, width = weights.shape[-2:]
    grid = pixel_grid(height, width, weights)
    mean = weights.flatten(2) @ grid
    spread = weights.flatten(2) @ grid.square() - mean.square()
    return torch.cat([mean, spread.clamp(min=1e-6).sqrt()], -1)
