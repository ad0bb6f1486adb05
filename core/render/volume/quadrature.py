"""The reference: equation 4 of 3DNBF, integrated numerically for one ray at a time."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.render.volume.twin import ray_gaussian


def quadrature_weights(
    means: Float[Tensor, "kernels 3"],
    precisions: Float[Tensor, "kernels 3 3"],
    ray: Float[Tensor, "3"],
    density: float = 1.0,
    samples: int = 20001,
) -> Float[Tensor, " kernels"]:
    """Weight of each kernel on one ray, by the trapezoidal rule.

    Args:
        ray: unit direction from the camera.
        samples: number of points, which range from eight standard deviations in front of the
            kernels to eight behind them. Mass behind the camera counts, too.
    """
    sharpness, peak, miss = ray_gaussian(means, precisions, ray.expand_as(means))
    sigma = sharpness.rsqrt()
    low, high = (peak - 8 * sigma).min(), (peak + 8 * sigma).max()
    t = torch.linspace(0, 1, samples, dtype=means.dtype) * (high - low) + low
    standard = (t - peak[:, None]) / sigma[:, None]
    normal = torch.exp(-0.5 * standard.square()) / (sigma[:, None] * (2 * torch.pi) ** 0.5)
    thickness = density * torch.exp(-miss)[:, None]
    transmittance = torch.exp(-(thickness * torch.special.ndtr(standard)).sum(0))
    return torch.trapezoid(transmittance * thickness * normal, t, dim=1)
