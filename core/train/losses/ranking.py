"""A loss that asks the likelihood to put the truth before poses near it.

The truth and a few poses with one limb turned are rendered with the feature bank as it stands, and
their likelihoods are held against the network's features, which alone receive gradients: what is to
be learnt is to look different where a limb points elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from core.fit.likelihood import LikelihoodSettings, negative_log_likelihood, pixel_evidence
from core.fit.pose_perturbation import KINDS, LIMB_JOINTS, Near, near
from core.fit.state import BodyState
from core.nbv.features import FeatureBank, expected_features
from core.nbv.volume import NeuralBodyVolume
from core.render.volume.render import render_sparse
from core.render.volume.sparse import RenderSettings
from core.train.batches.batch import Batch


@dataclass(frozen=True)
class RankingSettings:
    """How much the ranking counts, and among how many poses.

    Attributes:
        weight: of the loss; 0 leaves it out.
        poses: besides the truth, in each step.
        kinds: chances of `core.fit.pose_perturbation.KINDS`.
        angles: least and largest turn, degrees.
    """

    weight: float = 0.0
    poses: int = 3
    kinds: tuple[float, float, float] = (0.2, 0.5, 0.3)
    angles: tuple[float, float] = (15.0, 60.0)
    likelihood: LikelihoodSettings = field(default_factory=LikelihoodSettings)


def ranking_loss(
    features: Float[Tensor, "batch dim h w"],
    bank: FeatureBank,
    volume: NeuralBodyVolume,
    batch: Batch,
    settings: RankingSettings,
    generator: torch.Generator,
) -> Float[Tensor, ""]:
    """Mean of -log of the truth's share among the likelihoods of all poses.

    People whose kernels are not known (`Known.kernels`) count as 0.

    Args:
        features: of the batch, with gradients.
        bank: fixed.
    """
    truth = BodyState(batch.rotations, batch.betas, batch.transl)
    poses = list(_draw(truth, volume, settings, generator))
    scores = [-_nll(features, bank, volume, batch, truth, settings)]
    for pose in poses:
        score = -_nll(features, bank, volume, batch, pose.body, settings)
        scores.append(torch.where(pose.exists, score, -torch.inf))
    losses = -torch.log_softmax(torch.stack(scores), 0)[0]
    return losses.mean() if batch.known is None else (losses * batch.known.kernels).mean()


def _draw(
    truth: BodyState,
    volume: NeuralBodyVolume,
    settings: RankingSettings,
    generator: torch.Generator,
) -> Iterator[Near]:
    """Random poses near the truth, the same limb for the whole batch."""
    limbs, chances = list(LIMB_JOINTS), torch.tensor(settings.kinds)
    low, high = (math.radians(angle) for angle in settings.angles)
    for _ in range(settings.poses):
        limb = int(torch.randint(len(limbs), (), generator=generator))
        kind = int(torch.multinomial(chances, 1, generator=generator))
        size = low + (high - low) * float(torch.rand((), generator=generator))
        sign = 1 if float(torch.rand((), generator=generator)) < 0.5 else -1
        yield near(truth, volume, limbs[limb], KINDS[kind], sign * size)


def _nll(
    features: Float[Tensor, "batch dim h w"],
    bank: FeatureBank,
    volume: NeuralBodyVolume,
    batch: Batch,
    body: BodyState,
    settings: RankingSettings,
) -> Float[Tensor, " batch"]:
    """Negative log-likelihood of a body, differentiable in the features."""
    height, width = features.shape[2:]
    with torch.no_grad():
        posed = volume.pose(body.rotations, body.betas, body.transl)
        emitted = expected_features(bank, volume, posed)
        camera = batch.camera.scaled(width / batch.size)
        rendered = render_sparse(
            posed.means, posed.precisions, camera, height, width, RenderSettings()
        )
    observed = features.flatten(2).transpose(1, 2)
    evidence = pixel_evidence(rendered, emitted, observed, bank, settings.likelihood)
    everywhere = observed.new_ones(observed.shape[:2])
    return negative_log_likelihood(rendered, evidence, everywhere)
