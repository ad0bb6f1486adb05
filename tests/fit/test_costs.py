"""The cost of joint estimates: nothing at the truth, measured in sigma, capped for misreadings."""

from __future__ import annotations

import pytest
import torch

from core.body.names import PARENTS
from core.fit.terms.joint_estimate import joint_estimate_cost
from core.geometry.camera import Camera, project
from core.nets.joint_estimate import PARENT, JointEstimate

HALF = 128.0
CAMERA = Camera.centered(torch.tensor([500.0]), 256)


@pytest.fixture
def joints() -> torch.Tensor:
    g = torch.Generator().manual_seed(0)
    return torch.randn(1, 24, 3, generator=g) * 0.4 + torch.tensor([0.0, 0.0, 5.0])


def exact(
    joints: torch.Tensor, sigma: float = 0.05, sigma_foreshortening: float = 0.2
) -> JointEstimate:
    """A estimate of the very joints."""
    bones = joints - joints[:, PARENT]
    foreshortening = bones[..., 2] / bones.norm(dim=-1).clamp_min(1e-9)
    ones = torch.ones(1, 24)
    xy = project(CAMERA, joints) / HALF - 1
    return JointEstimate(
        xy,
        torch.tensor(sigma).log() * ones,
        foreshortening,
        torch.tensor(sigma_foreshortening).log() * ones,
    )


def cost(joints: torch.Tensor, estimate: JointEstimate) -> float:
    return joint_estimate_cost(joints, project(CAMERA, joints), estimate, HALF).item()


def test_nothing_at_the_truth(joints: torch.Tensor) -> None:
    assert cost(joints, exact(joints)) == pytest.approx(0, abs=1e-6)


def test_small_errors_count_in_doubts(joints: torch.Tensor) -> None:
    estimate = exact(joints)
    estimate.xy[0, 7, 0] += 0.005  # a tenth of its sigma
    assert cost(joints, estimate) == pytest.approx(0.5 * 0.01, rel=0.01)
    unsure = exact(joints, sigma=0.1)
    unsure.xy[0, 7, 0] += 0.005
    assert cost(joints, unsure) == pytest.approx(0.125 * 0.01, rel=0.01)
    leaning = exact(joints)
    leaning.foreshortening[0, 7] += 0.02
    assert cost(joints, leaning) == pytest.approx(0.5 * 0.01, rel=0.01)


def test_a_misreading_is_capped(joints: torch.Tensor) -> None:
    estimate = exact(joints)
    estimate.xy[0, 7] += 100
    assert cost(joints, estimate) == pytest.approx(4.5, rel=1e-3)


def test_depth_of_a_bone_matters_and_of_the_body_does_not(joints: torch.Tensor) -> None:
    estimate = exact(joints)
    scaled = joints * 1.3  # the same picture, farther away and larger
    assert cost(scaled, estimate) == pytest.approx(0, abs=1e-5)
    tip = next(j for j in range(24) if j not in PARENTS)
    mirrored = joints.clone()
    mirrored[0, tip] = joints[0, PARENT[tip]] * 2 - joints[0, tip]
    assert cost(mirrored, estimate) > 1


def test_gradient(joints: torch.Tensor) -> None:
    double = joints.double().requires_grad_()
    values = exact(joints).values.double() + 0.01
    camera = Camera.centered(torch.tensor([500.0], dtype=torch.float64), 256)

    def of(points: torch.Tensor) -> torch.Tensor:
        return joint_estimate_cost(points, project(camera, points), JointEstimate.of(values), HALF)

    assert torch.autograd.gradcheck(of, double)
