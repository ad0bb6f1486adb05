"""Adding and folding batch-norm preserves a network's function."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.nets.blocks import (
    ConvUnit,
    InvertedResidual,
    SeparableResidual,
    add_batchnorm,
    fold_batchnorm,
)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        ConvUnit(3, 8, 3, 2), InvertedResidual(8, 24, 5, 1, 8), SeparableResidual(8, 2)
    ).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_add_batchnorm_keeps_the_function(network: nn.Module, images: torch.Tensor) -> None:
    before = network(images)
    add_batchnorm(network, [images[:2], images[2:]])
    assert sum(isinstance(m, nn.BatchNorm2d) for m in network.modules()) == 6
    torch.testing.assert_close(network.eval()(images), before, atol=2e-5, rtol=1e-4)
    # in training mode, on the images the statistics came from, the function is the same too
    torch.testing.assert_close(network.train()(images), before, atol=1e-3, rtol=1e-2)


def test_fold_batchnorm_keeps_the_function(network: nn.Module, images: torch.Tensor) -> None:
    add_batchnorm(network, [images])
    network.train()
    for _ in range(3):
        network(torch.rand_like(images))  # statistics move away from where they started
    network.eval()
    before = network(images)
    fold_batchnorm(network)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in network.modules())
    torch.testing.assert_close(network(images), before, atol=1e-5, rtol=1e-4)


def test_add_batchnorm_leaves_existing_norms(images: torch.Tensor) -> None:
    unit = ConvUnit(3, 4, 3, norm=True).eval()
    state = copy.deepcopy(unit.state_dict())
    add_batchnorm(unit, [images])
    assert all(torch.equal(value, state[name]) for name, value in unit.state_dict().items())


@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_is_tensorflows(kernel: int, images: torch.Tensor) -> None:
    torch.manual_seed(2)
    unit = ConvUnit(3, 4, kernel, 2, active=False, same=True)
    # SAME: output size half the input's, and the larger half of the padding at the end.
    before, after = (kernel - 2) // 2, (kernel - 1) // 2
    padded = F.pad(images, (before, after, before, after))
    expected = F.conv2d(padded, unit.conv.weight, unit.conv.bias, 2)
    torch.testing.assert_close(unit(images), expected, atol=1e-5, rtol=0)


def test_a_shortcut_gets_zeros_for_additional_channels() -> None:
    block = SeparableResidual(4, 2, channels_out=6)
    for parameter in block.parameters():
        nn.init.zeros_(parameter)
    x = torch.rand(2, 4, 8, 8)
    assert torch.equal(block(x)[:, :4], F.max_pool2d(x, 2))
    assert not block(x)[:, 4:].any()
