"""Colour maps of features, of the occlusion posterior and of body parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from core.pictures.palette import NOWHERE, OCCLUDED, SEEN

UNSURE = (236, 233, 224)
"""p(z = 1) = 1/2."""
OCCLUSION_LEGEND = ((SEEN, "seen"), (UNSURE, "unsure"), (OCCLUDED, "occluded"))
HIT, MISS, FALSE_ALARM = OCCLUDED, (206, 60, 140), (250, 216, 90)
HITS_LEGEND = ((HIT, "hit"), (MISS, "miss"), (FALSE_ALARM, "false alarm"), (SEEN, "seen"))
"""Called occluded and is; is, but not called so; called so, but is not; neither."""

_RANGE = (0.02, 0.98)  # quantiles of the samples that get the darkest and the brightest value
_DARKEST, _BRIGHTEST = 20.0, 245.0


@dataclass(frozen=True)
class FeatureColors:
    """A fixed projection of features onto red, green and blue by principal component analysis.

    It is fitted once, for example on a model's feature bank, and used for all pictures. Equal
    features then have equal colours, and observed and rendered maps can be compared by eye.

    Attributes:
        mean: mean of the samples.
        basis: the three main axes as columns; the entry of largest magnitude is positive in each.
        low, high: projections that get the darkest and the brightest value.
    """

    mean: Float[Tensor, " dim"]
    basis: Float[Tensor, "dim 3"]
    low: Float[Tensor, "3"]
    high: Float[Tensor, "3"]

    @staticmethod
    def fit(features: Float[Tensor, "*samples dim"]) -> FeatureColors:
        """Fit the principal axes of samples, such as the rows of a bank or the pixels of a map.

        Samples that are not finite are left out. Missing axes (fewer than three dimensions, or too
        few samples) are shown in grey.
        """
        samples = features.detach().reshape(-1, features.shape[-1]).double()
        samples = samples[samples.isfinite().all(1)]
        dim = samples.shape[1]
        mean = samples.mean(0) if len(samples) else samples.new_zeros(dim)
        basis = _main_axes(samples - mean)
        projected = (samples - mean) @ basis
        quantiles = torch.tensor(_RANGE, dtype=samples.dtype)
        ends = _quantiles(projected, quantiles) if len(samples) else basis.new_zeros(2, 3)
        parts = (mean, basis, ends[0], ends[1])
        return FeatureColors(*(part.to(features.dtype) for part in parts))

    def apply(
        self, features: Float[Tensor, "height width dim"]
    ) -> UInt8[np.ndarray, "height width 3"]:
        """RGB colours of a feature map; values outside the fitted range are clipped."""
        projected = (features.detach().to(self.mean) - self.mean) @ self.basis
        span = self.high - self.low
        flat = span <= 1e-9
        share = torch.where(flat, 0.5, (projected - self.low) / torch.where(flat, 1.0, span))
        tones = _DARKEST + share.nan_to_num(0.5).clamp(0, 1) * (_BRIGHTEST - _DARKEST)
        return tones.round().to(torch.uint8).numpy()


def occlusion_colors(
    posterior: Float[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """RGB colours of p(z = 1), the probability that the body is visible at a pixel it covers.

    Blue is visible, orange occluded (`OCCLUSION_LEGEND`); NaN (no body at the pixel) is `NOWHERE`.
    """
    stops = np.array([OCCLUDED, UNSURE, SEEN], np.float64)
    level = np.clip(np.nan_to_num(posterior.astype(np.float64), nan=0.5), 0, 1)
    channels = [np.interp(level, (0.0, 0.5, 1.0), stops[:, i]) for i in range(3)]
    colors = np.rint(np.stack(channels, -1)).astype(np.uint8)
    colors[np.isnan(posterior)] = NOWHERE
    return colors


def part_colors(parts: Integer[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """RGB colours of a part map: 0 is background, 1 + joint one of 24 body parts."""
    return PART_PALETTE[parts]


def _main_axes(centered: Float[Tensor, "samples dim"]) -> Float[Tensor, "dim 3"]:
    """Eigenvectors of the three largest eigenvalues with fixed signs; zeros for missing ones."""
    dim = centered.shape[1]
    values, vectors = torch.linalg.eigh(centered.T @ centered / max(len(centered), 1))
    count = int((values > 1e-12 * values.max().clamp_min(1e-300)).sum().clamp(max=3))
    axes = vectors.flip(1)[:, :count]
    largest = axes.abs().argmax(0, keepdim=True)
    axes = axes * axes.gather(0, largest).sign()
    return torch.cat([axes, axes.new_zeros(dim, 3 - count)], 1)


def _quantiles(
    values: Float[Tensor, "samples 3"], shares: Float[Tensor, " shares"]
) -> Float[Tensor, "shares 3"]:
    """Order statistics by sorting: `torch.quantile` refuses more than 16 million values."""
    ordered = values.sort(0).values
    return ordered[(shares * (len(values) - 1)).round().long()]


def _part_palette() -> UInt8[np.ndarray, "25 3"]:
    """Warm colours for left parts, cool ones for right parts, green for the torso.

    Colours get paler towards head, hands and feet.
    """
    colors = np.zeros((25, 3), np.uint8)
    chains = {
        (1, 4, 7, 10): ((206, 61, 48), (255, 196, 120)),
        (13, 16, 18, 20, 22): ((196, 52, 116), (255, 190, 214)),
        (2, 5, 8, 11): ((45, 84, 200), (150, 212, 255)),
        (14, 17, 19, 21, 23): ((108, 62, 196), (206, 186, 255)),
        (0, 3, 6, 9, 12, 15): ((38, 110, 72), (196, 232, 140)),
    }
    for joints, (first, last) in chains.items():
        for joint, share in zip(joints, np.linspace(0, 1, len(joints)), strict=True):
            colors[1 + joint] = np.rint(np.array(first) * (1 - share) + np.array(last) * share)
    return colors


PART_PALETTE = _part_palette()
"""Colour of each value of a part map."""
