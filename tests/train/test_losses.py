"""Regression losses: zero at the truth, right units, safe at the edges."""

from __future__ import annotations

import pytest
import torch

from core.geometry.camera import Camera
from core.train.losses.regression import (
    distillation_loss,
    keypoints2d_loss,
    keypoints3d_loss,
    parts_loss,
)


def test_keypoints3d_ignores_where_the_body_stands() -> None:
    truth = torch.randn(2, 24, 3)
    assert keypoints3d_loss(truth + 3.0, truth) == pytest.approx(0, abs=1e-10)
    moved = truth.clone()
    moved[:, 5, 0] += 0.24
    assert keypoints3d_loss(moved, truth).item() == pytest.approx(0.24**2 / 72, rel=1e-4)


def test_keypoints2d_in_half_crops() -> None:
    camera = Camera.centered(torch.tensor([1000.0]), 256)
    truth = torch.tensor([[[0.0, 0.0, 5.0]]]).expand(1, 24, 3)
    aside = truth + torch.tensor([0.064, 0.0, 0.0])  # 12.8 px = a tenth of half a crop
    assert keypoints2d_loss(camera, aside, truth, 256).item() == pytest.approx(0.005, rel=1e-4)


def test_keypoints2d_of_joints_outside_do_not_count() -> None:
    camera = Camera.centered(torch.tensor([1000.0]), 256)
    truth = torch.tensor([[[0.0, 0.0, 5.0]]]).repeat(1, 24, 1)
    truth[0, 3, 0] = 2.0  # 400 px from the middle
    joints = truth.clone()
    joints[0, 3] = 7.0
    assert keypoints2d_loss(camera, joints, truth, 256) == 0
    joints[0, 4, 0] = 0.1
    assert keypoints2d_loss(camera, joints, truth, 256) > 0


def test_parts_weigh_body_and_background_alike() -> None:
    parts = torch.zeros(1, 8, 8, dtype=torch.long)
    parts[0, 0, 0] = 7
    logits = torch.zeros(1, 25, 8, 8)
    logits[:, 0] = 30.0  # all background: right everywhere but at one pixel
    assert parts_loss(logits, parts).item() == pytest.approx(15.0, rel=1e-3)
    assert torch.isfinite(parts_loss(logits, torch.zeros_like(parts)))


def test_distillation_loss_is_zero_at_the_teacher() -> None:
    teacher = 4 * torch.randn(1, 39, 4, 4, dtype=torch.float64)
    assert distillation_loss(teacher, teacher).item() == pytest.approx(0, abs=1e-12)
    assert distillation_loss(teacher + 0.5, teacher) > 0
