"""Least-squares alignment of point sets (Umeyama, PAMI 1991)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def similarity_align(
    source: Float[Tensor, "batch points 3"], target: Float[Tensor, "batch points 3"]
) -> Float[Tensor, "batch points 3"]:
    """``source`` aligned to ``target`` by the best similarity transform, s R x + t.

    Reflections are excluded: a mirrored person stays mirrored.
    """
    source_mean = source.mean(1, keepdim=True)
    target_mean = target.mean(1, keepdim=True)
    centered, goal = source - source_mean, target - target_mean
    left, singular, right_t = torch.linalg.svd(centered.transpose(1, 2) @ goal)
    signs = torch.ones_like(singular)  # flips the weakest axis where U V^T is a reflection
    signs[:, 2] = torch.linalg.det(left @ right_t).sign()
    rotation = (left * signs[:, None]) @ right_t  # acts on row vectors from the right
    variance = centered.square().sum((1, 2)).clamp_min(torch.finfo(source.dtype).tiny)
    scale = (singular * signs).sum(1) / variance
    return scale[:, None, None] * centered @ rotation + target_mean
