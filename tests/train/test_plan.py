"""The cost of a run is counted and measured, never guessed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core import cli
from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.nets.presets import find_preset
from core.synth.shards import ShardDataset
from core.train.distributed import SINGLE_PROCESS, ProcessGroup
from core.train.run import plan as planning
from core.train.run.plan import (
    Measurement,
    Plan,
    count_network,
    count_work,
    full_lines,
    is_short,
    make_plan,
    measure_run,
    measured_batch,
    placeholder_people,
    short_lines,
)
from core.train.run.trainer import Trainer, TrainSettings

SETTINGS = TrainSettings(steps=1000, batch_size=64, validate_every=400, bank_images=100)
CPU = Measurement("Processor, 1 thread", 1, 16, 2.0, 0.5, 0.01, 0.03, 1.5, 900, 3000)
GPU = replace(CPU, device="GPU Something", crops=64, step_seconds=0.2, load_seconds=0.4)


def planned(measured: Measurement | None, settings: TrainSettings = SETTINGS) -> Plan:
    return Plan(settings, find_preset("paper"), 1000, 1100, 6400, 300, 2000, measured)


@pytest.mark.parametrize(
    ("layer", "forward"),
    [
        (torch.nn.Conv2d(8, 12, 3, padding=1), 8 * 12 * 9 * 36),
        (torch.nn.Conv2d(12, 12, 3, padding=1, groups=12), 12 * 9 * 36),
        (torch.nn.Conv2d(8, 12, 3, stride=2, padding=1, groups=4), 2 * 12 * 9 * 9),
        (torch.nn.ConvTranspose2d(8, 12, 2, stride=2), 8 * 12 * 4 * 36),
    ],
)
def test_each_gradient_costs_as_much_as_the_convolution(
    layer: torch.nn.Conv2d, forward: int
) -> None:
    images = torch.rand(5, layer.in_channels, 6, 6, requires_grad=True)
    with count_work() as counter:
        output = layer(images)
        assert counter.get_total_flops() == 2 * 5 * forward
        output.sum().backward()
    assert counter.get_total_flops() == 3 * 2 * 5 * forward
    with count_work() as counter:
        layer(images.detach()).sum().backward()
    assert counter.get_total_flops() == 2 * 2 * 5 * forward  # nobody wants the input's gradient


def test_the_network_is_counted_without_its_batch_norm() -> None:
    parameters, macs = count_network(find_preset("lite"))
    wider = count_network(find_preset("lite", 128))
    assert wider[0] - parameters == 64 * 64 + 64  # the last layer: 64 channels to 64 more, biases
    assert wider[1] - macs == 64 * 64 * 64 * 64
    assert 0.8e9 < macs < 1e9


def test_hours_follow_from_measured_steps() -> None:
    plan = planned(CPU)
    assert plan.images == 64_000 and plan.epochs == 10
    assert plan.step_seconds == pytest.approx(8)  # 64 crops in place of the 16 measured
    assert plan.hours == pytest.approx(8000 / 3600)
    assert plan.macs == 64_000 * 3000
    assert plan.validations == 3  # steps 400 and 800, and the end
    assert plan.validation_hours == pytest.approx(3 * (100 * 0.01 + 300 * 0.03) / 3600)
    assert plan.finish_hours == pytest.approx(2000 * 0.01 / 3600)


def test_the_slower_of_training_and_loading_counts() -> None:
    plan = planned(GPU)
    assert plan.step_seconds == pytest.approx(0.4)
    assert plan.hours == plan.gpu_hours == pytest.approx(400 / 3600)


def test_minutes_become_steps() -> None:
    timed = replace(SETTINGS, steps=None, minutes=80)
    assert planned(CPU, timed).steps == 600  # of 8 s
    assert planned(None, timed).steps is None


def test_a_gpu_is_not_guessed_from_a_processor_or_from_many() -> None:
    assert planned(CPU).gpu_hours is None
    assert planned(replace(GPU, processes=8)).gpu_hours is None
    assert "on one GPU: unmeasured" in "\n".join(short_lines(planned(CPU)))
    eight = "\n".join(short_lines(planned(replace(GPU, processes=8))))
    assert "8 processes, GPU Something" in eight and "on one GPU: unmeasured" in eight


def test_lines() -> None:
    first, work, when = short_lines(planned(CPU))
    assert "1,000 steps of 64 images = 64,000 crops of 320 px" in first
    assert "each of 6,400 people 10 times" in first
    assert "1.9e+08 in all" in work
    assert "2.2 hours, 8.00 s a step (Processor, 1 thread)" in when
    full = "\n".join(full_lines(planned(CPU)))
    assert "16 crops a step: 2.00 s" in full and "validated 3 times" in full


def test_without_measurements_everything_is_unmeasured() -> None:
    timed = replace(SETTINGS, steps=None, minutes=80)
    for settings in (SETTINGS, timed):
        plan = planned(None, settings)
        assert short_lines(plan)[-1] == "here: unmeasured; on one GPU: unmeasured"
        assert "in all" not in "\n".join(full_lines(plan))
        assert plan.record()["hours"] is None
    assert "80 minutes of 64 images" in short_lines(planned(None, timed))[0]


def test_the_record_is_json() -> None:
    record = json.loads(json.dumps(planned(CPU).record()))
    assert record["images"] == 64_000 and record["measured"]["crops"] == 16
    assert record["gpu_hours"] is None


def test_a_processor_is_measured_on_few_crops() -> None:
    assert measured_batch(64, SINGLE_PROCESS) == 16
    assert measured_batch(64, ProcessGroup(world_size=2)) == 32
    assert measured_batch(8, SINGLE_PROCESS) == 8
    assert measured_batch(64, ProcessGroup(device="cuda:0")) == 64


def test_short_runs_are_not_measured() -> None:
    assert is_short(TrainSettings(steps=10)) and is_short(TrainSettings(minutes=1))
    assert not is_short(TrainSettings(steps=100)) and not is_short(TrainSettings(minutes=90))


def test_placeholder_people_replace_shards(tmp_path: Path) -> None:
    people = placeholder_people(tmp_path, 64, 2)
    assert len(people) == 2 and people[0].image.shape == (64, 64, 3)


@pytest.mark.slow
def test_measuring_takes_real_steps_and_does_not_affect_the_run(
    shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    settings = TrainSettings(steps=50, batch_size=2)
    before = Trainer(settings, shards, shards, volume, tmp_path).network.state_dict()
    measured = measure_run(settings, shards, shards, volume, SINGLE_PROCESS, budget=0.0)
    after = Trainer(settings, shards, shards, volume, tmp_path).network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert list(tmp_path.iterdir()) == []
    assert measured.crops == 2 and not measured.on_gpu
    assert min(measured.step_seconds, measured.load_seconds, measured.validation_seconds) > 0
    assert 0.1 < measured.memory_gib < 64
    plan = make_plan(settings, find_preset("lite"), 9, 9, 18, measured)
    assert measured.trained < plan.parameters + 1000  # batch-norm adds, frozen blocks take away
    assert 2 < measured.step_macs / plan.forward_macs < 4
    assert plan.hours is not None and plan.hours > 0


def test_too_large_a_batch_is_named(
    shards: ShardDataset,
    volume: NeuralBodyVolume,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(planning, "Trainer", fail)
    with pytest.raises(UserError, match="--batch-size"):
        measure_run(SETTINGS, shards, shards, volume, SINGLE_PROCESS, 1.0)
    with pytest.raises(UserError, match="--minutes"):
        measure_run(TrainSettings(), shards, shards, volume, SINGLE_PROCESS, 1.0)


@pytest.mark.slow
def test_a_plan_needs_no_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("core.commands.train._PLAN_BUDGET", 0.0)
    names = [tmp_path / name for name in ("shards", "held-out", "out")]
    options = ["--shards", names[0], "--held-out", names[1], "--out", names[2]]
    options += ["--batch-size", 2, "--steps", 300, "--device", "cpu", "--plan", "--json"]
    assert cli.main(["train", *map(str, options)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["images"] == 600 and record["hours"] > 0
    assert record["people"] is None and record["epochs"] is None
    assert list(tmp_path.iterdir()) == []
