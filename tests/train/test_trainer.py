"""A run trains, stops, resumes, and ends with a model file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import core.train.run.export as export_module
from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.nets.blazepose import load_blazepose
from core.nets.model_file import load_model
from core.nets.network import PoseNetwork
from core.synth.shards import ShardDataset
from core.train.batches.batch import Batch
from core.train.heads.regression_head import HeadData, HeadSettings
from core.train.run.export import ExportSettings, export
from core.train.run.trainer import PRETRAINED_TRUNK_RATE, Trainer, TrainSettings
from tests.train.people import write_shard

pytestmark = pytest.mark.slow

SETTINGS = TrainSettings(
    steps=6,
    batch_size=2,
    warmup=2,
    validate_every=100,
    save_every=3,
    decay=0.5,
)


def quiet(step: int, done: float, losses: dict[str, float]) -> None:
    """Report nothing."""


@pytest.fixture(scope="module")
def finished(
    shards: ShardDataset, volume: NeuralBodyVolume, tmp_path_factory: pytest.TempPathFactory
) -> Trainer:
    trainer = Trainer(SETTINGS, shards, shards, volume, tmp_path_factory.mktemp("whole"))
    trainer.figures.add = lambda *_: None  # type: ignore[method-assign]
    trainer.run(quiet)
    return trainer


def test_files_of_a_run(finished: Trainer) -> None:
    names = {path.name for path in finished.folder.iterdir()}
    assert {"checkpoint.pt", "losses.csv", "losses.png"} <= names
    assert finished.step == 6


def test_resumed_run_is_the_same_run(
    finished: Trainer, shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    first = Trainer(SETTINGS, shards, shards, volume, tmp_path)
    batches = first.loader.batches(0)
    for _ in range(3):
        first.update(next(batches))
    first.save()
    second = Trainer(SETTINGS, shards, shards, volume, tmp_path)
    second.resume()
    assert second.step == 3
    for batch in second.loader.batches(3):
        second.update(batch)
        if second.step == SETTINGS.steps:
            break
    for name, value in finished.network.state_dict().items():
        assert torch.equal(value, second.network.state_dict()[name]), name
    assert torch.equal(finished.bank.phi, second.bank.phi)


def test_learns(shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=12, batch_size=4)
    trainer = Trainer(settings, shards, shards, volume, tmp_path)
    batch = trainer.loader.batch(0)
    losses = [trainer.update(batch) for _ in range(10)]
    for name in ("parts", "clutter", "pose", "keypoints3d"):
        assert losses[-1][name] < losses[0][name], name


def test_export(finished: Trainer, tmp_path: Path) -> None:
    path = tmp_path / "lite.safetensors"
    settings = ExportSettings(bank_images=4, head_images=4, head=HeadSettings(steps=3))
    figures = export(finished, path, settings)
    assert {"mpjpe", "pa_mpjpe", "kernel_near", "orientation", "parts"} <= set(figures)
    model = load_model("lite", path)
    assert model.bank.phi.shape == (80, 4, 64)
    assert model.metadata["steps"] == 6
    assert model.metadata["held_out"]["samples"] == 9
    assert model.bank.variance_foreground > 0


def test_bank_and_head_can_use_other_people(
    finished: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "others" / "shard-00000", 2, seed=7)
    others = ShardDataset(tmp_path / "others")
    seen: list[float] = []
    collected = export_module.collect_head_data

    def watch(network: PoseNetwork, batches: Iterable[Batch]) -> HeadData:
        data = collected(network, batches)
        seen.extend(data.truth.betas[:, 0].tolist())
        return data

    monkeypatch.setattr(export_module, "collect_head_data", watch)
    settings = ExportSettings(9, 4, HeadSettings(steps=2), people=others)
    export(finished, tmp_path / "lite.safetensors", settings)
    assert set(seen) == {float(others[i].betas[0]) for i in range(2)}
    metadata = load_model("lite", tmp_path / "lite.safetensors").metadata
    assert metadata["finished_on_others"] and metadata["bank_images"] == 2
    assert metadata["training_samples"] == 9


def test_a_frozen_trunk_keeps_the_published_weights(
    finished: Trainer, shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    trainer = Trainer(replace(SETTINGS, trunk_rate=0.0), shards, shards, volume, tmp_path)
    decoder = finished.average.network.decoder.state_dict()
    trainer.start_from(finished.folder)  # whose trunk has learnt
    assert all(torch.equal(v, decoder[n]) for n, v in trainer.network.decoder.state_dict().items())
    before = trainer.network.project.weight.clone()
    trainer.update(trainer.loader.batch(0))
    assert not torch.equal(trainer.network.project.weight, before)
    export(trainer, tmp_path / "lite.safetensors", ExportSettings(bank_images=2, head_images=0))
    model, published = load_model("lite", tmp_path / "lite.safetensors"), load_blazepose()
    for network in (trainer.network, trainer.average.network, model.network):
        trunk = network.trunk.blazepose.state_dict()
        assert all(torch.equal(trunk[name], v) for name, v in published.state_dict().items())
    # and is not written a second time
    small = (tmp_path / "lite.safetensors").stat().st_size
    export(finished, tmp_path / "large.safetensors", ExportSettings(bank_images=2, head_images=0))
    assert small < (tmp_path / "large.safetensors").stat().st_size - 6_000_000


def test_the_trunks_rate_depends_on_its_pretraining() -> None:
    assert TrainSettings(preset="paper").relative_trunk_rate == 1
    assert TrainSettings(preset="lite").relative_trunk_rate == PRETRAINED_TRUNK_RATE < 1
    assert TrainSettings(preset="lite", trunk_rate=0).relative_trunk_rate == 0
    assert TrainSettings(preset="paper", trunk_rate=0.1).relative_trunk_rate == 0.1


def test_bad_runs_are_named(shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="320 px"):
        Trainer(replace(SETTINGS, preset="paper"), shards, shards, volume, tmp_path)
    with pytest.raises(UserError, match="fill one batch"):
        Trainer(replace(SETTINGS, batch_size=10), shards, shards, volume, tmp_path)
    with pytest.raises(UserError, match="--minutes"):
        TrainSettings().progress(0, 0.0)


def test_schedule() -> None:
    settings = TrainSettings(steps=1000, warmup=100)
    assert settings.rate_factor(0, 0.0) == pytest.approx(0.01)
    assert settings.rate_factor(500, 0.0) == pytest.approx(0.5)
    assert settings.rate_factor(1000, 0.0) == pytest.approx(0)
    timed = TrainSettings(minutes=10, warmup=100)
    assert timed.rate_factor(500, 300.0) == pytest.approx(0.5)


def test_a_run_starts_from_another_run(
    finished: Trainer, shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    fresh = Trainer(SETTINGS, shards, shards, volume, tmp_path)
    assert fresh.start_from(finished.folder) == []
    given = finished.average.network.state_dict()
    for network in (fresh.network, fresh.average.network):
        assert all(torch.equal(v, given[name]) for name, v in network.state_dict().items())
    assert torch.equal(fresh.bank.phi, finished.bank.phi)
    assert fresh.step == 0
    wider = Trainer(replace(SETTINGS, dim=32), shards, shards, volume, tmp_path / "wider")
    assert wider.start_from(finished.folder) == ["project.bias", "project.weight"]
    assert not wider.bank.phi.any()
    with pytest.raises(UserError, match=r"no run in .* to start from"):
        fresh.start_from(tmp_path / "nowhere")
