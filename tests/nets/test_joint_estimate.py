"""Joint estimates: positions from heatmaps, the rest from pooled features."""

from __future__ import annotations

import pytest
import torch

from core.nets.attention import REGION_VALUES
from core.nets.joint_estimate import ESTIMATE_VALUES, PARENT, JointEstimate, JointEstimator

FINE, WIDTH, CONTEXT = 6, 5, 7


@pytest.fixture
def reader() -> JointEstimator:
    torch.manual_seed(0)
    return JointEstimator(FINE, WIDTH, CONTEXT)


def spot(joint: int, row: int, column: int) -> torch.Tensor:
    """Heat of a batch of one, sure of one joint."""
    heat = torch.zeros(1, 24, 16, 16)
    heat[0, joint, row, column] = 100.0
    return heat


def test_pools_features_under_the_heatmap(reader: JointEstimator) -> None:
    described = torch.randn(1, WIDTH, 8, 8)
    pooled = reader.pool(spot(3, 5, 12), described)
    torch.testing.assert_close(pooled[0, 3, :WIDTH], described[0, :, 2, 6])
    assert pooled[0, 3, WIDTH : WIDTH + 2].tolist() == pytest.approx(
        [2 * 12.5 / 16 - 1, 2 * 5.5 / 16 - 1]
    )
    torch.testing.assert_close(pooled[0, 0, :WIDTH], described.mean((2, 3))[0])


def test_untrained_estimates_are_the_means_of_the_heatmaps(reader: JointEstimator) -> None:
    pooled = reader.pool(spot(3, 5, 12), torch.randn(1, WIDTH, 8, 8))
    estimate = reader(pooled, torch.randn(1, CONTEXT))
    torch.testing.assert_close(estimate.xy, pooled[..., WIDTH : WIDTH + 2])
    assert estimate.foreshortening.abs().max() == 0
    assert (estimate.log_sigma == -1).all()


def test_a_joint_depends_on_its_own_and_its_parents_features(reader: JointEstimator) -> None:
    torch.nn.init.normal_(reader.read.weight)
    pooled = torch.randn(1, 24, WIDTH + REGION_VALUES)
    context = torch.randn(1, CONTEXT)
    before = reader(pooled, context).foreshortening
    for changed in (18, PARENT[18], 5):
        other = pooled.clone()
        other[:, changed, :WIDTH] += 1
        moved = (reader(other, context).foreshortening - before)[0].abs() > 1e-6
        own = {changed, *(j for j in range(24) if PARENT[j] == changed)}
        assert set(moved.nonzero()[:, 0].tolist()) == own


def test_estimates_train_features_but_not_heatmaps(reader: JointEstimator) -> None:
    torch.nn.init.normal_(reader.read.weight)
    fine = torch.randn(1, FINE, 16, 16, requires_grad=True)
    described = torch.randn(1, WIDTH, 8, 8, requires_grad=True)
    estimate = reader(reader.pool(reader.heat(fine), described), torch.randn(1, CONTEXT))
    estimate.values.square().sum().backward()
    assert fine.grad is None
    assert described.grad is not None and described.grad.abs().sum() > 0


def test_values_round_trip() -> None:
    values = torch.randn(2, 24, ESTIMATE_VALUES)
    estimate = JointEstimate.of(values)
    assert torch.equal(estimate.values, values)
    both = JointEstimate.stack([estimate, estimate])
    assert torch.equal(both.xy, torch.cat([values[..., :2]] * 2))
