"""Similarity alignment inverts similarities, and only those."""

import torch

from core.geometry.procrustes import similarity_align
from tests.geometry.test_rotations import random_rotations


def make_points() -> torch.Tensor:
    return torch.randn(4, 14, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_alignment_undoes_a_similarity():
    target = make_points()
    source = 0.3 * target @ random_rotations(4) + torch.tensor([1.0, -2.0, 5.0])
    assert torch.allclose(similarity_align(source, target), target)


def test_mirrored_points_stay_apart():
    target = make_points()
    mirrored = target * torch.tensor([-1.0, 1.0, 1.0])
    assert (similarity_align(mirrored, target) - target).norm(dim=-1).mean() > 0.3


def test_alignment_is_optimal_against_small_changes():
    target = make_points()
    source = target + 0.1 * make_points().flip(0)
    aligned = similarity_align(source, target)
    best = (aligned - target).square().sum()
    for scale in (0.98, 1.02):
        mean = aligned.mean(1, keepdim=True)
        assert ((aligned - mean) * scale + mean - target).square().sum() > best
