"""From a training run to a model file: tuned head, feature bank and held-out figures."""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import torch

from core.assets import asset_path
from core.io.files import digest_file
from core.nbv.orientation import CONCENTRATION
from core.nets.blocks import fold_batchnorm
from core.nets.model_file import save_model
from core.nets.network import PoseNetwork
from core.synth.shards import ShardDataset
from core.train.batches.loader import in_order
from core.train.feature_bank import estimate_bank
from core.train.heads.regression_head import HeadSettings, collect_head_data, tune_head
from core.train.run.trainer import Trainer
from core.train.run.validate import observations, validate


@dataclass(frozen=True)
class ExportSettings:
    """Settings of the last two stages: head tuning and feature bank.

    Attributes:
        bank_images: images from which the feature bank is estimated.
        head_images: images on which the head is tuned; 0 leaves the head as it is.
        head: settings of the head tuning.
        people: shards for both; None: the run's. A network is more certain on the people it was
            trained on than on others, and a head tuned on them trusts its estimates too much.
    """

    bank_images: int = 4000
    head_images: int = 16000
    head: HeadSettings = field(default_factory=HeadSettings)
    people: ShardDataset | None = None


def export(trainer: Trainer, path: Path, settings: ExportSettings) -> dict[str, float]:
    """Write the run's averaged network with a newly estimated bank.

    Returns:
        Held-out figures by name.
    """
    network = copy.deepcopy(trainer.average.network).eval()
    fold_batchnorm(network)
    if settings.head_images:
        tune_exported_head(trainer, network, settings)
    people = settings.people or trainer.shards
    bank_images = min(settings.bank_images, len(people))
    bins = trainer.settings.bins
    bank = estimate_bank(observations(network, people, trainer.volume, bins, bank_images))
    held_out = in_order(trainer.held_out, device=trainer.group.device)
    figures = validate(network, bank, trainer.volume, held_out)
    metadata = {
        "body": "freebody-1",
        "body_sha256": digest_file(asset_path("body/freebody.npz")),
        "layout": trainer.settings.layout,
        "kernel_vertices": trainer.volume.vertices.tolist(),
        "concentration": CONCENTRATION,
        "steps": trainer.step,
        "batch_size": trainer.settings.batch_size,
        "training_samples": len(trainer.shards),
        "trained_on": trainer.loader.composition,
        "bank_images": bank_images,
        "head_images": settings.head_images,
        "finished_on_others": settings.people is not None,
        "held_out": {"samples": len(trainer.held_out), **figures},
    }
    save_model(path, network.cpu(), bank.to(torch.zeros(())), metadata)
    return figures


def tune_exported_head(trainer: Trainer, network: PoseNetwork, settings: ExportSettings) -> None:
    """Tune the regression head on newly augmented images; the rest of the network is fixed."""
    loader = trainer.loader.for_final_tuning(trainer.settings.seed + 1)
    if settings.people is not None:
        loader = loader.with_shards(settings.people)
    steps = -(-settings.head_images // loader.batch_size)
    data = collect_head_data(network, itertools.islice(loader.batches(0), steps))
    tune_head(network.regressor.cpu(), data, loader.volume, settings.head)  # fast enough on a CPU
    network.to(loader.device)
