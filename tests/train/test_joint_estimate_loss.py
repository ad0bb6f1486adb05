"""Ground truth of joint estimates, and losses that are smallest at it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from core.body.names import JOINT_NAMES
from core.nbv.volume import NeuralBodyVolume
from core.nets.joint_estimate import JointEstimate
from core.train.batches.truth import BodyTruth
from core.train.losses.joint_estimate import (
    JointTruth,
    joint_estimate_loss,
    joint_heatmap_loss,
    joint_truth,
)

ELBOW = JOINT_NAMES.index("l_elbow")
FACING = torch.diag(torch.tensor([1.0, -1.0, -1.0]))


@pytest.fixture
def truth() -> JointTruth:
    g = torch.Generator().manual_seed(0)
    xy = 1.4 * torch.rand(3, 24, 2, generator=g) - 0.7
    return JointTruth(xy, 2 * torch.rand(3, 24, generator=g) - 1)


def test_an_arm_towards_the_camera_has_negative_foreshortening(volume: NeuralBodyVolume) -> None:
    rotations = torch.eye(3).repeat(1, 24, 1, 1)
    rotations[:, 0] = FACING
    # the left arm points along +x of the body; a quarter turn about y takes it to +z, its front
    shoulder = JOINT_NAMES.index("l_shoulder")
    rotations[:, shoulder] = torch.tensor([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]).T
    body = BodyTruth(
        256, torch.tensor([600.0]), rotations, torch.zeros(1, 10), torch.tensor([[0.0, 0, 6]])
    )
    found = joint_truth(body, volume)
    assert found.foreshortening[0, ELBOW] < -0.9
    assert found.foreshortening[0, JOINT_NAMES.index("l_knee")].abs() < 0.3
    head, ankle = (JOINT_NAMES.index(name) for name in ("head", "l_ankle"))
    assert found.xy[0, head, 1] < found.xy[0, ankle, 1]
    assert found.inside.all()


def test_the_heatmap_loss_is_smallest_at_the_truth(truth: JointTruth) -> None:
    even = torch.zeros(3, 24, 32, 32)
    assert joint_heatmap_loss(even, truth).item() == pytest.approx(1)
    cells = ((truth.xy + 1) * 16).long()
    heat = even.clone()
    heat[torch.arange(3)[:, None], torch.arange(24), cells[..., 1], cells[..., 0]] = 8
    assert joint_heatmap_loss(heat, truth) < 0.6
    assert joint_heatmap_loss(heat.transpose(-1, -2), truth) > 1


def test_joints_outside_have_no_heatmap_loss(truth: JointTruth) -> None:
    away = replace(truth, xy=truth.xy.clone())
    away.xy[:, 3] = 1.2
    heat = torch.randn(3, 24, 32, 32, requires_grad=True)
    joint_heatmap_loss(heat, away).backward()
    assert heat.grad is not None
    assert not heat.grad[:, 3].any()
    assert heat.grad[:, 4].any()


def test_the_best_sigma_is_the_error(truth: JointTruth) -> None:
    """Of estimates that are off by 0.1 in x and y, and by 0.3 in foreshortening."""

    def gradient(log_sigma: float, log_sigma_foreshortening: float) -> tuple[float, float]:
        leaf = torch.tensor([log_sigma, log_sigma_foreshortening], requires_grad=True)
        ones = torch.ones(3, 24)
        off = JointEstimate(
            truth.xy + 0.1, leaf[0] * ones, truth.foreshortening + 0.3, leaf[1] * ones
        )
        joint_estimate_loss(off, truth).backward()
        assert leaf.grad is not None
        return tuple(leaf.grad.tolist())

    assert gradient(math.log(0.1), math.log(0.3)) == pytest.approx((0, 0), abs=1e-6)
    low, high = gradient(math.log(0.08), math.log(0.2)), gradient(math.log(0.12), math.log(0.4))
    assert max(low) < 0 < min(high)


def test_joints_far_outside_and_the_root_have_no_foreshortening_loss(truth: JointTruth) -> None:
    far = replace(truth, xy=truth.xy.clone())
    far.xy[:, 3] = 1.6
    foreshortening = torch.zeros(3, 24, requires_grad=True)
    zeros = torch.zeros(3, 24)
    joint_estimate_loss(JointEstimate(far.xy, zeros, foreshortening, zeros), far).backward()
    assert foreshortening.grad is not None
    assert not foreshortening.grad[:, [0, 3]].any()
    assert foreshortening.grad[:, 4].all()
