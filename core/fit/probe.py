"""Why a pixel of the feature map counts as it does.

Every number is one of `core.fit.comparison.compare` at that pixel, or of the same likelihood
(`core.fit.likelihood`) for another feature in place of the rendered one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import LIMBS
from core.errors import UserError
from core.fit.comparison import Comparison
from core.fit.evidence import FeatureMap, PersonMask
from core.fit.likelihood import PixelEvidence, log_densities, pixel_evidence
from core.fit.model import GenerativeModel
from core.fit.observation import Observation
from core.fit.problem import Problem
from core.fit.settings import FitSettings
from core.nbv.orientation import orientation_weights
from core.render.volume.sparse import Assignment, SparseRender

LIMB_NAMES = tuple(LIMBS)
BEST = 5  # kernels of the bank that are listed


@dataclass(frozen=True)
class KernelShare:
    """A kernel that makes a pixel.

    Attributes:
        weight: its share of the pixel; all of them add up to the opacity.
        depth: metres along the pixel's ray.
        position: of its centre, metres in the crop camera's frame.
        orientation: probability of each orientation bin of its limb (3DNBF, equation 7).
        ratio, posterior: what they would be if the pixel rendered this kernel's feature alone.
    """

    kernel: int
    limb: str
    weight: float
    depth: float
    position: tuple[float, float, float]
    orientation: tuple[float, ...]
    ratio: float
    posterior: float


@dataclass(frozen=True)
class Match:
    """A feature of the bank, and the pixel's ratio and posterior of z if it were rendered there."""

    kernel: int
    limb: str
    orientation: int
    ratio: float
    posterior: float


@dataclass(frozen=True)
class PixelProbe:
    """What is behind one pixel.

    Attributes:
        row, column: of the feature map.
        inside: share of the pixel that shows the photo; its log-likelihood counts as much.
        observed: feature of the network.
        rendered: mean rendered feature; None where the body does not reach.
        background: mean feature of everything else.
        opacity: of the body, 0 to 1.
        foreground_log, background_log: tempered log densities of the observed feature around the
            rendered one and around the background's (capped); None where the body does not reach,
            as the ratio and the posterior are.
        ratio: their difference r_i.
        log_likelihood: l_i of `core.fit.likelihood`, relative to background alone; 0 where the body
            does not reach.
        posterior: p(z_i = 1), that the pixel shows the body and nothing in front of it.
        kernels: that make the pixel, the largest weight first.
        matches: the kernels whose features fit the observed one best in any orientation.
        mask: log-odds of the detector's mask, which the posterior counts, too (see
            `core.fit.visibility`); those of kernels and matches are the likelihood's alone. None
            without a mask.
    """

    row: int
    column: int
    inside: float
    observed: tuple[float, ...]
    rendered: tuple[float, ...] | None
    background: tuple[float, ...]
    opacity: float
    foreground_log: float | None
    background_log: float | None
    ratio: float | None
    log_likelihood: float
    posterior: float | None
    kernels: tuple[KernelShare, ...]
    matches: tuple[Match, ...]
    mask: float | None = None


@torch.no_grad()
def probe_compared(
    problem: Problem,
    model: GenerativeModel,
    seen: Comparison,
    settings: FitSettings,
    row: int,
    column: int,
) -> PixelProbe:
    """The same of a comparison that has been made."""
    observed = problem.get(FeatureMap)
    height, width = observed.size
    if not (0 <= row < height and 0 <= column < width):
        raise UserError(f"no pixel {row}, {column} in a feature map of {height} rows, {width} wide")
    pixel = row * width + column
    feature = observed.features[:1, pixel]
    mask = problem.find(PersonMask)
    found = (seen.render.assignment.pixel == pixel).nonzero()[:, 0]
    probe = PixelProbe(
        row=row,
        column=column,
        inside=float(observed.inside[0, pixel]),
        observed=tuple(feature[0].tolist()),
        rendered=None,
        background=tuple(model.bank.background.tolist()),
        opacity=0.0,
        foreground_log=None,
        background_log=None,
        ratio=None,
        log_likelihood=0.0,
        posterior=None,
        kernels=(),
        matches=_matches(feature, model, settings),
        mask=float(mask.at(observed.size)[0, pixel]) if mask else None,
    )
    if len(found) == 0:
        return probe
    at = int(found[0])
    mean = seen.render.mean(seen.emitted)[at : at + 1]
    logs = log_densities(feature, mean, model.bank, settings.likelihood)
    foreground, background = (settings.likelihood.temper * float(log) for log in logs)
    return replace(
        probe,
        rendered=tuple(mean[0].tolist()),
        opacity=float(seen.render.opacity[at]),
        foreground_log=foreground,
        background_log=background,
        ratio=float(seen.evidence.ratio[at]),
        log_likelihood=float(seen.evidence.log_likelihood[at]),
        posterior=float(seen.evidence.posterior[at]),
        kernels=_kernels(feature, model, seen, settings, at),
    )


