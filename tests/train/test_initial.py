"""A run begins with the layers of another network, of a model file too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.nets.model_file import load_model
from core.synth.shards import ShardDataset
from core.train.run.export import ExportSettings, export
from core.train.run.initial import transfer
from core.train.run.trainer import Trainer, TrainSettings

SETTINGS = TrainSettings(steps=1, batch_size=2, trunk_rate=0.0)


def test_additional_inputs_get_no_weight() -> None:
    own = {"wide.weight": torch.ones(3, 5, 1, 1), "same": torch.ones(2), "bias": torch.ones(4)}
    own |= {"narrow.weight": torch.ones(3, 1, 1, 1), "outputs.weight": torch.ones(4, 5, 1, 1)}
    given = {"wide.weight": torch.full((3, 2, 1, 1), 7.0), "same": torch.zeros(2)}
    given |= {"bias": torch.zeros(3), "narrow.weight": torch.zeros(3, 2, 1, 1)}
    given |= {"outputs.weight": torch.zeros(3, 2, 1, 1), "unknown": torch.zeros(1)}
    shared = transfer(own, given)
    assert set(shared) == {"wide.weight", "same"}
    assert shared["wide.weight"][0, :, 0, 0].tolist() == [7, 7, 0, 0, 0]


@pytest.mark.slow
def test_the_frozen_preset_takes_up_a_model_file_of_lite(
    shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    # over the same published BlazePose: Thunder's channels have no weight yet
    given = Trainer(SETTINGS, shards, shards, volume, tmp_path / "lite")
    path = tmp_path / "lite.safetensors"
    export(given, path, ExportSettings(bank_images=4, head_images=0))
    fresh = Trainer(replace(SETTINGS, preset="frozen"), shards, shards, volume, tmp_path / "frozen")
    images = fresh.loader.batch(0).images
    assert fresh.start_from(path) == []
    with torch.no_grad():
        expected = load_model(path=path).network(images)
        found = fresh.average.network.eval()(images)
    torch.testing.assert_close(found.features, expected.features, atol=2e-3, rtol=0)
    torch.testing.assert_close(found.rotations, expected.rotations, atol=2e-3, rtol=0)
    assert torch.equal(fresh.bank.phi, load_model(path=path).bank.phi)
    before = fresh.network.decoder.skips[0].conv.weight.clone()
    fresh.update(fresh.loader.batch(0))
    moved = (fresh.network.decoder.skips[0].conv.weight - before).abs().amax((0, 2, 3))
    assert (moved > 0).all()  # Thunder's channels learn


@pytest.mark.slow
def test_what_is_no_model_is_named(
    shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    fresh = Trainer(SETTINGS, shards, shards, volume, tmp_path / "run")
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(UserError, match="not a readable model file"):
        fresh.start_from(tmp_path / "text.safetensors")
