"""The ranking loss is small if the truth is most likely, and features can be trained for it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core.nbv.features import FeatureBank, expected_features
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.batch import Batch
from core.train.batches.loader import in_order
from core.train.losses.ranking import RankingSettings, ranking_loss
from tests.dense_render import render_volume

SETTINGS = RankingSettings(weight=1.0, poses=4, kinds=(0.5, 0.5, 0.0), angles=(40.0, 60.0))
SIDE = 32


@pytest.fixture(scope="module")
def batch(shards: ShardDataset) -> Batch:
    return next(iter(in_order(shards, [0, 1, 2])))


@pytest.fixture(scope="module")
def bank(volume: NeuralBodyVolume) -> FeatureBank:
    generator = torch.Generator().manual_seed(0)
    phi = F.normalize(torch.randn(volume.kernels, 4, 16, generator=generator), dim=-1)
    background = F.normalize(torch.randn(16, generator=generator), dim=0)
    return FeatureBank(phi, background, torch.tensor(0.3), torch.tensor(0.3))


@pytest.fixture(scope="module")
def ideal(batch: Batch, bank: FeatureBank, volume: NeuralBodyVolume) -> torch.Tensor:
    """The feature maps that the true bodies make."""
    posed = volume.pose(batch.rotations, batch.betas, batch.transl)
    emitted = expected_features(bank, volume, posed)
    camera = batch.camera.scaled(SIDE / batch.size)
    shown = render_volume(posed.means, posed.precisions, emitted, camera, SIDE, SIDE)
    passed = (1 - shown.opacity)[..., None] * bank.background
    return F.normalize(shown.features + passed, dim=-1).permute(0, 3, 1, 2)


def loss(features, bank, volume, batch, settings=SETTINGS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return ranking_loss(features, bank, volume, batch, settings, generator)


def test_the_truth_is_ranked_first_with_its_own_features(ideal, bank, volume, batch):
    assert loss(ideal, bank, volume, batch) < 0.2 * math.log(5)


def test_the_truth_is_not_ranked_first_without_evidence(ideal, bank, volume, batch):
    empty = bank.background[None, :, None, None].expand_as(ideal)
    assert loss(empty, bank, volume, batch) > 1 + loss(ideal, bank, volume, batch)


def test_features_learn_to_put_the_truth_first(ideal, bank, volume, batch):
    free = (0.2 * ideal + 0.05).clone().requires_grad_()
    before = loss(free, bank, volume, batch)
    for _ in range(3):
        (grad,) = torch.autograd.grad(loss(free, bank, volume, batch), free)
        assert grad.isfinite().all() and grad.abs().max() > 0
        free = (free - 0.3 * grad / grad.norm()).detach().requires_grad_()
    assert loss(free, bank, volume, batch) < before


def test_poses_that_do_not_exist_do_not_count(ideal, bank, volume, batch):
    flat = replace(batch, rotations=batch.rotations.clone())
    flat.rotations[:, 1:] = torch.eye(3)  # arms along x: no flips of the arms
    flips = replace(SETTINGS, kinds=(0.0, 0.0, 1.0), poses=8)
    value = loss(ideal, bank, volume, flat, flips)
    assert value.isfinite() and value < math.log(9)


def test_the_same_seed_asks_the_same(ideal, bank, volume, batch):
    assert torch.equal(loss(ideal, bank, volume, batch), loss(ideal, bank, volume, batch))
    assert not torch.equal(
        loss(ideal, bank, volume, batch), loss(ideal, bank, volume, batch, seed=1)
    )
