"""The lifter learns bodies from joints."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from core.nbv.volume import NeuralBodyVolume
from core.nets.lifter import BodyLifter
from core.synth.bodies import Bodies
from core.train.heads.lifter import LifterSettings, noisy_joint_estimate, train_lifter
from core.train.losses.joint_estimate import JointTruth


@pytest.fixture
def bodies() -> Bodies:
    """Sixty people before the same camera."""
    random = np.random.default_rng(0)
    pose = random.normal(0, 0.3, (60, 24, 3)).astype(np.float32)
    transl = np.tile(np.array([0, 0, 6], np.float32), (60, 1))
    betas, focal = np.zeros((60, 10), np.float32), np.full(60, 700, np.float32)
    return Bodies(pose, betas, transl, focal, np.array(256, np.float32))


def test_learns_and_repeats(bodies: Bodies, volume: NeuralBodyVolume) -> None:
    torch.manual_seed(0)
    lifter = BodyLifter(width=64, blocks=1)
    twin = copy.deepcopy(lifter)
    losses: list[float] = []
    settings = LifterSettings(steps=150, batch_size=32, rate=5e-3, hidden=0.0)
    train_lifter(lifter, bodies, volume, settings, lambda _, loss: losses.append(loss))
    assert np.mean(losses[-10:]) < 0.3 * losses[0]
    train_lifter(twin, bodies, volume, settings)
    for one, two in zip(lifter.parameters(), twin.parameters(), strict=True):
        assert torch.equal(one, two)


def test_noise_matches_the_sigmas() -> None:
    g = torch.Generator().manual_seed(0)
    truth = JointTruth(torch.rand(500, 24, 2, generator=g) - 0.5, torch.zeros(500, 24))
    truth.xy[:, 7] = 3.0
    estimate = noisy_joint_estimate(truth, LifterSettings(hidden=0.5), g)
    off = (estimate.xy - truth.xy) / estimate.log_sigma.exp()[..., None]
    near = torch.arange(24) != 7
    assert off[:, near].std().item() == pytest.approx(1, abs=0.02)
    foreshortening = (
        estimate.foreshortening - truth.foreshortening
    ) / estimate.log_sigma_foreshortening.exp()
    assert foreshortening.std().item() == pytest.approx(1, abs=0.02)
    assert estimate.log_sigma[:, near].median() < -2.5
    assert (estimate.log_sigma[:, 7] > -0.6).all()  # nothing tells of what is far outside
    hidden = estimate.log_sigma[:, near] > -1.5
    assert 0.05 < hidden.float().mean() < 0.4
