"""The training loss of one batch: all weighted terms by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from core.nbv.volume import NeuralBodyVolume
from core.nets.network import NetworkOutput, PoseNetwork
from core.nets.trunks import TrunkOutput
from core.train.batches.batch import Batch, KernelTruth, kernel_truth, trunk_output
from core.train.batches.truth import BodyTruth
from core.train.distributed import SINGLE_PROCESS, ProcessGroup
from core.train.feature_bank import MomentumBank, ObservedFeatures, sample_features
from core.train.losses.body import body_losses
from core.train.losses.contrast import (
    ContrastSettings,
    KernelSamples,
    contrast_losses,
    kernel_neighbours,
)
from core.train.losses.joint_estimate import joint_estimate_loss, joint_heatmap_loss, joint_truth
from core.train.losses.ranking import RankingSettings, ranking_loss
from core.train.losses.regression import RegressionWeights, distillation_loss, parts_loss


@dataclass(frozen=True)
class ObjectiveSettings:
    """Weights of all losses, samples of the contrastive losses, and precision.

    Attributes:
        kernels_per_image, background_per_image: samples that the contrastive losses take.
        bfloat16: run the U-Net decoder in half precision. Regressor, losses and bank always run in
            single precision.
        trunk_bfloat16: run the trunk in half precision, which is faster on a GPU only.
    """

    contrast: ContrastSettings = field(default_factory=ContrastSettings)
    regression: RegressionWeights = field(default_factory=RegressionWeights)
    ranking: RankingSettings = field(default_factory=RankingSettings)
    kernels_per_image: int = 48
    background_per_image: int = 16
    bfloat16: bool = True
    trunk_bfloat16: bool = False


class Objective:
    """The losses of a network on batches, for one body volume and feature bank."""

    def __init__(
        self,
        volume: NeuralBodyVolume,
        bank: MomentumBank,
        settings: ObjectiveSettings,
        teacher: torch.nn.Module | None = None,
        group: ProcessGroup = SINGLE_PROCESS,
    ) -> None:
        """Prepare the losses.

        Args:
            teacher: BlazePose as published, whose heatmaps the trunk should keep (`heatmaps`).
            group: processes that share a batch; the losses are this process's terms of those of
                the whole batch.
        """
        self.volume = volume
        self.bank = bank
        self.settings = settings
        self.teacher = teacher
        self.group = group
        self.neighbours = kernel_neighbours(volume.means)

    def __call__(
        self, network: PoseNetwork, batch: Batch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Weighted losses by name, whose sum is minimised; also updates the bank."""
        trunk = self._trunk(network, batch)
        output = network.decode(trunk, self.settings.bfloat16)
        truth = kernel_truth(self.volume, batch, self.bank.phi.shape[1])
        losses = self._regression(output, batch)
        weight = self.settings.regression.heatmaps
        if self.teacher is not None and weight and trunk.heatmaps is not None:
            losses["heatmaps"] = (
                weight * self._distillation(batch, trunk.heatmaps) / self.group.world_size
            )
        losses |= self._contrast(output, batch, truth, generator)
        ranking = self.settings.ranking
        if ranking.weight:
            bank = self.bank.snapshot()
            ranked = ranking_loss(output.features, bank, self.volume, batch, ranking, generator)
            losses["ranking"] = ranking.weight * ranked / self.group.world_size
        return losses

    def _trunk(self, network: PoseNetwork, batch: Batch) -> TrunkOutput:
        """The trunk's output; maps in half precision if so set, landmarks always in single."""
        enabled = self.settings.trunk_bfloat16
        with torch.autocast(batch.images.device.type, torch.bfloat16, enabled=enabled):
            output = trunk_output(network, batch)
        if output.heatmaps is None:
            return output
        return replace(output, heatmaps=output.heatmaps.float())

    def _regression(self, output: NetworkOutput, batch: Batch) -> dict[str, Tensor]:
        weights = self.settings.regression
        truth = BodyTruth.of(batch)
        predicted = (output.rotations, output.betas, output.camera)
        losses = body_losses(*predicted, truth, self.volume, weights, self.group)
        parts = parts_loss(output.part_logits, batch.parts, self.group)
        joints = joint_truth(truth, self.volume)
        return losses | {
            "parts": weights.parts * parts,
            "joints": weights.joints * joint_heatmap_loss(output.heat, joints, self.group),
            "estimates": weights.estimates
            * joint_estimate_loss(output.joint_estimate, joints, self.group),
        }

    def _distillation(self, batch: Batch, heatmaps: Tensor) -> Tensor:
        """Loss against the teacher's heatmaps on an eighth of the batch: the teacher costs time."""
        assert self.teacher is not None
        share = max(1, len(heatmaps) // 8)
        with torch.no_grad():
            target = self.teacher(batch.images[:share]).heatmaps
        return distillation_loss(heatmaps[:share], target)

    def _contrast(
        self,
        output: NetworkOutput,
        batch: Batch,
        truth: KernelTruth,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        settings = self.settings
        observed = observe_features(output.features, truth, batch)
        self.bank.update(observed, self.group)
        chosen = draw_indices(truth.visible, settings.kernels_per_image, generator, self.group)
        not_body = observed.background.flatten(1)
        pixels = draw_indices(not_body, settings.background_per_image, generator, self.group)
        samples = KernelSamples(
            features=observed.features[chosen],
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


def observe_features(
    features: Float[Tensor, "batch dim h w"], truth: KernelTruth, batch: Batch
) -> ObservedFeatures:
    """Sample a feature map at the true kernels, and mark its background pixels."""
    return ObservedFeatures(
        features=sample_features(features, truth.xy, batch.size),
        weights=truth.orientation * truth.visible[..., None],
        map=features,
        background=(batch.parts == 0) | batch.occluder,
    )


def draw_indices(
    allowed: Bool[Tensor, "batch n"],
    count: int,
    generator: torch.Generator,
    group: ProcessGroup = SINGLE_PROCESS,
) -> tuple[Tensor, Tensor]:
    """Random indices (row, column) of up to ``count`` allowed entries of each row.

    ``allowed`` is this process's share of the batch. Every process draws random numbers for the
    whole batch, so that the choice does not depend on the number of processes.
    """
    rows, entries = allowed.shape
    score = torch.rand(group.world_size * rows, entries, generator=generator)
    score = score[group.rank * rows :][:rows].to(allowed.device).masked_fill(~allowed, -1.0)
    top = score.topk(min(count, allowed.shape[1]), dim=1)
    row = torch.arange(rows, device=allowed.device)[:, None].expand_as(top.indices)
    valid = top.values >= 0
    return row[valid], top.indices[valid]
