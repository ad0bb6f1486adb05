"""Batches: exact labels, the same batch for the same step, every sample once an epoch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from core.geometry.camera import project
from core.nbv.volume import NeuralBodyVolume
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings
from core.train.batches.batch import kernel_truth
from core.train.batches.loader import Loader, in_order

STILL = AugmentSettings(flip=0, roll=0, shift=0, zoom=0, colour=0, grey=0)


def test_truth_agrees_with_the_shards(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    (batch,) = in_order(shards, [0, 6])
    truth = kernel_truth(volume, batch, 4)
    pixels = project(batch.camera, truth.joints)
    for row, index in enumerate((0, 6)):
        sample = shards[index]
        np.testing.assert_allclose(truth.joints[row].numpy(), sample.joints, atol=1e-4)
        np.testing.assert_allclose(pixels[row].numpy(), sample.joints2d, atol=0.05)
        assert (batch.parts[row].numpy() == sample.parts[2::4, 2::4]).all()


def test_visible_kernels_face_us(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    (batch,) = in_order(shards, [0])
    truth = kernel_truth(volume, batch, 4)
    posed = volume.pose(batch.rotations, batch.betas, batch.transl)
    facing = (posed.axes * posed.means).sum(-1) < 0
    assert 0.25 < truth.visible.float().mean() < 0.55
    assert facing[truth.visible].all()
    torch.testing.assert_close(truth.orientation.sum(-1), torch.ones(1, volume.kernels))


def test_occluders_hide_kernels(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    (batch,) = in_order(shards, [0])
    batch.occluder[:, :, :32] = True
    truth = kernel_truth(volume, batch, 4)
    assert truth.visible.any()
    assert (truth.xy[truth.visible][:, 0] >= 128).all()


def test_same_step_same_batch(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    loader = Loader(shards, volume, 2, AugmentSettings(), seed=3)
    resumed = itertools.islice(loader.batches(5), 2)
    straight = itertools.islice(loader.batches(4), 1, 3)
    for one, two in zip(resumed, straight, strict=True):
        tensors = {n: value for n, value in vars(one).items() if isinstance(value, torch.Tensor)}
        assert all(torch.equal(value, vars(two)[name]) for name, value in tensors.items())
    other = Loader(shards, volume, 2, AugmentSettings(), seed=4)
    assert not torch.equal(loader.batch(5).images, other.batch(5).images)


def test_an_epoch_shows_every_sample_once(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    loader = Loader(shards, volume, 3, STILL, seed=0)
    focal_betas = torch.cat([loader.batch(step).betas[:, 0] for step in range(3)])
    expected = [float(shards[i].betas[0]) for i in range(9)]
    assert sorted(focal_betas.tolist()) == pytest.approx(sorted(expected))


def test_many_threads_keep_the_order(shards: ShardDataset, volume: NeuralBodyVolume) -> None:
    one = Loader(shards, volume, 2, AugmentSettings(), seed=5)
    many = Loader(shards, volume, 2, AugmentSettings(), seed=5, threads=3)
    for first, second in itertools.islice(zip(one.batches(4), many.batches(4), strict=False), 6):
        assert torch.equal(first.images, second.images)
        assert torch.equal(first.rotations, second.rotations)
