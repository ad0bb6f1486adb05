"""The posterior of z as one may believe it: from the likelihood and from a detector's mask.

The likelihood judges pixels one by one and as if they were independent. Its own posterior ranks
them well but is far too sure that the body is seen: of what it calls seen with more than 0.9, on
photographs 83 % are. A detector's mask knows shapes, and errs elsewhere: it finds people's edges in
crowds and behind furniture, but looks through patches that are pasted over them. Both
together, with factors that make them honest, are

    p(z_i = 1) = sigmoid(a (r_i + logit(visible)) + b m_i + c),

with the likelihood ratio r_i and the mask's log-odds m_i. The fit itself does not use it: there the
mask changed no figure (docs/photographs.md).
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from core.fit.likelihood import LikelihoodSettings, PixelEvidence

RATIO, MASK, OFFSET = 0.25, 0.06, -0.2
"""Factors of the likelihood and of the mask, and a constant, which are honest about people of COCO
as they are and with patches pasted over them (docs/photographs.md)."""


def believed(
    evidence: PixelEvidence, mask: Float[Tensor, " pixels"], settings: LikelihoodSettings
) -> PixelEvidence:
    """The evidence with the posterior of the module's docstring.

    Args:
        mask: log-odds that a pixel shows the person.
    """
    if not settings.use_occlusion:
        return evidence
    prior = math.log(settings.visible / (1 - settings.visible))
    return replace(
        evidence,
        posterior=torch.sigmoid(RATIO * (evidence.ratio + prior) + MASK * mask + OFFSET),
    )
