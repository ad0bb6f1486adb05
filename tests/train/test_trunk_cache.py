"""Cached outputs of the frozen trunk are those of the crops that the loader makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import core.train.batches.trunk_cache as module
from core.commands.train import Options, _trunk_cache, run
from core.errors import UserError
from core.nbv.volume import NeuralBodyVolume
from core.nets.trunks import DetectorTrunk, TrunkOutput
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.loader import Loader
from core.train.batches.trunk_cache import TrunkCache, pack, unpack
from core.train.distributed import ProcessGroup
from core.train.run.trainer import TrainSettings
from tests.train.people import write_shard

SETTINGS = AugmentSettings()


@pytest.fixture
def loader(shards: ShardDataset, volume: NeuralBodyVolume) -> Loader:
    return Loader(shards, volume, 4, SETTINGS, seed=3)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A trunk that pools the image in place of two networks; the sizes of its batches."""
    sizes: list[int] = []

    def pooled(_: DetectorTrunk, images: Tensor) -> TrunkOutput:
        sizes.append(len(images))
        maps = []
        for channels, stride in zip(DetectorTrunk.channels, (4, 8, 16, 32), strict=True):
            level = torch.nn.functional.avg_pool2d(images, stride)
            maps.append(level.repeat(1, channels // 3 + 1, 1, 1)[:, :channels])
        landmarks = images.flatten(1)[:, : DetectorTrunk.landmark_values]
        return TrunkOutput(maps, landmarks, None)

    monkeypatch.setattr(DetectorTrunk, "load_published", lambda _: None)
    monkeypatch.setattr(DetectorTrunk, "forward", pooled)
    return sizes


def filled(folder: Path, loader: Loader, copies: int = 2) -> TrunkCache:
    cache = TrunkCache(folder, len(loader.shards), copies, SETTINGS)
    assert list(cache.fill(loader, bfloat16=False))[-1:] in ([len(loader.shards) * copies], [])
    return cache


def test_packing_keeps_each_channel_to_half_a_step() -> None:
    torch.manual_seed(0)
    maps = [
        torch.randn(2, c, 256 // s, 256 // s) * torch.logspace(-3, 3, c)[:, None, None]
        for c, s in zip(DetectorTrunk.channels, (4, 8, 16, 32), strict=True)
    ]
    maps[1][1, 5] = 0  # a channel without any response
    for level, again in zip(maps, unpack(*pack(maps), 256), strict=True):
        step = level.flatten(2).abs().amax(2)[..., None, None] / 127
        assert ((level - again).abs() <= 0.501 * step + 1e-12).all()


def test_a_cached_batch_is_the_trunks_output_on_its_images(loader: Loader, tmp_path: Path) -> None:
    batch = filled(tmp_path, loader, copies=1).loader(loader).batch(1)
    trunk = DetectorTrunk()
    trunk.load_published()
    with torch.no_grad():
        expected = trunk.eval()(batch.images)
    assert batch.trunk is not None
    torch.testing.assert_close(batch.trunk.landmarks, expected.landmarks, atol=1e-3, rtol=1e-3)
    for level, cached in zip(expected.maps, batch.trunk.maps, strict=True):
        assert (cached - level).norm() < 0.02 * level.norm()


def test_each_epoch_takes_the_next_copy(loader: Loader, tmp_path: Path, quick: list[int]) -> None:
    cached = filled(tmp_path, loader).loader(loader)
    epochs = [[cached.batch(2 * epoch + row) for row in range(2)] for epoch in range(3)]
    images = [torch.cat([batch.images for batch in epoch]) for epoch in epochs]
    crops = [{image.numpy().tobytes() for image in epoch} for epoch in images]
    assert not crops[0] & crops[1]
    assert crops[0] & crops[2]  # the same crops in another order, less those left over
    for batch in chain(*epochs):
        assert batch.trunk is not None
        pooled = torch.nn.functional.avg_pool2d(batch.images, 4)
        torch.testing.assert_close(batch.trunk.maps[0][:, :3], pooled, atol=0.005, rtol=0)


def test_processes_share_a_cached_batch(loader: Loader, tmp_path: Path, quick: list[int]) -> None:
    cached = filled(tmp_path, loader).loader(loader)
    whole = cached.batch(5)
    halves = [replace(cached, rank=rank, world_size=2).batch(5) for rank in range(2)]
    assert torch.equal(torch.cat([half.images for half in halves]), whole.images)
    maps = [half.trunk.maps[3] for half in halves if half.trunk]
    assert whole.trunk is not None
    assert torch.equal(torch.cat(maps), whole.trunk.maps[3])


def test_an_interrupted_cache_goes_on(
    loader: Loader, tmp_path: Path, quick: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK", 2)
    monkeypatch.setattr(module, "_SAVED", 2)
    filled(tmp_path / "whole", loader)
    whole = len(quick)
    stopped = TrunkCache(tmp_path / "stopped", 9, 2, SETTINGS).fill(loader, bfloat16=False)
    assert [next(stopped) for _ in range(3)] == [2, 4, 6]
    stopped.close()
    del quick[:]
    filled(tmp_path / "stopped", loader)
    assert len(quick) == whole - 2  # the third block was not recorded
    for path in sorted((tmp_path / "whole").rglob("*.npy")):
        other = tmp_path / "stopped" / path.relative_to(tmp_path / "whole")
        assert np.array_equal(np.load(path), np.load(other)), path
    del quick[:]
    filled(tmp_path / "stopped", loader)
    assert not quick


def test_outputs_for_other_crops_are_refused(
    loader: Loader, tmp_path: Path, quick: list[int]
) -> None:
    filled(tmp_path / "cache", loader, copies=1)
    others = ShardDataset(write_shard(tmp_path / "others" / "shard-00000", 9, seed=5).parent)
    fewer_colours = replace(SETTINGS, colour=0.1)
    changes: list[Callable[[], object]] = [
        lambda: list(TrunkCache(tmp_path / "cache", 9, 1, fewer_colours).fill(loader, False)),
        lambda: list(TrunkCache(tmp_path / "cache", 9, 1, SETTINGS).fill(loader, True)),
        lambda: filled(tmp_path / "cache", replace(loader, shards=others), 1),
    ]
    for change in changes:
        with pytest.raises(UserError, match="for other crops"):
            change()


@pytest.mark.parametrize("text", ["10", "-1", "true", '"4"', "[", "1.5"])
def test_a_damaged_record_is_named(
    loader: Loader, tmp_path: Path, quick: list[int], text: str
) -> None:
    cache = filled(tmp_path, loader, copies=1)
    (tmp_path / "copy-0" / "done.json").write_text(text)
    with pytest.raises(UserError, match="trunk cache"):
        list(cache.fill(loader, bfloat16=False))


def test_the_record_counts_people(loader: Loader, tmp_path: Path, quick: list[int]) -> None:
    filled(tmp_path, loader, copies=1)
    assert json.loads((tmp_path / "copy-0" / "done.json").read_text()) == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "lite", "trunk_cache": Path("cache")}, "for preset frozen"),
        ({"trunk_cache": Path("cache"), "mix": Path("mix.toml")}, "--mix"),
        ({"trunk_rate": 0.1}, "not trained"),
        ({"trunk_copies": 0}, "--trunk-copies"),
    ],
)
def test_bad_options_are_named(
    shards: ShardDataset, tmp_path: Path, options: dict, message: str
) -> None:
    folder = tmp_path / "shards"
    write_shard(folder / "shard-00000", 1)
    given = Options(folder, folder, tmp_path / "run", **{"preset": "frozen", "steps": 1, **options})
    with pytest.raises(UserError, match=message):
        run(given)
    assert not (tmp_path / "run").exists()


def test_several_processes_need_a_complete_cache(
    shards: ShardDataset, volume: NeuralBodyVolume, loader: Loader, tmp_path: Path, quick: list[int]
) -> None:
    folder = tmp_path / "cache"
    options = Options(tmp_path, tmp_path, tmp_path, preset="frozen", steps=1, trunk_cache=folder)
    given = (options, TrainSettings(), shards, volume, ProcessGroup(world_size=2))
    with pytest.raises(UserError, match="lacks the outputs of 18 crops"):
        _trunk_cache(*given)
    filled(folder, loader)
    assert _trunk_cache(*given) is not None
