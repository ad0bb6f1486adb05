"""Places are elected: agreement wins, distance loses, and support becomes a sigma."""

import pytest
import torch

from core.nets.point_vote import REACH, elect, sigma_of_support

SIDE = torch.tensor([200.0])


def places(*points):
    return torch.tensor([[list(points)]])


def test_two_who_agree_beat_one_who_is_louder():
    candidates = places([10.0, 10.0], [100.0, 100.0], [102.0, 98.0])
    elected = elect(candidates, torch.tensor([[[1.0, 0.6, 0.6]]]), SIDE)
    torch.testing.assert_close(elected.xy[0, 0], torch.tensor([101.0, 99.0]), atol=0.05, rtol=0)
    assert 1.1 < float(elected.support) < 1.2


def test_alone_the_louder_is_believed():
    candidates = places([10.0, 10.0], [100.0, 100.0], [190.0, 10.0])
    elected = elect(candidates, torch.tensor([[[0.5, 0.9, 0.6]]]), SIDE)
    torch.testing.assert_close(elected.xy[0, 0], torch.tensor([100.0, 100.0]))
    assert float(elected.support) == pytest.approx(0.9, abs=1e-4)


def test_a_voice_without_weight_is_not_heard():
    candidates = places([10.0, 10.0], [11.0, 10.0], [100.0, 100.0])
    elected = elect(candidates, torch.tensor([[[0.0, 0.0, 0.3]]]), SIDE)
    torch.testing.assert_close(elected.xy[0, 0], torch.tensor([100.0, 100.0]))


def test_votes_scale_with_the_person():
    weights = torch.tensor([[[1.0, 1.0]]])
    near = elect(places([0.0, 0.0], [REACH * 200, 0.0]), weights, SIDE)
    far = elect(places([0.0, 0.0], [REACH * 400, 0.0]), weights, 2 * SIDE)
    torch.testing.assert_close(near.support, far.support)


def test_support_makes_sure():
    sigma = sigma_of_support(torch.linspace(0, 3, 50))
    assert (sigma.diff() <= 0).all() and sigma[0] == pytest.approx(0.2)
    assert sigma[-1] < 0.02
