"""Which pixels each limb explains, and what they count."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.names import LIMBS
from core.fit.comparison import Comparison
from core.fit.evidence import FeatureMap
from core.fit.problem import Problem
from core.nbv.volume import NeuralBodyVolume

LEAST = 0.05


@dataclass(frozen=True)
class LimbShare:
    """What one limb explains of one person's map.

    Attributes:
        pixels: sum of the limb's weights over the pixels; those of all limbs add up to the body's
            opacity.
        seen: mean posterior of z over these pixels, by weight; None if there are none.
        evidence: sum of the pixels' log-likelihoods, each divided among the limbs by their weights;
            all limbs together have the negative of the term "nll".
        cells: row, column and weight of each pixel of which the limb makes `LEAST` or more.
    """

    limb: str
    pixels: float
    seen: float | None
    evidence: float
    cells: tuple[tuple[int, int, float], ...]


def limb_weights(seen: Comparison, volume: NeuralBodyVolume) -> Float[Tensor, "pixels limbs"]:
    """Weight of each limb at the reached pixels: the sum of its kernels'."""
    ids = seen.render.assignment.kernels
    weights = seen.render.weights.masked_fill(ids < 0, 0)
    total = weights.new_zeros(len(ids), len(LIMBS))
    return total.scatter_add(1, volume.limb[ids.clamp_min(0)], weights)


@torch.no_grad()
def limb_shares(
    problem: Problem, seen: Comparison, volume: NeuralBodyVolume
) -> tuple[LimbShare, ...]:
    """What each limb explains, in the order of `core.body.names.LIMBS`."""
    weights = limb_weights(seen, volume)
    observed, place = problem.get(FeatureMap), seen.render.assignment.pixel
    inside = observed.inside[0, place]
    of_pixel = weights / weights.sum(1, keepdim=True).clamp_min(1e-12)
    evidence = (of_pixel * (inside * seen.evidence.log_likelihood)[:, None]).sum(0)
    pixels = weights.sum(0)
    posterior = (weights * seen.evidence.posterior[:, None]).sum(0) / pixels
    return tuple(
        LimbShare(
            limb=limb,
            pixels=float(pixels[i]),
            seen=float(posterior[i]) if pixels[i] > 0 else None,
            evidence=float(evidence[i]),
            cells=_cells(weights[:, i], place, observed.size[1]),
        )
        for i, limb in enumerate(LIMBS)
    )


def _cells(
    weights: Float[Tensor, " pixels"], place: Int[Tensor, " pixels"], width: int
) -> tuple[tuple[int, int, float], ...]:
    """Rows, columns and weights of the pixels that count."""
    kept = weights >= LEAST
    pairs = zip(place[kept].tolist(), weights[kept].tolist(), strict=True)
    return tuple((*divmod(pixel, width), weight) for pixel, weight in pairs)
