"""From a training run to a model file: a longer trained head, an exact feature bank, figures."""

from __future__ import annotations

import copy
import hashlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path

import torch

from core.assets import asset_path
from core.nbv.orientation import CONCENTRATION
from core.nets.blocks import fold_batchnorm
from core.nets.model_file import save_model
from core.nets.network import PoseNetwork
from core.synth.shards import ShardDataset
from core.train.batches.loader import in_order
from core.train.feature_bank import reestimate
from core.train.heads.regression_head import HeadSettings, collect, tune_head
from core.train.run.trainer import Trainer
from core.train.run.validate import observations, validate


@dataclass(frozen=True)
class ExportSettings:
    """What a model is finished with.

    Attributes:
        bank_images, head_images: images for the feature bank, and for training the head alone (0:
            leave it as it is).
        people: whom they show; None: those of the run. On people it was trained on a network is
            surer of itself than on others, and the head then trusts it too much.
    """

    bank_images: int = 4000
    head_images: int = 16000
    head: HeadSettings = field(default_factory=HeadSettings)
    people: ShardDataset | None = None


def export(trainer: Trainer, path: Path, settings: ExportSettings) -> dict[str, float]:
    """Write the run's averaged network with a newly estimated bank; the held-out figures."""
    network = copy.deepcopy(trainer.average.network).eval()
    fold_batchnorm(network)
    if settings.head_images:
        finish_head(trainer, network, settings)
    people = settings.people or trainer.shards
    bank_images = min(settings.bank_images, len(people))
    bins = trainer.settings.bins
    bank = reestimate(observations(network, people, trainer.volume, bins, bank_images))
    held_out = in_order(trainer.held_out, device=trainer.group.device)
    figures = validate(network, bank, trainer.volume, held_out)
    metadata = {
        "body": "freebody-1",
        "body_sha256": hashlib.sha256(asset_path("body/freebody.npz").read_bytes()).hexdigest(),
        "layout": trainer.settings.layout,
        "kernel_vertices": trainer.volume.vertices.tolist(),
        "concentration": CONCENTRATION,
        "steps": trainer.step,
        "batch_size": trainer.settings.batch_size,
        "training_samples": len(trainer.shards),
        "trained_on": trainer.loader.facts,
        "bank_images": bank_images,
        "head_images": settings.head_images,
        "finished_on_others": settings.people is not None,
        "held_out": {"samples": len(trainer.held_out), **figures},
    }
    save_model(path, network.cpu(), bank.to(torch.zeros(())), metadata)
    return figures


def finish_head(trainer: Trainer, network: PoseNetwork, settings: ExportSettings) -> None:
    """Train the regression head on newly augmented images, with the features as they are."""
    loader = trainer.loader.finishing(trainer.settings.seed + 1)
    if settings.people is not None:
        loader = loader.of(settings.people)
    steps = -(-settings.head_images // loader.batch_size)
    data = collect(network, itertools.islice(loader.batches(0), steps))
    tune_head(network.regressor.cpu(), data, loader.volume, settings.head)  # quick on the CPU
    network.to(loader.device)
