"""A full disk in each command: one line, an exit code, and what was there before is whole.

A limit of the size of files is met where a full disk is; where this process may mount one, a real
disk is filled, too.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import replace

import pytest
import torch

from core.cli import main
from core.errors import UserError
from core.io import atomic
from core.synth.shards import Recipe, write_shards
from core.train.run.checkpoint import load_checkpoint, save_checkpoint
from tests.kills.dying import content, fit, forked, needs_fork

pytestmark = needs_fork


@pytest.fixture
def disk(tmp_path):
    """A disk of 3 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "none", place]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed")
    yield place
    subprocess.run(["umount", place], check=True)


def said(action, tmp_path, largest=None):
    """What a command says that fails: one line."""
    assert forked(action, tmp_path / "said.txt", largest) == 2
    lines = (tmp_path / "said.txt").read_text().splitlines()
    lines = [line for line in lines if line.startswith("nbf: ") or "Traceback" in line]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("largest", "why"),
    [
        (1000, "cannot write .*out: File too large"),  # known before
        (100_000, "cannot write .*fit.nbf: File too large$"),  # the photo
        (320_000, "cannot write .*: File too large; then go on with: nbf fit --resume"),
    ],
)
def test_fit_without_room(quick_fit, tmp_path, monkeypatch, largest, why):
    out = tmp_path / "out"
    assert forked(fit(out, "--weights", "prior=30")) == 0
    before = content(out)
    if largest > 1000:  # or it would be known before, too
        monkeypatch.setattr("core.commands.fit.ROOM", 0)
        monkeypatch.setattr(atomic, "ROOM", 1)
    line = said(fit(out), tmp_path, largest)
    assert re.search(why, line), line
    left = content(out)
    kept = left.pop(".camera.unfinished/fit.nbf", None)
    assert left == before
    assert (kept is not None) == ("go on" in why)
    if kept:
        assert (
            forked(lambda: main(["fit", "--resume", str(out / ".camera.unfinished/fit.nbf")])) == 0
        )
        assert [path.name for path in out.iterdir()] == ["camera"]


@pytest.mark.slow
def test_fit_on_a_full_disk(quick_fit, disk, tmp_path, monkeypatch):
    assert "No space left on device for 4 MiB" in said(fit(disk), tmp_path)
    monkeypatch.setattr("core.commands.fit.ROOM", 0)
    assert forked(fit(disk)) == 0
    before = content(disk)
    (disk / "large").write_bytes(bytes(3 * 2**20 - sum(map(len, before.values())) - 400_000))
    assert "No space left on device" in said(fit(disk), tmp_path)
    (disk / "large").unlink()
    (disk / ".camera.unfinished" / "fit.nbf").unlink(missing_ok=True)
    assert content(disk) == before


def test_shards_on_a_full_disk(disk):
    recipe = Recipe(seed=0, size=64)
    with pytest.raises(UserError, match=r"cannot write .*disk: No space left .* for \d+ MiB"):
        next(write_shards(disk, recipe, 300))
    assert list(disk.iterdir()) == []
    steps = write_shards(disk, recipe, 4, per_shard=1)
    assert [next(steps), next(steps), next(steps)] == [0, 1, 2]
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "large").write_bytes(bytes(free))  # another program's
    with pytest.raises(UserError, match=r"cannot write .*shard-0000\d: No space left"):
        list(steps)
    (disk / "large").unlink()
    assert list(write_shards(disk, recipe, 4, per_shard=1)) in ([1, 2, 3, 4], [2, 3, 4])


def test_a_checkpoint_without_room(tmp_path):
    state = {"step": 1, "weights": torch.zeros(1 << 20)}
    save_checkpoint(tmp_path, state)
    before = content(tmp_path)

    def save():
        with pytest.raises(UserError, match=r"cannot write .*: .*is the disk full\?"):
            save_checkpoint(tmp_path, state | {"step": 2})

    assert forked(save, largest=1 << 20) == 0
    assert content(tmp_path) == before
    assert load_checkpoint(tmp_path, {"step"}, 1 << 24)[1]["step"] == 1


@pytest.mark.slow
def test_training_asks_for_room_first(disk, tmp_path):
    from tests.train.interrupted_run import make_trainer
    from tests.train.people import write_shard

    write_shard(tmp_path / "shards" / "shard-00000", 3, seed=0)
    trainer = make_trainer(tmp_path / "shards", disk / "run")
    trainer.settings = replace(trainer.settings, steps=1)
    with pytest.raises(UserError, match=r"cannot write .*run: No space left on device for \d+ MiB"):
        trainer.run(lambda *_: pytest.fail("a step was taken"))
    assert list(disk.iterdir()) == []
