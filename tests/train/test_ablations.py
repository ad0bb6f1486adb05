"""What the paper's tables vary can be trained, saved, loaded and fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.errors import UserError
from core.fit.engine import Engine, trained_volume
from core.geometry.crop import Box
from core.nbv.volume import NeuralBodyVolume
from core.nets.model_file import load_model, save_model
from core.synth.shards import ShardDataset
from core.train.batches.batch import kernel_truth
from core.train.batches.loader import in_order
from core.train.losses.contrast import ContrastSettings
from core.train.losses.objective import ObjectiveSettings
from core.train.run.export import ExportSettings, export
from core.train.run.trainer import Trainer, TrainSettings
from tests.untrained import short_schedule


def test_skeleton_kernels_are_seen_through_their_own_surface(shards: ShardDataset) -> None:
    batch = next(iter(in_order(shards, [0, 1])))
    skeleton = NeuralBodyVolume.from_layout("skeleton", load_body())
    visible = kernel_truth(skeleton, batch, 4).visible.float().mean()
    assert visible > 0.5  # nothing hides the splatted people, and bones face everybody
    on_surface = replace(
        skeleton, depth_below_surface=torch.zeros_like(skeleton.depth_below_surface)
    )
    assert kernel_truth(on_surface, batch, 4).visible.float().mean() < 0.7 * visible


@pytest.mark.slow
def test_a_skeleton_with_eight_orientations_and_other_dimensions(
    shards: ShardDataset, tmp_path: Path
) -> None:
    settings = TrainSettings(
        steps=2,
        batch_size=2,
        warmup=1,
        bins=8,
        dim=32,
        layout="skeleton",
        validate_every=100,
        objective=ObjectiveSettings(contrast=ContrastSettings.without()),
    )
    volume = NeuralBodyVolume.from_layout("skeleton", load_body())
    trainer = Trainer(settings, shards, shards, volume, tmp_path)
    losses = trainer.update(trainer.loader.batch(0))
    assert losses["nll"] > 0 and losses["orientation"] == losses["clutter"] == 0
    path = tmp_path / "lite.safetensors"
    export(trainer, path, ExportSettings(bank_images=2, head_images=0))
    engine = Engine.load(model=path)
    assert engine.model.bank.phi.shape == (439, 8, 32) and engine.volume.kernels == 439
    photo = np.full((200, 160, 3), 128, np.uint8)
    solver = engine.begin(engine.observe(photo, Box(30, 20, 90, 160)), short_schedule())
    totals = [solver.step().total for _ in range(3)]
    assert torch.stack(totals).isfinite().all()


def test_a_layout_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    model, path = load_model(), tmp_path / "odd.safetensors"
    save_model(path, model.network, model.bank, {**model.metadata, "layout": "cloud"})
    with pytest.raises(UserError, match=r"odd\.safetensors .* 'cloud'"):
        load_model(path=path)
    strange = replace(model, metadata={**model.metadata, "layout": "skeleton"})
    with pytest.raises(UserError, match="858 kernels, its layout 439"):
        trained_volume(strange, load_body())


def test_a_model_file_with_strange_dimensions_is_refused() -> None:
    from core.nets.presets import find_preset

    assert find_preset("lite", 128).feature_dim == 128
    with pytest.raises(UserError, match="1 to 1024"):
        find_preset("lite", 10**9)
    with pytest.raises(UserError, match="1 to 1024"):
        find_preset("lite", "64")
