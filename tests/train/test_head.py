"""The regression head is trained on cached inputs, and nothing else changes."""

from __future__ import annotations

import copy

import pytest
import torch

from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.nets.regressor import PartRegressor, PooledFeatures
from core.train.batches.truth import BodyTruth
from core.train.heads.regression_head import HeadData, HeadSettings, head_loss, tune_head

WIDTH = 8
SETTINGS = HeadSettings(steps=60, batch_size=16, rate=1e-2, dropout=0.0)


@pytest.fixture
def head() -> PartRegressor:
    torch.manual_seed(0)
    return PartRegressor(16, 16, WIDTH, 32, landmark_values=5)


@pytest.fixture
def data() -> HeadData:
    """Forty people whose inputs tell everything about them."""
    g = torch.Generator().manual_seed(0)
    pose = 0.3 * torch.randn(40, 24, 3, generator=g)
    parts, joints = torch.zeros(2, 40, 24, WIDTH + 4)
    parts[..., :3] = 5 * pose
    truth = BodyTruth(
        size=256,
        focal=torch.full((40,), 700.0),
        rotations=rotation_from_axis_angle(pose),
        betas=torch.zeros(40, 10),
        transl=torch.tensor([0.0, 0.0, 6.0]).repeat(40, 1),
    )
    pooled = PooledFeatures(
        parts=parts.half(),
        joints=joints.half(),
        landmarks=torch.randn(40, 5, generator=g).half(),
    )
    return HeadData(pooled, truth)


def loss(head: PartRegressor, data: HeadData, volume: NeuralBodyVolume) -> float:
    everyone = data.select(torch.arange(40))
    with torch.no_grad():
        return head_loss(head, everyone, volume, SETTINGS, torch.Generator()).item()


def test_learns_the_head_only(
    head: PartRegressor, data: HeadData, volume: NeuralBodyVolume
) -> None:
    before = copy.deepcopy(head.state_dict())
    start = loss(head, data, volume)
    tune_head(head, data, volume, SETTINGS)
    assert loss(head, data, volume) < 0.4 * start
    for name, value in head.state_dict().items():
        fixed = name.startswith(("segment", "describe", "joints.heat"))
        assert torch.equal(value, before[name]) == fixed, name


def test_same_seed_same_head(head: PartRegressor, data: HeadData, volume: NeuralBodyVolume) -> None:
    twin = copy.deepcopy(head)
    short = HeadSettings(steps=3, batch_size=4)
    tune_head(head, data, volume, short)
    tune_head(twin, data, volume, short)
    for one, two in zip(head.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


def test_select_gives_full_precision(data: HeadData) -> None:
    some = data.select(torch.tensor([3, 5]))
    assert some.pooled.parts.dtype == torch.float32
    assert torch.equal(some.truth.rotations, data.truth.rotations[[3, 5]])
