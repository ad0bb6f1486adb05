"""Joints bend the way joints bend."""

import pytest
import torch

from core.body.joint_limits import joint_limit_cost
from core.body.names import JOINT_FLIP, JOINT_NAMES
from core.geometry.rotations import rotation_from_axis_angle


def bent(joint: str, degrees: tuple[float, float, float]) -> torch.Tensor:
    vectors = torch.zeros(1, 24, 3, dtype=torch.float64)
    vectors[0, JOINT_NAMES.index(joint)] = torch.deg2rad(torch.tensor(degrees).double())
    return rotation_from_axis_angle(vectors)


def test_rest_and_any_root_cost_nothing():
    assert joint_limit_cost(bent("pelvis", (170, 0, 0))).item() == 0


@pytest.mark.parametrize(
    ("joint", "fine", "broken"),
    [
        ("l_knee", (130, 0, 0), (-40, 0, 0)),
        ("r_knee", (130, 0, 0), (-40, 0, 0)),
        ("l_elbow", (0, -120, 0), (0, 50, 0)),
        ("r_elbow", (0, 120, 0), (0, -50, 0)),
        ("l_hip", (-110, 0, 0), (80, 0, 0)),
        ("spine1", (45, 0, 0), (0, 60, 0)),
    ],
)
def test_hyperextension_costs_the_squared_excess(joint, fine, broken):
    assert joint_limit_cost(bent(joint, fine)).item() == 0
    assert joint_limit_cost(bent(joint, broken)).item() > 0.2


def test_excess_is_in_squared_radians():
    cost = joint_limit_cost(bent("l_knee", (-35, 0, 0)))
    assert cost.item() == pytest.approx(torch.deg2rad(torch.tensor(30.0)).item() ** 2, rel=1e-5)


def test_mirrored_poses_cost_the_same():
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(8, 24, 3, generator=generator, dtype=torch.float64)
    mirrored = vectors[:, list(JOINT_FLIP)] * torch.tensor([1.0, -1, -1])
    costs = [joint_limit_cost(rotation_from_axis_angle(v)) for v in (vectors, mirrored)]
    assert torch.allclose(*costs)
    assert costs[0].min() > 0


def test_gradients():
    vectors = 1.2 * torch.randn(2, 24, 3, generator=torch.Generator().manual_seed(1)).double()

    def cost(v):
        return joint_limit_cost(rotation_from_axis_angle(v))

    assert torch.autograd.gradcheck(cost, vectors.requires_grad_())
