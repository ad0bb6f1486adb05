"""From a training run to a model file: an exact feature bank, figures, metadata."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from core.assets import asset_path
from core.nbv.orientation import CONCENTRATION
from core.nets.blocks import fold_batchnorm
from core.nets.model_file import save_model
from core.nets.network import PoseNetwork
from core.train.bank import Observed, reestimate
from core.train.batch import kernel_truth
from core.train.loader import in_order
from core.train.objective import observe
from core.train.trainer import Trainer
from core.train.validate import validate


def export(trainer: Trainer, path: Path, bank_images: int) -> dict[str, float]:
    """Write the run's averaged network with a newly estimated bank; the held-out figures."""
    network = copy.deepcopy(trainer.average.network).eval()
    fold_batchnorm(network)
    bank = reestimate(observations(trainer, network, bank_images))
    figures = validate(network, bank, trainer.volume, in_order(trainer.held_out))
    metadata = {
        "body": "freebody-1",
        "body_sha256": hashlib.sha256(asset_path("body/freebody.npz").read_bytes()).hexdigest(),
        "kernel_vertices": trainer.volume.vertices.tolist(),
        "concentration": CONCENTRATION,
        "steps": trainer.step,
        "batch_size": trainer.settings.batch_size,
        "training_samples": len(trainer.shards),
        "bank_images": min(bank_images, len(trainer.shards)),
        "held_out": {"samples": len(trainer.held_out), **figures},
    }
    save_model(path, network, bank, metadata)
    return figures


@torch.no_grad()
def observations(trainer: Trainer, network: PoseNetwork, count: int) -> Iterator[Observed]:
    """What the network's features say about evenly chosen training samples, as they are."""
    number = len(trainer.shards)
    spaced = np.linspace(0, number - 1, min(count, number)).astype(int).tolist()
    bins = trainer.settings.bins
    for batch in in_order(trainer.shards, spaced):
        truth = kernel_truth(trainer.volume, batch, bins)
        yield observe(network(batch.images).features, truth, batch)
