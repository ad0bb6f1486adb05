"""Is a feature map right? What the bank says of each pixel of a person, against a reference body.

A pixel's reference is the kernel with the largest weight in it. The bank's answer is the entry (a
kernel in an orientation) whose mean is the most similar to the pixel's feature. It misleads by

    m = max over entries e of other limbs of r_e - r,

with r the log-likelihood ratio of `core.fit.likelihood` for the feature that the reference body
renders, and r_e that for entry e: so many nats, tempered as in the fit, speak for the wrong limb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.body.names import LIMBS
from core.body.params import BodyParams
from core.fit.comparison import Comparison, compare
from core.fit.evidence import FeatureMap
from core.fit.likelihood import LikelihoodSettings, log_ratio
from core.fit.model import GenerativeModel
from core.fit.pictures import COVERED
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.state import BodyState
from core.nbv.features import FeatureBank
from core.nbv.orientation import orientation_weights

NEAR = 0.085
"""Metres in the rest pose within which a kernel counts as near."""
CLEAR = 0.7
"""Probability from which a limb's orientation counts as one of the bins."""
_CHUNK = 64  # pixels compared with all entries at once
_TWIN = [
    list(LIMBS).index({"l": "r", "r": "l"}[name[0]] + name[1:]) if name[1] == "_" else place
    for place, name in enumerate(LIMBS)
]
"""The same limb of the other side."""


@dataclass(frozen=True)
class FeaturePixels:
    """The seen pixels of one person.

    Attributes:
        pixel: index in the flattened map.
        exact, near, limb: the bank's answer is the reference kernel, one within `NEAR` of it, one
            of its limb.
        misled: nats that speak for another limb, see the module.
        twin: that limb is the same of the other side.
        background: nats by which the background explains the pixel better than the reference.
        true_bin, told_bin: orientation of the reference's limb, -1 where it is not `CLEAR`, and the
            most similar one among the reference kernel's.
    """

    pixel: Int[np.ndarray, " pixels"]
    exact: Bool[np.ndarray, " pixels"]
    near: Bool[np.ndarray, " pixels"]
    limb: Bool[np.ndarray, " pixels"]
    misled: Float[np.ndarray, " pixels"]
    twin: Bool[np.ndarray, " pixels"]
    background: Float[np.ndarray, " pixels"]
    true_bin: Int[np.ndarray, " pixels"]
    told_bin: Int[np.ndarray, " pixels"]

    def __len__(self) -> int:
        return len(self.pixel)

    @staticmethod
    def concatenate(parts: Sequence[FeaturePixels]) -> FeaturePixels:
        """The pixels of several people."""
        names = [field.name for field in fields(FeaturePixels)]
        return FeaturePixels(*(np.concatenate([vars(p)[name] for p in parts]) for name in names))


@torch.no_grad()
def judge_features(
    problem: Problem,
    model: GenerativeModel,
    body: BodyParams,
    seen: Float[Tensor, " map"],
    schedule: Schedule,
) -> FeaturePixels:
    """Compare one person's feature map with a reference body.

    Args:
        seen: share of each pixel of the map that shows the person; from a half on it counts.
    """
    found = compare(problem, model, BodyState.of(body), schedule)
    observed, assignment = problem.get(FeatureMap), found.render.assignment
    counted = (found.render.opacity >= COVERED) & (seen[assignment.pixel] >= 0.5)
    counted &= observed.inside[0, assignment.pixel] >= 0.5
    features = observed.features[0, assignment.pixel[counted]]
    reference = _heaviest(found)[counted]
    rendered = found.render.mean(found.emitted)[counted]
    likelihood = schedule.likelihood
    bank, limb = model.bank, model.volume.limb
    own = likelihood.temper * log_ratio(features, rendered, bank, likelihood)
    best, other, other_limb = _answers(features, limb[reference], limb, bank, likelihood)
    twins = torch.tensor(_TWIN)[limb[reference]]
    means = model.volume.means
    weights = orientation_weights(found.posed.limb_directions, bank.bins)[0, limb[reference]]
    directions = torch.nn.functional.normalize(bank.phi[reference], dim=-1)
    told = torch.einsum("pd,pod->po", features, directions).argmax(1)
    return FeaturePixels(
        pixel=assignment.pixel[counted].numpy(),
        exact=(best == reference).numpy(),
        near=((means[best] - means[reference]).norm(dim=1) < NEAR).numpy(),
        limb=(limb[best] == limb[reference]).numpy(),
        misled=(other - own).numpy(),
        twin=((other_limb == twins) & (twins != limb[reference])).numpy(),
        background=(-own).numpy(),
        true_bin=torch.where(weights.amax(1) > CLEAR, weights.argmax(1), -1).numpy(),
        told_bin=told.numpy(),
    )


def _heaviest(found: Comparison) -> Int[Tensor, " pixels"]:
    """The kernel with the largest weight in each reached pixel."""
    column = found.render.weights.argmax(1, keepdim=True)
    return found.render.assignment.kernels.gather(1, column)[:, 0]


def _answers(
    features: Float[Tensor, "pixels dim"],
    own_limb: Int[Tensor, " pixels"],
    limb: Int[Tensor, " kernels"],
    bank: FeatureBank,
    likelihood: LikelihoodSettings,
) -> tuple[Int[Tensor, " pixels"], Float[Tensor, " pixels"], Int[Tensor, " pixels"]]:
    """The most similar kernel; the best ratio of an entry of another limb, and that limb."""
    best, other, other_limb = [], [], []
    directions = torch.nn.functional.normalize(bank.phi, dim=-1)
    for part, own in zip(features.split(_CHUNK), own_limb.split(_CHUNK), strict=True):
        best.append(torch.einsum("pd,kod->pko", part, directions).amax(2).argmax(1))
        entries = bank.phi.flatten(0, 1)
        pairs = part.repeat_interleave(len(entries), 0), entries.repeat(len(part), 1)
        ratio = likelihood.temper * log_ratio(*pairs, bank, likelihood)
        of_kernel = ratio.view(len(part), *bank.phi.shape[:2]).amax(2)
        strongest = of_kernel.masked_fill(own[:, None] == limb, -torch.inf).max(1)
        other.append(strongest.values)
        other_limb.append(limb[strongest.indices])
    empty = torch.zeros(0, dtype=torch.long)
    return (
        torch.cat([empty, *best]),
        torch.cat([features.new_zeros(0), *other]),
        torch.cat([empty, *other_limb]),
    )