def map_pixel(observation: Observation, x: float, y: float) -> tuple[int, int]:
    """Row and column of the feature map that show a pixel of the photo.

    Raises:
        UserError: the crop does not show it.
    """
    evidence = observation.problem.get(FeatureMap)
    place = observation.view.to_crop(np.array([[x, y]], np.float64))[0] / evidence.stride
    column, row = (int(value) for value in np.floor(place))
    if not (0 <= row < evidence.size[0] and 0 <= column < evidence.size[1]):
        raise UserError(f"pixel {x:g},{y:g} is outside the person's crop; give one near the person")
    return row, column


def _kernels(
    feature: Float[Tensor, "1 dim"],
    model: GenerativeModel,
    seen: Comparison,
    settings: FitSettings,
    at: int,
) -> tuple[KernelShare, ...]:
    """The kernels of a reached pixel, the largest weight first."""
    ids = seen.render.assignment.kernels[at]
    ids = ids[ids >= 0]
    weights, depths = seen.render.weights[at], seen.render.depth[at]
    means = seen.posed.means[0, ids]
    alone = _alone(feature, seen.emitted[0, ids], model, settings)
    orientation = orientation_weights(seen.posed.limb_directions, model.bank.bins)[0]
    shares = [
        KernelShare(
            kernel=kernel,
            limb=LIMB_NAMES[int(model.volume.limb[kernel])],
            weight=float(weights[i]),
            depth=float(depths[i]),
            position=(float(means[i, 0]), float(means[i, 1]), float(means[i, 2])),
            orientation=tuple(orientation[int(model.volume.limb[kernel])].tolist()),
            ratio=float(alone.ratio[i]),
            posterior=float(alone.posterior[i]),
        )
        for i, kernel in enumerate(ids.tolist())
    ]
    return tuple(sorted(shares, key=lambda share: -share.weight))


def _matches(
    feature: Float[Tensor, "1 dim"], model: GenerativeModel, settings: FitSettings
) -> tuple[Match, ...]:
    """The best kernels, each in its best orientation."""
    bank = model.bank
    alone = _alone(feature, bank.phi.flatten(0, 1), model, settings)
    best, bins = alone.ratio.unflatten(0, bank.phi.shape[:2]).max(1)
    chosen = best.topk(min(BEST, len(best))).indices.tolist()
    return tuple(
        Match(
            kernel=kernel,
            limb=LIMB_NAMES[int(model.volume.limb[kernel])],
            orientation=int(bins[kernel]),
            ratio=float(best[kernel]),
            posterior=float(alone.posterior[kernel * bank.bins + int(bins[kernel])]),
        )
        for kernel in chosen
    )


def _alone(
    feature: Float[Tensor, "1 dim"],
    features: Float[Tensor, "others dim"],
    model: GenerativeModel,
    settings: FitSettings,
) -> PixelEvidence:
    """The evidence of a pixel if it rendered each of several features, and nothing else."""
    count = len(features)
    nowhere = torch.zeros(count, dtype=torch.long, device=features.device)
    one = features.new_ones(count)
    assignment = Assignment(nowhere, nowhere, torch.arange(count).to(nowhere)[:, None])
    render = SparseRender(assignment, one[:, None], one, one[:, None])
    return pixel_evidence(render, features[None], feature[None], model.bank, settings.likelihood)
