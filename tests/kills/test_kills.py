"""Killed at any change of the disk, commands leave whole results; the next run ends the same."""

from __future__ import annotations

import shutil
import signal
from dataclasses import fields

import numpy as np
import pytest
import torch

from core.cli import main
from core.eval import synthetic
from core.eval.people import load_people, save_people
from core.eval.scores import Scores
from core.io.atomic import write_atomic
from core.io.folders import unfinished
from core.synth.shards import Recipe, ShardDataset, write_shards
from core.train.run.checkpoint import load_checkpoint, save_checkpoint
from core.train.run.curves import Curves
from tests.kills.dying import content, die_at, fit, forked, needs_fork

pytestmark = needs_fork
RECIPE = Recipe(seed=3, size=64)


def moments(changes, several):
    """At which of a number of changes to kill: the first, the last ones, and some between."""
    if changes <= several:
        return range(1, changes + 1)
    drawn = np.random.default_rng(changes).choice(np.arange(2, changes - 1), several, replace=False)
    return [1, *sorted(drawn.tolist()), changes - 1, changes]


def results(folder):
    """What the same fit writes again, bit by bit: all but the report, which has times."""
    return {n: data for n, data in content(folder).items() if n != "report.json"}


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_fit(quick_fit, tmp_path, how):
    out = tmp_path / "out"
    folder, hidden = out / "camera", unfinished(out / "camera")
    new, other = fit(out), fit(out, "--weights", "prior=30")
    assert forked(new) == 0
    expected = results(folder)
    assert forked(other) == 0
    (folder / "notes.txt").write_text("mine")
    before = content(folder)
    code, changes = die_at(0, new, out)
    assert code == 0 and changes > 40
    seen = set()
    for count in moments(changes, 3):
        shutil.rmtree(out)
        for name, data in before.items():
            write_atomic(folder / name, lambda file, data=data: file.write_bytes(data))
        code, made = die_at(count, new, out, how)
        assert code in (-signal.SIGKILL, 143, 0) and made >= count
        after = content(folder)
        seen.add(after == before)
        if after != before:
            assert results(folder) == expected | {"notes.txt": b"mine"}, count
        stopped = after == before  # else the hidden folder holds what was replaced
        if stopped and (hidden / "fit.nbf").exists() and count % 2:
            assert forked(lambda: main(["fit", "--resume", str(hidden / "fit.nbf")])) == 0
        else:
            assert forked(new) == 0
        assert results(folder) == expected | {"notes.txt": b"mine"}, count
        assert [path.name for path in out.iterdir()] == ["camera"]
    assert True in seen


@pytest.mark.slow
def test_synth(tmp_path):
    def make(folder):
        return lambda: list(write_shards(folder, RECIPE, 2, per_shard=1))

    assert forked(make(tmp_path / "whole")) == 0
    expected = content(tmp_path / "whole")
    code, changes = die_at(0, make(tmp_path / "counted"), tmp_path / "counted")
    assert code == 0 and changes > 50
    for count in moments(changes, 2):
        out = tmp_path / str(count)
        assert die_at(count, make(out), out)[0] == -signal.SIGKILL
        left = content(out) if out.exists() else {}
        for name in ("shard-00000", "shard-00001"):
            files = {n: data for n, data in left.items() if n.startswith(name)}
            assert not files or files == {n: d for n, d in expected.items() if n.startswith(name)}
        assert forked(make(out)) == 0
        assert content(out) == expected and len(ShardDataset(out)) == 2
        assert len(list(out.iterdir())) == 3


def test_the_checkpoint_and_the_curves_of_a_run(tmp_path):
    """`Trainer.save` writes the curves first: resuming cuts rows, but can add none."""

    def save(folder, step):
        curves = Curves(folder, "losses")
        curves.resume(step)
        curves.add(step, {"pose": 1.0 / step})
        curves.save()
        save_checkpoint(folder, {"step": step, "weights": torch.full((10,), float(step))})

    def begin(folder):
        save(folder, 1)
        save(folder, 2)

    begin(tmp_path / "counted")
    code, changes = die_at(0, lambda: save(tmp_path / "counted", 3), tmp_path / "counted")
    assert code == 0 and changes > 8
    for count in range(1, changes + 1):
        folder = tmp_path / str(count)
        begin(folder)
        assert die_at(count, lambda folder=folder: save(folder, 3), folder)[0] == -signal.SIGKILL
        step = load_checkpoint(folder, {"step", "weights"}, 1 << 20)[1]["step"]
        assert step == 2  # the last change gives the new one its name
        curves = Curves(folder, "losses")
        curves.resume(step)
        assert [row["step"] for row in curves.rows] == [1, 2]
        save(folder, 3)
        names = {"checkpoint.pt", "checkpoint.previous.pt", "losses.csv", "losses.png"}
        assert {path.name for path in folder.iterdir()} == names
        assert load_checkpoint(folder, {"step"}, 1 << 20)[1]["step"] == 3


def test_the_table_of_an_evaluation(tmp_path):
    def people(value):
        columns = [np.full(3, float(value)) for _ in fields(Scores)]
        return {("clean", "nbf"): Scores(*columns)}

    path, places = tmp_path / "each.csv", synthetic.places(3, None, False)
    save_people(path, people(1), {"clean": places})
    found, count, code = set(), 0, -signal.SIGKILL
    while code == -signal.SIGKILL:
        count += 1
        save_people(path, people(1), {"clean": places})
        code, _ = die_at(count, lambda: save_people(path, people(2), {"clean": places}), tmp_path)
        [scores] = load_people(path).values()
        found.add(float(scores.mpjpe[0]))
        assert len(scores.mpjpe) == 3
    assert found == {1.0, 2.0} and count > 3
    assert [path.name for path in tmp_path.iterdir()] == ["each.csv"]
