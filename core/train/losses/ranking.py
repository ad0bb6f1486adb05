"""Ranking loss: the true pose should be more likely than perturbed poses.

The true pose and some poses with one limb rotated are rendered with the current feature bank, and
their likelihoods under the network's features enter a softmax cross-entropy. Only the features
receive gradients: they learn to differ where a limb points in another direction.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from core.body.numbers import LIMB_JOINTS
from core.fit.likelihood import LikelihoodSettings, negative_log_likelihood, pixel_evidence
from core.fit.pose_perturbation import KINDS, Near, near
from core.fit.state import BodyState
from core.nbv.features import FeatureBank, expected_features
from core.nbv.volume import NeuralBodyVolume
from core.render.volume.render import render_sparse
from core.render.volume.sparse import RenderSettings
from core.train.batches.batch import Batch


@dataclass(frozen=True)
class RankingSettings:
    """Weight of the ranking loss, and how its poses are drawn.

    Attributes:
        weight: loss weight; 0 switches the loss off.
        poses: perturbed poses in each step.
        kinds: probabilities of `core.fit.pose_perturbation.KINDS`.
        angles: smallest and largest rotation, degrees.
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
    """Mean over people of ``-log softmax(log-likelihoods)`` at the true pose.

    People without `Supervision.kernels` contribute 0.

    Args:
        features: unit features of the batch, with gradients.
        bank: feature bank, without gradients.
    """
    truth = BodyState(batch.rotations, batch.betas, batch.transl)
    poses = list(_draw(truth, volume, settings, generator))
    scores = [-_nll(features, bank, volume, batch, truth, settings)]
    for pose in poses:
        score = -_nll(features, bank, volume, batch, pose.body, settings)
        scores.append(torch.where(pose.exists, score, -torch.inf))
    losses = -torch.log_softmax(torch.stack(scores), 0)[0]
    if batch.supervision is None:
        return losses.mean()
    return (losses * batch.supervision.kernels).mean()


def _draw(
    truth: BodyState,
    volume: NeuralBodyVolume,
    settings: RankingSettings,
    generator: torch.Generator,
) -> Iterator[Near]:
    """Random perturbations of the true poses; one limb for the whole batch."""
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
    """Negative log-likelihood of bodies, differentiable in the features."""
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
