"""A killed run resumes with the same bits; damaged checkpoints are named and refused."""

from __future__ import annotations

import io
import signal
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.run.checkpoint import LAST, PREVIOUS, find_damage, load_checkpoint, save_checkpoint
from core.train.run.trainer import Trainer
from tests.preloaded import Child, run
from tests.train import interrupted_run
from tests.train.interrupted_run import SETTINGS, STEPS
from tests.train.people import write_shard

KEYS = {"step", "weights"}
MOST = 1 << 20


def state(step: int) -> dict[str, object]:
    return {"step": step, "weights": torch.full((100, 100), float(step))}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, state(step))
    return tmp_path


def loaded_step(folder: Path) -> int:
    return load_checkpoint(folder, KEYS, MOST)[1]["step"]


def test_two_are_kept_and_nothing_else(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted([LAST, PREVIOUS])
    assert loaded_step(folder) == 3
    (folder / LAST).unlink()  # killed between the two renames
    assert loaded_step(folder) == 2


def flip(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


DAMAGES = {
    "empty": lambda content: b"",
    "cut in half": lambda content: content[: len(content) // 2],
    "cut by a byte": lambda content: content[:-1],
    "a bit of a tensor": lambda content: flip(content, len(content) // 2),
    "a bit of the pickle": lambda content: flip(content, content.index(b"weights")),
    "noise": lambda content: np.random.default_rng(0).bytes(len(content)),
    "zeros at the end": lambda content: content[:-5000] + bytes(5000),
    "too long": lambda content: content + bytes(MOST),
    "text": lambda content: b"step 3",
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_one_is_named_and_the_one_before_is_used(
    how: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = folder / LAST
    last.write_bytes(DAMAGES[how](last.read_bytes()))
    assert loaded_step(folder) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"{last} is refused: it" in said
    save_checkpoint(folder, state(4))  # and the damaged one does not push the good one out
    assert loaded_step(folder) == 4
    (folder / LAST).unlink()
    assert loaded_step(folder) == 2


def test_every_flipped_bit_is_found_or_harmless(folder: Path) -> None:
    path, good = folder / LAST, state(3)
    whole = path.read_bytes()
    for place in np.random.default_rng(1).integers(0, len(whole), 150):
        path.write_bytes(flip(whole, int(place)))
        used, read = load_checkpoint(folder, KEYS, MOST)
        if used == path:  # padding, or a date
            assert read["step"] == 3 and torch.equal(read["weights"], good["weights"])


def test_other_archives_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    last = folder / LAST
    torch.save([1, 2], last)
    assert loaded_step(folder) == 2
    assert "no checkpoint" in capsys.readouterr().err
    torch.save({"step": 9, "weights": io.BytesIO}, last)  # a global that is not allowed
    assert loaded_step(folder) == 2
    with zipfile.ZipFile(last, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(10**6))
    assert "compressed" in (find_damage(last, MOST) or "")
    assert loaded_step(folder) == 2


def test_none_good_is_the_users_error(folder: Path) -> None:
    for name in (LAST, PREVIOUS):
        (folder / name).write_bytes(b"PK")
    with pytest.raises(UserError, match="is intact; start again"):
        loaded_step(folder)
    with pytest.raises(UserError, match="nothing to resume"):
        load_checkpoint(folder / "elsewhere", KEYS, MOST)


def test_a_file_without_our_reading_is_still_read(tmp_path: Path) -> None:
    """As runs before this module wrote it."""
    torch.save(state(5), tmp_path / LAST)
    assert loaded_step(tmp_path) == 5


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupts, in a process of its own.

    Other tests may have changed how many threads PyTorch takes in this one.
    """
    folder = tmp_path_factory.mktemp("runs")
    write_shard(folder / "shards" / "shard-00000", 5, seed=0)
    assert run_to_end(folder, "whole").returncode == 0
    return folder


def run_to_end(folder: Path, name: str, how: str = "") -> subprocess.CompletedProcess[str]:
    (done,) = run((interrupted_run.main, (folder / "shards", folder / name, how), {}))
    return done


def kill(folder: Path) -> None:
    given = folder / "shards", folder / "kill", "kill"
    process = Child(interrupted_run.main, *given, heard=1)
    with process.stdout as lines:
        for line in lines:
            if int(line) == 7:
                process.kill()
    assert process.wait() == -signal.SIGKILL


def stop(folder: Path) -> None:
    done = run_to_end(folder, "stop", "stop")
    assert done.returncode == 130 and done.stdout.split() == [str(i) for i in range(1, 8)]
    state = load_checkpoint(folder / "stop", {"step"}, 1 << 30)[1]
    assert state["step"] == 7  # and not 4, where the run saved by itself


@pytest.mark.slow
@pytest.mark.parametrize("interrupt", [kill, stop])
def test_interrupted_and_resumed_is_the_same_run(
    whole_run: Path, interrupt: Callable[[Path], None]
) -> None:
    name = interrupt.__name__
    interrupt(whole_run)
    assert run_to_end(whole_run, name, "resume").returncode == 0
    curves = [(whole_run / run / "losses.csv").read_bytes() for run in ("whole", name)]
    assert curves[0] == curves[1] and curves[0].count(b"\n") == 3
    keys = {"network", "average", "bank", "step"}
    ends = [load_checkpoint(whole_run / run, keys, 1 << 30)[1] for run in ("whole", name)]
    assert ends[0]["step"] == ends[1]["step"] == STEPS
    for part in ("network", "average", "bank"):
        for key, value in ends[0][part].items():
            assert torch.equal(value, ends[1][part][key]), key


@pytest.mark.slow
def test_other_settings_are_named_on_resuming(whole_run: Path) -> None:
    data = ShardDataset(whole_run / "shards")
    volume = NeuralBodyVolume.from_body(load_body(), kernels=80)

    def resume(**changes: object) -> None:
        settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
        Trainer(settings, data, data, volume, whole_run / "whole").resume()

    resume(steps=20, validate_every=7)
    with pytest.raises(UserError, match="was trained with seed 0, not 4"):
        resume(seed=4)
    with pytest.raises(UserError, match=r"was trained with rate 0\.001, not 0\.01"):
        resume(rate=0.01)
    with pytest.raises(UserError, match=r"augment patches 0\.0, not patches 0\.5"):
        resume(augment=AugmentSettings(patches=0.5))


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, state(1))

    def fail(*_args: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(UserError, match="is the disk full"):
        save_checkpoint(tmp_path, state(2))
    assert loaded_step(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == [LAST]
