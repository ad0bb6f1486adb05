"""The lifter learns bodies from layouts."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from core.data.layouts import Layouts
from core.nbv.volume import NeuralBodyVolume
from core.nets.lifter import LayoutLifter
from core.train.lifter import LifterSettings, spoil, train_lifter


@pytest.fixture
def layouts() -> Layouts:
    """Sixty people whose layouts tell everything about them."""
    random = np.random.default_rng(0)
    pose = random.normal(0, 0.3, (60, 24, 3)).astype(np.float32)
    layout = np.zeros((60, 24, 7), np.float16)
    layout[..., 0], layout[..., 1:4] = 1, 3 * pose
    transl = np.tile(np.array([0, 0, 6], np.float32), (60, 1))
    betas, focal = np.zeros((60, 10), np.float32), np.full(60, 700, np.float32)
    return Layouts(layout, pose, betas, transl, focal, np.array(256, np.float32))


def test_learns_and_repeats(layouts: Layouts, volume: NeuralBodyVolume) -> None:
    torch.manual_seed(0)
    lifter = LayoutLifter(width=64, blocks=1)
    twin = copy.deepcopy(lifter)
    losses: list[float] = []
    settings = LifterSettings(steps=150, batch_size=32, rate=5e-3, lost=0.0, noise=0.0)
    train_lifter(lifter, layouts, volume, settings, lambda _, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.3 * losses[0]
    train_lifter(twin, layouts, volume, settings)
    for one, two in zip(lifter.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


def test_spoiling_loses_parts_and_leaves_the_unseen() -> None:
    layout = torch.ones(400, 24, 7)
    layout[:, 3] = 0
    seen = spoil(layout, LifterSettings(lost=0.5, noise=0.1), torch.Generator().manual_seed(0))
    assert not seen[:, 3].any()
    kept = seen[:, 4, 0] > 0
    assert 0.65 < kept.float().mean() < 0.85
    assert not seen[:, 4][~kept].any()
    assert seen[:, 4, 1:][kept].std().item() == pytest.approx(0.1, rel=0.1)
    assert (seen[:, 4, 0][kept] == 1).all()
