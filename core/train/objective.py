"""The training loss of one batch: everything the network is asked for, by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.nbv.volume import NeuralBodyVolume
from core.nets.network import NetworkOutput, PoseNetwork
from core.train.bank import MomentumBank, Observed, read_features
from core.train.batch import Batch, KernelTruth, kernel_truth
from core.train.contrast import (
    ContrastSettings,
    KernelSamples,
    contrast_losses,
    kernel_neighbours,
)
from core.train.losses import RegressionWeights, heatmap_loss, parts_loss
from core.train.ranking import RankingSettings, ranking_loss
from core.train.regression import BodyTruth, body_losses


@dataclass(frozen=True)
class ObjectiveSettings:
    """Weights of all losses, and how many samples the contrast takes from an image.

    ``bfloat16`` runs the U-Net decoder (not the trunk, not the regressor) in half precision.
    """

    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    regression: RegressionWeights = field(default_factory=RegressionWeights)
    ranking: RankingSettings = field(default_factory=RankingSettings)
    kernels_per_image: int = 96
    background_per_image: int = 32
    bfloat16: bool = True


class Objective:
    """Losses of a network on batches, for one body volume and feature bank."""

    def __init__(
        self,
        volume: NeuralBodyVolume,
        bank: MomentumBank,
        settings: ObjectiveSettings,
        original: torch.nn.Module | None = None,
    ) -> None:
        """``original`` is the untrained BlazePose, if the trunk should stay faithful to it."""
        self.volume = volume
        self.bank = bank
        self.settings = settings
        self.original = original
        self.neighbours = kernel_neighbours(volume.means)

    def __call__(
        self, network: PoseNetwork, batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Weighted losses by name; their sum is to be minimised. Updates the bank."""
        trunk = network.trunk(batch.images)
        output = network.decode(trunk, self.settings.bfloat16)
        truth = kernel_truth(self.volume, batch, self.bank.phi.shape[1])
        losses = self._regression(output, batch)
        weight = self.settings.regression.heatmaps
        if self.original is not None and weight and trunk.heatmaps is not None:
            losses["heatmaps"] = weight * self._faithfulness(batch, trunk.heatmaps)
        losses |= self._contrast(output, batch, truth, generator)
        ranking = self.settings.ranking
        if ranking.weight:
            bank = self.bank.snapshot()
            ranked = ranking_loss(output.features, bank, self.volume, batch, ranking, generator)
            losses["ranking"] = ranking.weight * ranked
        return losses

    def _regression(self, output: NetworkOutput, batch: Batch) -> dict[str, Tensor]:
        weights = self.settings.regression
        truth = BodyTruth(batch.size, batch.focal, batch.rotations, batch.betas, batch.transl)
        predicted = (output.rotations, output.betas, output.camera)
        losses = body_losses(*predicted, truth, self.volume, weights)
        return losses | {"parts": weights.parts * parts_loss(output.part_logits, batch.parts)}

    def _faithfulness(self, batch: Batch, heatmaps: Tensor) -> Tensor:
        """On an eighth of the batch: the original has to run on it too."""
        assert self.original is not None
        share = max(1, len(heatmaps) // 8)
        with torch.no_grad():
            original = self.original(batch.images[:share]).heatmaps
        return heatmap_loss(heatmaps[:share], original)

    def _contrast(
        self,
        output: NetworkOutput,
        batch: Batch,
        truth: KernelTruth,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        settings = self.settings
        seen = observe(output.features, truth, batch)
        self.bank.update(seen)
        chosen = draw(truth.visible, settings.kernels_per_image, generator)
        pixels = draw(seen.background.flatten(1), settings.background_per_image, generator)
        samples = KernelSamples(
            features=seen.features[chosen],
            kernel=chosen[1],
            orientation=truth.orientation[chosen],
        )
        background = output.features.flatten(2).transpose(1, 2)[pixels]
        return contrast_losses(
            samples,
            background,
            self.bank.phi,
            self.bank.background,
            self.bank.frequency,
            self.neighbours,
            settings.contrast,
        )


def observe(features: Float[Tensor, "batch dim h w"], truth: KernelTruth, batch: Batch) -> Observed:
    """What a feature map says about kernels and background, given the truth."""
    return Observed(
        features=read_features(features, truth.xy, batch.size),
        weights=truth.orientation * truth.visible[..., None],
        map=features,
        background=(batch.parts == 0) | batch.occluder,
    )


def draw(
    allowed: Bool[Tensor, "batch n"], count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Indices (batch, n) of up to ``count`` allowed entries of each row, at random."""
    score = torch.rand(allowed.shape, generator=generator).masked_fill(~allowed, -1.0)
    top = score.topk(min(count, allowed.shape[1]), dim=1)
    rows = torch.arange(len(allowed))[:, None].expand_as(top.indices)
    valid = top.values >= 0
    return rows[valid], top.indices[valid]
