"""Shards: round trip, resumption, and named damage."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.synth.people import PeopleSampler
from core.synth.shards import Recipe, ShardDataset, write_shards

RECIPE = Recipe(seed=3, size=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards")
    assert list(write_shards(path, RECIPE, 5, per_shard=2)) == [0, 2, 4, 5]
    return path


@pytest.fixture
def copy(folder, tmp_path):
    import shutil

    return shutil.copytree(folder, tmp_path / "copy")


def test_round_trip(folder, people):
    dataset = ShardDataset(folder)
    assert len(dataset) == 5
    for index in range(5):
        for name, value in dataset[index].arrays().items():
            np.testing.assert_array_equal(value, people[index].arrays()[name], err_msg=name)


@pytest.mark.slow
def test_workers_write_the_same(folder, tmp_path):
    assert list(write_shards(tmp_path, RECIPE, 5, workers=2, per_shard=2))[-1] == 5
    for path in folder.glob("*/*.npy"):
        twin = tmp_path / path.relative_to(folder)
        assert twin.read_bytes() == path.read_bytes()


def test_index_outside(folder):
    dataset = ShardDataset(folder)
    for index in (-1, 5):
        with pytest.raises(IndexError):
            dataset[index]


def test_interrupted_run_goes_on(copy, people):
    whole = copy / "shard-00000" / "image.npy"
    before = whole.stat().st_mtime_ns
    (copy / "shard-00001" / "image.npy").unlink()
    assert len(ShardDataset(copy)) == 3
    assert list(write_shards(copy, RECIPE, 5, per_shard=2)) == [3, 5]
    np.testing.assert_array_equal(ShardDataset(copy)[3].image, people[3].image)
    assert whole.stat().st_mtime_ns == before


def test_a_shard_is_there_when_it_is_complete(tmp_path):
    made = write_shards(tmp_path, RECIPE, 3, per_shard=2)
    assert [next(made), next(made)] == [0, 2]
    assert [path.name for path in tmp_path.glob("shard-*")] == []  # not yet
    assert next(made) == 3
    assert [path.name for path in tmp_path.glob("shard-*")] == ["shard-00000"]
    with pytest.raises(UserError, match="another process is writing"):
        next(write_shards(tmp_path, RECIPE, 3, per_shard=2))
    made.close()
    assert {path.name for path in tmp_path.iterdir()} == {"recipe.json", "shard-00000"}
    (tmp_path / ".shard-00001.unfinished" / "deep").mkdir(parents=True)  # of a killed run
    assert list(write_shards(tmp_path, RECIPE, 3, per_shard=2)) == [2, 3]
    assert len(ShardDataset(tmp_path)) == 3


@pytest.mark.parametrize("damage", [b"", b"no array", b"\x93NUMPY\x01\0\xff\xff"])
def test_a_damaged_shard_is_made_again(copy, people, damage):
    (copy / "shard-00001" / "image.npy").write_bytes(damage)
    assert list(write_shards(copy, RECIPE, 5, per_shard=2)) == [3, 5]
    np.testing.assert_array_equal(ShardDataset(copy)[3].image, people[3].image)


def test_finished_run_does_nothing(copy):
    assert list(write_shards(copy, RECIPE, 5, per_shard=2)) == [5]


@pytest.mark.parametrize("content", [b"", b"junk", b"\x93NUMPY\x01\x00", b"PK\x03\x04", None])
def test_a_shard_with_a_damaged_picture_is_made_again(copy, content):
    path = copy / "shard-00001" / "image.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert list(write_shards(copy, RECIPE, 5, per_shard=2)) == [3, 5]
    assert path.read_bytes() == whole


def test_other_recipe_is_refused(copy):
    with pytest.raises(UserError, match="another recipe"):
        list(write_shards(copy, Recipe(seed=4, size=64), 5, per_shard=2))


def test_damaged_recipe_is_named(copy):
    (copy / "recipe.json").write_text("{")
    with pytest.raises(UserError, match=r"recipe\.json is not a readable recipe"):
        list(write_shards(copy, RECIPE, 5, per_shard=2))


def test_missing_file_is_named(copy):
    (copy / "shard-00001" / "pose.npy").unlink()
    with pytest.raises(UserError, match=r"pose\.npy is missing"):
        ShardDataset(copy)


def test_truncated_file_is_named(copy):
    path = copy / "shard-00001" / "depth.npy"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match=r"depth\.npy is not a readable field"):
        ShardDataset(copy)


def test_wrong_shape_is_named(copy):
    np.save(copy / "shard-00001" / "betas.npy", np.zeros((2, 9), np.float32))
    with pytest.raises(UserError, match=r"betas\.npy has the wrong shape"):
        ShardDataset(copy)


def test_pickled_file_is_refused(copy):
    np.save(copy / "shard-00001" / "betas.npy", np.array([{}, {}], object), allow_pickle=True)
    with pytest.raises(UserError, match=r"betas\.npy"):
        ShardDataset(copy)


def test_empty_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="no shards"):
        ShardDataset(tmp_path)


def test_a_full_disk_is_one_line_before_any_work(tmp_path, monkeypatch):
    def full(_descriptor, _offset, _length):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(PeopleSampler, "sample", lambda *_: pytest.fail("work was done"))
    with pytest.raises(UserError, match=r"cannot write .*new: No space left on device"):
        list(write_shards(tmp_path / "new", Recipe(0, size=64), 3))
    monkeypatch.undo()
    with pytest.raises(UserError, match=r"cannot write .*new: No space left .* for \d+ MiB"):
        list(write_shards(tmp_path / "new", Recipe(0, size=2048), 10**7))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(tmp_path, how):
    command = [sys.executable, "-m", "core.cli", "synth", "--out", str(tmp_path), "--workers", "2"]
    parent = subprocess.Popen([*command, "--count", "2000", "--size", "64"], start_new_session=True)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
    try:
        wait_for(lambda: len(children.read_text().split()) >= 3)  # two, and Python's tracker
        workers = [int(number) for number in children.read_text().split()]
        time.sleep(1.0)  # they import meanwhile, or work already
        parent.send_signal(how)
        assert parent.wait() == (143 if how == signal.SIGTERM else -how)
        wait_for(lambda: not any(alive(worker) for worker in workers))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(parent.pid, signal.SIGKILL)


def alive(process):
    """Whether a process runs; one that is dead but not yet waited for does not."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_for(condition, patience=60.0):
    limit = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.05)
