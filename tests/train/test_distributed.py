"""Two processes compute the result of one on the same batch."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.loader import Loader
from core.train.distributed import SINGLE_PROCESS, ProcessGroup, find_process_group
from core.train.run.checkpoint import load_checkpoint
from core.train.run.trainer import Trainer, TrainSettings
from tests.preloaded import command, run
from tests.train.distributed_steps import greet, train, train_with_others
from tests.train.people import write_shard

ROOT = Path(__file__).parents[2]


def train_together(*arguments: Path) -> None:
    """`train_with_others` in two processes with the variables that torchrun gives them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    ranks = [shared | {"RANK": str(i), "LOCAL_RANK": str(i)} for i in range(2)]
    for done in run(*((train_with_others, arguments, rank) for rank in ranks)):
        assert done.returncode == 0, done.stderr[-4000:]


def torchrun(module: str, *arguments: str | Path) -> None:
    """Run a module in two processes."""
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    words += ["--nproc-per-node", "2", "-m", module, *map(str, arguments)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write_shard(folder / "shard-00000", 6, seed=2)
    return folder


def test_shares_make_the_batch(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    """Random changes belong to a place in the whole batch."""
    settings = AugmentSettings(patches=0.5)
    whole = Loader(shards, volume, 4, settings, 7).batch(3)
    shares = [Loader(shards, volume, 4, settings, 7, "cpu", i, 2).batch(3) for i in range(2)]
    tensors = {name: value for name, value in vars(whole).items() if value is not None}
    for name, value in tensors.items():
        assert torch.equal(value, torch.cat([getattr(share, name) for share in shares])), name


@pytest.mark.slow
def test_two_processes_compute_the_result_of_one(people: Path, tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric")
    train_together(people, tmp_path)
    one = train(people, tmp_path, SINGLE_PROCESS)
    first, second = (torch.load(tmp_path / f"{i}.pt", weights_only=True) for i in range(2))
    for part, tensors in one.items():
        for name, value in tensors.items():
            assert torch.equal(first[part][name], second[part][name]), (part, name)
            close = torch.allclose(first[part][name], value, rtol=0, atol=1e-9)
            assert close, (part, name, (first[part][name] - value).abs().max())


def srun(nodes: int, per_node: int | None) -> list[subprocess.CompletedProcess[str]]:
    """`greet` in two processes with the variables that SLURM's srun gives them."""
    calls = []
    for index in range(2):
        slurm = {"STEP_NUM_TASKS": 2, "STEP_NUM_NODES": nodes, "NNODES": nodes, "NTASKS": 2}
        slurm |= {"PROCID": index, "NODEID": index * (nodes - 1), "LOCALID": index * (2 - nodes)}
        slurm |= {"JOB_ID": os.getpid()} | ({"NTASKS_PER_NODE": per_node} if per_node else {})
        variables = {f"SLURM_{name}": str(value) for name, value in slurm.items()}
        variables |= {"SLURM_NODELIST": "localhost", "SLURM_JOB_NAME": "train"}
        calls.append((greet, (), variables))
    return run(*calls)


@pytest.mark.slow
def test_srun_over_two_nodes() -> None:
    pytest.importorskip("lightning_fabric")
    for index, done in enumerate(srun(2, 1)):
        assert done.stdout == f"{index} 2 3.0\n", done.stderr
    for done in srun(1, None):
        assert "UserError: the processes cannot train together" in done.stderr


@pytest.mark.slow
def test_the_same_command_under_torchrun(people: Path, tmp_path: Path) -> None:
    """In single precision, with a half precision decoder: Adam's first steps follow signs."""
    pytest.importorskip("lightning_fabric")
    options = ["train", "--shards", people, "--held-out", people, "--device", "cpu"]
    options += ["--preset", "lite"]  # whose trunk is trained, too
    options += ["--steps", "2", "--batch-size", "2", "--head-images", "0", "--bank-images", "2"]
    torchrun("core.cli", *options, "--out", tmp_path / "two")
    (alone,) = run((command, (*options, "--out", tmp_path / "one"), {}))
    assert alone.returncode == 0, alone.stderr[-4000:]
    names = [sorted(path.name for path in (tmp_path / run).iterdir()) for run in ("one", "two")]
    assert names[0] == names[1] and "lite.safetensors" in names[0]
    one, two = (load_checkpoint(tmp_path / run, {"network"}, 1 << 30)[1] for run in ("one", "two"))
    for name, value in one["network"].items():
        if value.is_floating_point():
            assert (two["network"][name] - value).abs().max() < 0.02 * value.abs().max() + 1e-4, (
                name
            )
    torch.testing.assert_close(two["bank"]["phi"], one["bank"]["phi"], rtol=0, atol=0.02)
    rows = [next(csv.DictReader((tmp_path / run / "losses.csv").open())) for run in ("one", "two")]
    for name, figure in rows[0].items():
        np.testing.assert_allclose(float(rows[1][name]), float(figure), rtol=0.02, err_msg=name)


def test_a_batch_that_cannot_be_shared_is_refused(
    shards: ShardDataset, volume: NeuralBodyVolume, tmp_path: Path
) -> None:
    settings = TrainSettings(steps=1, batch_size=3)
    with pytest.raises(UserError, match="batch of 3"):
        Trainer(settings, shards, shards, volume, tmp_path, ProcessGroup(0, 2))


def test_one_process_has_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    assert find_process_group("cpu") == SINGLE_PROCESS
    if not torch.cuda.is_available():
        assert find_process_group() == SINGLE_PROCESS
        with pytest.raises(UserError, match="no GPU"):
            find_process_group("cuda")
