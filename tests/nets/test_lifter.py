"""The untrained lifter predicts an upright body."""

from __future__ import annotations

import torch

from core.nets.joint_estimate import ESTIMATE_VALUES, JointEstimate
from core.nets.lifter import BodyLifter


def test_untrained_lifter_predicts_an_upright_body() -> None:
    torch.manual_seed(0)
    pose, rest = BodyLifter(width=32)(JointEstimate.of(torch.randn(5, 24, ESTIMATE_VALUES)))
    assert (pose[:, 0] - torch.tensor([1.0, 0, 0, 0, -1, 0])).abs().max() < 0.3
    assert (pose[:, 1:] - torch.tensor([1.0, 0, 0, 0, 1, 0])).abs().max() < 0.3
    assert (rest[:, 10] - 0.9).abs().max() < 0.3
