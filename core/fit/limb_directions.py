"""Which way limbs go in the picture, where detected points can tell."""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.body.points import LIMB_BONES, POINTS, limb_foreshortening
from core.fit.evidence import BodyPoints, WorldPoints

LEAST_LENGTH = 3.0
"""Length of a limb in the picture, if it were not foreshortened, from which its points tell its
direction; in the standard deviations of both."""
UNKNOWN = 1.0
"""Standard deviation of a foreshortening, -1 to 1, of which nothing is known."""
LARGEST = 0.95
"""Foreshortening above which a limb's length in the picture is lost."""
_FIRST, _LAST = ([POINTS.index(bone[end]) for bone in LIMB_BONES] for end in (0, 1))


def image_directions(
    detected: BodyPoints, world: WorldPoints
) -> tuple[Float[Tensor, "batch bones 2"], Bool[Tensor, "batch bones"]]:
    """Unit vectors along `LIMB_BONES` in the picture, and whether their points tell them."""
    apart = detected.xy[:, _LAST] - detected.xy[:, _FIRST]
    sigma = torch.hypot(detected.sigma[:, _FIRST], detected.sigma[:, _LAST])
    shortened = limb_foreshortening(world.xyz).clamp(-LARGEST, LARGEST)
    length = apart.norm(dim=-1) / (1 - shortened.square()).sqrt()
    return F.normalize(apart, dim=-1), length >= LEAST_LENGTH * sigma


def unsure_limbs(world: WorldPoints, detected: BodyPoints) -> WorldPoints:
    """The 3D points, of which nothing is known where a limb's direction in the picture is not.

    A detector that does not see a limb draws it in some usual pose.
    """
    _, told = image_directions(detected, world)
    sigma = world.foreshortening_sigma
    return replace(world, foreshortening_sigma=torch.where(told, sigma, sigma.clamp_min(UNKNOWN)))
