"""The training loss of one batch: everything the network is asked for, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.nbv.volume import NeuralBodyVolume
from core.nets.network import NetworkOutput, PoseNetwork, TrunkOutput
from core.train.batches.batch import Batch, KernelTruth, kernel_truth
from core.train.batches.truth import BodyTruth
from core.train.distributed import ALONE, ProcessGroup
from core.train.feature_bank import MomentumBank, Observed, read_features
from core.train.losses.body import body_losses
from core.train.losses.contrast import (
    ContrastSettings,
    KernelSamples,
    contrast_losses,
    kernel_neighbours,
)
from core.train.losses.joint_estimate import heat_loss, joint_estimate_loss, joint_truth
from core.train.losses.ranking import RankingSettings, ranking_loss
from core.train.losses.regression import RegressionWeights, heatmap_loss, parts_loss


@dataclass(frozen=True)
class ObjectiveSettings:
    """Weights of all losses, and how many samples the contrast takes from an image.

    ``bfloat16`` runs the U-Net decoder in half precision, ``trunk_bfloat16`` the trunk, which only
    gains on a GPU. The regressor, the losses and the bank stay in single precision.
    """

    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    regression: RegressionWeights = field(default_factory=RegressionWeights)
    ranking: RankingSettings = field(default_factory=RankingSettings)
    kernels_per_image: int = 48
    background_per_image: int = 16
    bfloat16: bool = True
    trunk_bfloat16: bool = False


class Objective:
    """Losses of a network on batches, for one body volume and feature bank."""

    def __init__(
        self,
        volume: NeuralBodyVolume,
        bank: MomentumBank,
        settings: ObjectiveSettings,
        original: torch.nn.Module | None = None,
        group: ProcessGroup = ALONE,
    ) -> None:
        """``original`` is the untrained BlazePose, if the trunk should stay faithful to it.

        Of many processes (``group``), each is given its share of a batch, and the losses are its
        part of what one process would have found on the whole of it.
        """
        self.volume = volume
        self.bank = bank
        self.settings = settings
        self.original = original
        self.group = group
        self.neighbours = kernel_neighbours(volume.means)

    def __call__(
        self, network: PoseNetwork, batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Weighted losses by name; their sum is to be minimised. Updates the bank."""
        trunk = self._trunk(network, batch.images)
        output = network.decode(trunk, self.settings.bfloat16)
        truth = kernel_truth(self.volume, batch, self.bank.phi.shape[1])
        losses = self._regression(output, batch)
        weight = self.settings.regression.heatmaps
        if self.original is not None and weight and trunk.heatmaps is not None:
            losses["heatmaps"] = (
                weight * self._faithfulness(batch, trunk.heatmaps) / self.group.count
            )
        losses |= self._contrast(output, batch, truth, generator)
        ranking = self.settings.ranking
        if ranking.weight:
            bank = self.bank.snapshot()
            ranked = ranking_loss(output.features, bank, self.volume, batch, ranking, generator)
            losses["ranking"] = ranking.weight * ranked / self.group.count
        return losses

    def _trunk(self, network: PoseNetwork, images: Tensor) -> TrunkOutput:
        """The trunk's maps, in half precision if they are to be; the rest in single."""
        if not self.settings.trunk_bfloat16:
            return network.trunk(images)
        with torch.autocast(images.device.type, torch.bfloat16):
            output: TrunkOutput = network.trunk(images)
        if output.landmarks is None or output.heatmaps is None:
            return output
        return replace(output, landmarks=output.landmarks.float(), heatmaps=output.heatmaps.float())

    def _regression(self, output: NetworkOutput, batch: Batch) -> dict[str, Tensor]:
        weights = self.settings.regression
        truth = BodyTruth.of(batch)
        predicted = (output.rotations, output.betas, output.camera)
        losses = body_losses(*predicted, truth, self.volume, weights, self.group)
        parts = parts_loss(output.part_logits, batch.parts, self.group)
        joints = joint_truth(truth, self.volume)
        return losses | {
            "parts": weights.parts * parts,
            "joints": weights.joints * heat_loss(output.heat, joints, self.group),
            "estimates": weights.estimates
            * joint_estimate_loss(output.joint_estimate, joints, self.group),
        }

    def _faithfulness(self, batch: Batch, heatmaps: Tensor) -> Tensor:
        """On an eighth of each process's batch: the original has to run on it too."""
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
        self.bank.update(seen, self.group)
        chosen = draw(truth.visible, settings.kernels_per_image, generator, self.group)
        hidden = seen.background.flatten(1)
        pixels = draw(hidden, settings.background_per_image, generator, self.group)
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
            self.group,
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
    allowed: Bool[Tensor, "batch n"],
    count: int,
    generator: torch.Generator,
    group: ProcessGroup = ALONE,
) -> tuple[Tensor, Tensor]:
    """Indices (batch, n) of up to ``count`` allowed entries of each row, at random.

    All processes draw for the whole batch, of which ``allowed`` is this one's share.
    """
    rows, entries = allowed.shape
    score = torch.rand(group.count * rows, entries, generator=generator)
    score = score[group.index * rows :][:rows].to(allowed.device).masked_fill(~allowed, -1.0)
    top = score.topk(min(count, allowed.shape[1]), dim=1)
    row = torch.arange(rows, device=allowed.device)[:, None].expand_as(top.indices)
    valid = top.values >= 0
    return row[valid], top.indices[valid]
