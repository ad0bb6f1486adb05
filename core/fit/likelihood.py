"""The robust likelihood of a feature map given a posed volume (3DNBF, equations 2 and 3).

A map pixel whose ray meets the body with opacity alpha has three explanations: the ray passes the
body (1 - alpha), it meets the body and shows it (alpha * visible), or something else is in front
(alpha * (1 - visible)). The first and third emit background features. Relative to a picture of
background alone, which no pose can change, the log-likelihood of pixel i is

    l_i = log(1 - visible alpha + visible alpha exp(r_i)),
    r_i = temper * log [ N(f_i; mu_i, s_f^2 I) / N(f_i; b, s_b^2 I) ],

with mu_i the mean rendered feature. z_i is the indicator of the second explanation; its posterior,
given that the ray meets the body, is ``sigmoid(r_i + logit(visible))``. Neighbouring features are
anything but independent, which ``temper`` < 1 makes up for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.errors import UserError
from core.nbv.features import FeatureBank
from core.render.volume.sparse import SparseRender


@dataclass(frozen=True)
class LikelihoodSettings:
    """One setting for all data.

    Attributes:
        temper: factor on the log-likelihood ratio of a pixel.
        visible: prior probability that a pixel which meets the body shows it, p(z = 1).
        use_occlusion: False is the likelihood without z: what meets the body must show it.
        equal_variance: both distributions get their mean variance. Maximum likelihood finds a
            background far tighter than the foreground, and covering a pixel then counts for more
            than matching it.
        background_cap: largest squared distance to the background that still counts, in units of
            its variance; keeps an odd patch from looking like a person.

    Raises:
        UserError: ``visible`` is not between 0 and 1.
    """

    temper: float = 0.04
    visible: float = 0.4
    use_occlusion: bool = True
    equal_variance: bool = True
    background_cap: float = 9.0

    def __post_init__(self) -> None:
        if not 0 < self.visible < 1:
            raise UserError(f"the prior p(z = 1) is between 0 and 1, not {self.visible}")


@dataclass(frozen=True)
class PixelEvidence:
    """The likelihood at the pixels that the volume reaches.

    Attributes:
        ratio: r_i of the module's docstring.
        log_likelihood: l_i.
        posterior: p(z_i = 1 | f_i) given that the ray meets the body.
    """

    ratio: Float[Tensor, " pixels"]
    log_likelihood: Float[Tensor, " pixels"]
    posterior: Float[Tensor, " pixels"]


def pixel_evidence(
    render: SparseRender,
    emitted: Float[Tensor, "batch kernels dim"],
    observed: Float[Tensor, "batch map dim"],
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> PixelEvidence:
    """Evidence at each reached pixel.

    Args:
        emitted: expected feature of each kernel in this pose.
        observed: the flattened feature map.
    """
    opacity = render.opacity
    mean = render.mean(emitted)
    feature = observed[render.assignment.batch, render.assignment.pixel]
    ratio = settings.temper * log_ratio(feature, mean, bank, settings)
    if settings.use_occlusion:
        visible = settings.visible
        meets = opacity.clamp(max=1 - 1e-6) * visible
        posterior = torch.sigmoid(ratio + math.log(visible / (1 - visible)))
    else:
        # The probability of a pixel that does not fit is at least 1e-4, so its logarithm and the
        # gradient of the opacity stay finite.
        meets = opacity.clamp(max=1 - 1e-4)
        posterior = torch.ones_like(ratio)
    # In logarithms, since exp(r_i) overflows float32 with a temper near 1. 1e-9 keeps the logarithm
    # finite at the rim, where the opacity rounds to 0.
    log_likelihood = torch.logaddexp(torch.log1p(-meets), torch.log(meets + 1e-9) + ratio)
    return PixelEvidence(ratio, log_likelihood, posterior)


def log_ratio(
    feature: Float[Tensor, "pixels dim"],
    mean: Float[Tensor, "pixels dim"],
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> Float[Tensor, " pixels"]:
    """Log N(f; mean, s_f^2 I) - log N(f; b, s_b^2 I), with s^2 the variance per dimension."""
    dim = feature.shape[-1]
    foreground, background = _variances(bank, settings)
    misfit, misfit_background = _misfits(feature, mean, bank, settings)
    return 0.5 * dim * (misfit_background - misfit + torch.log(background / foreground))


def log_densities(
    feature: Float[Tensor, "pixels dim"],
    mean: Float[Tensor, "pixels dim"],
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> tuple[Float[Tensor, " pixels"], Float[Tensor, " pixels"]]:
    """The two logarithms whose difference `log_ratio` is, each with its constants."""
    misfits = _misfits(feature, mean, bank, settings)
    logs = [
        -0.5 * feature.shape[-1] * (misfit + torch.log(2 * torch.pi * variance / feature.shape[-1]))
        for misfit, variance in zip(misfits, _variances(bank, settings), strict=True)
    ]
    return logs[0], logs[1]


def _variances(
    bank: FeatureBank, settings: LikelihoodSettings
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Variances of foreground and background, as the bank has them: sums over the dimensions."""
    foreground, background = bank.variance_foreground, bank.variance_background
    if settings.equal_variance:
        foreground = background = (foreground + background) / 2
    return foreground, background


def _misfits(
    feature: Float[Tensor, "pixels dim"],
    mean: Float[Tensor, "pixels dim"],
    bank: FeatureBank,
    settings: LikelihoodSettings,
) -> tuple[Float[Tensor, " pixels"], Float[Tensor, " pixels"]]:
    """Squared distances from the foreground's and the background's mean, over the variances."""
    foreground, background = _variances(bank, settings)
    # The bank's variances are sums over D dimensions: with s^2 = variance / D, |f - mu|^2 / (2 s^2)
    # is D / 2 times |f - mu|^2 / variance, and the normalising constants have the same factor.
    misfit = (feature - mean).square().sum(-1) / foreground
    misfit_background = (feature - bank.background).square().sum(-1) / background
    return misfit, misfit_background.clamp(max=settings.background_cap)


def negative_log_likelihood(
    render: SparseRender,
    evidence: PixelEvidence,
    inside: Float[Tensor, "batch map"],
) -> Float[Tensor, " batch"]:
    """-sum of l_i over the map; pixels beyond the photo's edge do not count.

    Args:
        inside: 1 where the map shows the photo.
    """
    known = inside[render.assignment.batch, render.assignment.pixel]
    total = inside.new_zeros(len(inside))
    return total.index_add(0, render.assignment.batch, -evidence.log_likelihood * known)
