"""One place for each point from the places that several detectors give.

Detectors err apart: where two agree they are nearly always right (docs/photographs.md), and their
own scores say much less. So every place gets the weighted votes of all places near it, the one with
the most votes is moved to their mean, and the votes tell its standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.rows import Rows

REACH = 0.05
"""Distance at which a vote has fallen to exp(-1/2), as a share of the person's box."""

# Support of a place -> standard deviation, as a share of the box's longer side.
_SUPPORT = (0.3, 0.7, 1.05, 1.3, 1.6, 1.95, 2.25, 2.5)
_SIGMA = (0.2, 0.077, 0.042, 0.028, 0.0185, 0.0155, 0.0135, 0.0105)


@dataclass(frozen=True)
class Elected:
    """Places with the support that they have.

    Attributes:
        xy: in the unit of the candidates.
        support: sum of the weights of the places near it.
    """

    xy: Float[Tensor, "batch points 2"]
    support: Float[Tensor, "batch points"]


@dataclass(frozen=True)
class PointVotes(Rows):
    """What each detector says, before they vote. No term uses it: it explains the elected points.

    Attributes:
        names: of the points that are voted for.
        voices: names of the detectors.
        xy: in pixels of the image that they looked at.
        weight: of each vote; 0 for one that says nothing.
        sigma: standard deviation of x and of y in the same pixels, if nobody agreed.
    """

    names: tuple[str, ...]
    voices: tuple[str, ...]
    xy: Float[Tensor, "batch points voices 2"]
    weight: Float[Tensor, "batch points voices"]
    sigma: Float[Tensor, "batch points voices"]

    def scaled(self, factor: float) -> PointVotes:
        """The same votes in pixels of a scaled image."""
        return replace(self, xy=self.xy * factor, sigma=self.sigma * factor)


def elect(
    places: Float[Tensor, "batch points voices 2"],
    weights: Float[Tensor, "batch points voices"],
    side: Float[Tensor, " batch"],
) -> Elected:
    """The best supported place of each point.

    Args:
        weights: of each voice; 0 for one that says nothing.
        side: longer side of the person's box, in the unit of ``places``.
    """
    reach = REACH * side[:, None, None, None]
    apart = (places[:, :, :, None] - places[:, :, None]).norm(dim=-1) / reach
    votes = torch.exp(-0.5 * apart.square()) * weights[:, :, None]  # of voice j for place i
    most = (votes.sum(-1) * (weights > 0)).argmax(-1)[..., None, None]
    chosen = votes.gather(2, most.expand(-1, -1, 1, votes.shape[-1]))[:, :, 0]
    total = chosen.sum(-1)
    mean = (chosen[..., None] * places).sum(2) / total.clamp_min(1e-6)[..., None]
    return Elected(mean, total)


def sigma_of_support(support: Float[Tensor, "*points"]) -> Float[Tensor, "*points"]:
    """Standard deviation along an axis, as a share of the box's longer side.

    It is interpolated between values that the errors of 53 people in photographs speak for;
    `nbf eval --dataset photos` shows what it is worth on others.
    """
    known, sigma = support.new_tensor(_SUPPORT), support.new_tensor(_SIGMA).log()
    clamped = support.clamp(_SUPPORT[0], _SUPPORT[-1])
    right = torch.searchsorted(known, clamped.contiguous()).clamp(1, len(_SUPPORT) - 1)
    low, high = known[right - 1], known[right]
    share = (clamped - low) / (high - low)
    return torch.lerp(sigma[right - 1], sigma[right], share).exp()
