"""Shards of splatted people, shared by the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.body.load import load_body
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from tests.train.people import write_shard


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> ShardDataset:
    folder: Path = tmp_path_factory.mktemp("shards")
    write_shard(folder / "shard-00000", 5, seed=0)
    write_shard(folder / "shard-00001", 4, seed=1)
    return ShardDataset(folder)


@pytest.fixture(scope="session")
def volume() -> NeuralBodyVolume:
    return NeuralBodyVolume.from_body(load_body(), kernels=80)
