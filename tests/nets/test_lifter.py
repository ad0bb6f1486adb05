"""Layouts are the moments of part regions, whatever the map's size."""

from __future__ import annotations

import pytest
import torch

from core.nets.lifter import LAYOUT_VALUES, LayoutLifter, part_layout

SEEN, SIZE, X, Y, SPREAD_X, SPREAD_Y, SLANT = range(LAYOUT_VALUES)


def square(left: int, top: int, side: int, cells: int = 64) -> torch.Tensor:
    """Part 3 covers a square, the others nothing."""
    parts = torch.zeros(1, 24, cells, cells, dtype=torch.float64)
    parts[0, 3, top : top + side, left : left + side] = 1
    return parts


def test_a_square() -> None:
    part = part_layout(square(32, 0, 16))[0, 3]
    assert part[SEEN] == pytest.approx(1, abs=0.02)
    assert part[SIZE] == pytest.approx(12 * 0.25, rel=0.02)
    assert part[X] == pytest.approx(0.25, rel=0.02)
    assert part[Y] == pytest.approx(-0.75, rel=0.02)
    assert part[SPREAD_X] == pytest.approx(4 * 0.5 / 12**0.5, rel=0.03)
    assert part[SLANT] == pytest.approx(0, abs=1e-6)


def test_the_resolution_does_not_matter() -> None:
    coarse, fine = part_layout(square(8, 20, 16)), part_layout(square(16, 40, 32, 128))
    torch.testing.assert_close(coarse, fine, atol=0.02, rtol=0.02)


def test_a_slanting_bar_says_which_way() -> None:
    falling = torch.zeros(1, 24, 64, 64)
    falling[0, 0] = torch.eye(64)
    assert part_layout(falling)[0, 0, SLANT] > 1
    assert part_layout(falling.flip(-1))[0, 0, SLANT] < -1


def test_what_is_not_seen_is_nought() -> None:
    layout = part_layout(square(0, 0, 8))
    assert not layout[0, 4:].any()
    faint = part_layout(1e-6 * square(0, 0, 8))[0, 3]
    assert faint.abs().max() < 1e-3  # a trace of a part has no say


def test_gradient() -> None:
    parts = torch.rand(1, 24, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(part_layout, parts)


def test_untrained_it_stands_upright() -> None:
    torch.manual_seed(0)
    pose, rest = LayoutLifter(width=32)(torch.randn(5, 24, LAYOUT_VALUES))
    upright = torch.tensor([1.0, 0, 0, 0, -1, 0])
    torch.testing.assert_close(pose[:, 0], upright.expand(5, 6), atol=0.3, rtol=0)
    assert (rest[:, 10] - 0.9).abs().max() < 0.3
