"""The scripts for a machine with a GPU, as far as they go without one."""

import ctypes
import subprocess
import types

import pytest
import torch

from core.bench.render import Layout
from core.cli import parse
from core.commands import find_commands
from core.native import ROOT
from core.render.volume.cuda import CudaVolume
from tools.gpu import times, voge

SMALL = Layout(kernels=60, map=20, dim=6, batch=2)


@pytest.fixture
def once(monkeypatch):
    """Calls are made once instead of being timed, and no graph is captured."""

    def call(function, *_):
        function()
        return 2.0

    monkeypatch.setattr(times, "milliseconds", call)
    monkeypatch.setattr(voge, "milliseconds", call)
    monkeypatch.setattr(times, "captured", lambda call: call)


def test_every_function_is_timed(cuda_on_cpu, once):
    taken = times.measure(CudaVolume(ctypes.CDLL(str(cuda_on_cpu))), SMALL, "cpu")
    assert {"assign", "weigh_backward", "nll", "nll in a graph"} <= taken.keys()


class Tracing:
    """VoGE's fine stage by its documentation, over the given lists."""

    @staticmethod
    def ray_tracing_fine(means, precisions, rays, lists, threshold, size, nearest):
        height, width = rays.shape[1:3]
        row, column = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        ids = lists[0, row // size, column // size].long()
        kernel, ray = ids.clamp_min(0), rays[0, :, :, None, :, None]
        precision, mean = precisions[kernel], means[kernel][..., None]
        sharpness = (ray.mT @ precision @ ray)[..., 0, 0]
        length = (mean.mT @ precision @ ray)[..., 0, 0] / sharpness
        offset = mean - length[..., None, None] * ray
        activation = (offset.mT @ precision @ offset)[..., 0, 0]
        seen = (ids >= 0) & (torch.exp(-activation) > threshold)
        order = length.masked_fill(~seen, torch.inf).argsort(-1)[..., :nearest]

        def take(values, empty):
            return values.masked_fill(~seen, empty).gather(-1, order)[None]

        return take(ids, -1), take(length, 1e10), take(activation, 1e10), take(sharpness, 1.0)


class Aggregation:
    """VoGE's composition by its documentation."""

    @staticmethod
    def aggregation(ids, activation, length, sharpness):
        apart = (length[..., :, None] - length[..., None, :]) * sharpness[..., None, :].sqrt()
        passed = torch.exp(-activation)[..., None, :] * (torch.erf(apart) + 1) / 2
        weights = torch.exp(-passed.sum(-1) - activation) / voge.UNIT
        return weights, ids, (ids >= 0).sum(-1), length

    @staticmethod
    def merge_final(features, weights, ids, _count):
        return (features[ids.clamp_min(0)] * (weights * (ids >= 0))[..., None]).sum(-2)


def test_the_comparison_compares_the_same(cuda_on_cpu, once):
    modules = (Tracing, Aggregation)
    result = voge.compare(modules, CudaVolume(ctypes.CDLL(str(cuda_on_cpu))), SMALL, "cpu")
    assert result["features differ by"] < 1e-4 and result["comparable"]
    assert result["times as fast"] == 1.0


def test_the_comparison_notices_when_they_differ(cuda_on_cpu, once):
    wrong = types.SimpleNamespace(
        aggregation=Aggregation.aggregation,
        merge_final=lambda *given: 1.1 * Aggregation.merge_final(*given),
    )
    result = voge.compare((Tracing, wrong), CudaVolume(ctypes.CDLL(str(cuda_on_cpu))), SMALL, "cpu")
    assert not result["comparable"]


def test_the_comparison_needs_a_clone(tmp_path, capsys):
    with pytest.raises(SystemExit):
        voge.main([str(tmp_path)])
    assert "no clone of https://github.com/Angtian/VoGE" in capsys.readouterr().err


def script(name, *arguments):
    command = ["sh", ROOT / "tools" / "gpu" / name, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def test_the_script_says_what_it_would_run():
    done = script("bench.sh", "--dry-run", "--voge", "/some/VoGE")
    assert done.returncode == 0, done.stderr
    steps = [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("== ")]
    assert steps[1:3] == ["== build", "== scenes_build"] and steps[-1] == "== voge"
    assert "== racecheck" in steps and "make cuda ARCH=90" in done.stdout


@pytest.mark.parametrize("name", ["bench.sh", "train.sh"])
def test_a_script_explains_itself(name):
    done = script(name, "--what")
    assert done.returncode == 2 and "--dry-run" in done.stderr and "set -" not in done.stderr


def train_steps(tmp_path, *arguments):
    """Options of each step of `nbf` that the training script would take, as the CLI reads them."""
    done = script("train.sh", "--dry-run", "--out", str(tmp_path / "out"), *arguments)
    assert done.returncode == 0, done.stderr
    taken = {}
    for name, _, line in (row[3:].partition(": nbf ") for row in done.stdout.splitlines()):
        if line:
            words = line.split()
            command = find_commands()[words[0]]
            taken[name] = parse(command, command.load().Options, words[1:])
    return taken


def test_training_goes_from_material_to_figures(tmp_path):
    steps = train_steps(tmp_path, "--data", str(tmp_path), "--people", "500")
    assert list(steps) == ["people", "others", "held_out", "bodies", "train", "score"]
    assert steps["train"].shards == steps["people"].out and steps["people"].count == 500
    assert steps["train"].held_out == steps["held_out"].out and steps["held_out"].split == "test"
    assert steps["train"].bodies == steps["bodies"].bodies and steps["train"].device == "cuda"
    assert steps["score"].model == steps["train"].out / "frozen.safetensors"
    assert steps["train"].finish_on == steps["others"].out and steps["others"].split == "train"
    assert len({steps[name].seed for name in ("people", "others", "held_out")}) == 3


def test_training_takes_options_of_its_own(tmp_path):
    given = ("--preset", "paper", "--start", "other", "--device", "cpu")
    steps = train_steps(tmp_path, "--", *given)
    assert "bodies" not in steps and steps["train"].bodies is None
    assert steps["people"].size == 320 and steps["train"].device == "cpu"
    assert steps["score"].model.name == "paper.safetensors"


def test_training_that_was_cut_off_goes_on(tmp_path):
    assert not train_steps(tmp_path)["train"].resume
    (tmp_path / "out" / "run").mkdir(parents=True)
    (tmp_path / "out" / "run" / "checkpoint.pt").touch()
    assert train_steps(tmp_path)["train"].resume
