"""The feature bank: momentum averages in training, exact means at the end."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from core.train.feature_bank import MomentumBank, ObservedFeatures, estimate_bank, sample_features

BATCH, KERNELS, BINS, DIM, CELLS = 3, 5, 4, 6, 8


def observed(seed: int) -> ObservedFeatures:
    g = torch.Generator().manual_seed(seed)
    weights = torch.randn(BATCH, KERNELS, BINS, generator=g).mul(3).softmax(-1)
    visible = torch.rand(BATCH, KERNELS, 1, generator=g) < 0.7
    return ObservedFeatures(
        features=F.normalize(torch.randn(BATCH, KERNELS, DIM, generator=g), dim=-1),
        weights=weights * visible,
        map=F.normalize(torch.randn(BATCH, DIM, CELLS, CELLS, generator=g), dim=1),
        background=torch.rand(BATCH, CELLS, CELLS, generator=g) < 0.5,
    )


def test_first_sight_is_the_mean() -> None:
    seen = observed(0)
    bank = MomentumBank(KERNELS, BINS, DIM)
    bank.update(seen)
    weights = seen.weights[:, 2, 1]
    mean = (weights[:, None] * seen.features[:, 2]).sum(0) / weights.sum()
    torch.testing.assert_close(bank.phi[2, 1], mean)


def test_unseen_entries_stay() -> None:
    bank = MomentumBank(KERNELS, BINS, DIM)
    bank.update(observed(0))
    before = bank.phi.clone()
    seen = observed(2)
    seen.weights[:, 4] = 0
    bank.update(seen)
    assert torch.equal(bank.phi[4], before[4])
    assert not torch.equal(bank.phi[3], before[3])


def test_momentum_counts_samples() -> None:
    """Once an entry is old, eight samples move it by 0.1, and a single one by much less."""
    bank = MomentumBank(1, 1, 2)
    bank.phi[:] = torch.tensor([1.0, 0.0])
    bank.count[:] = 1e6
    new = torch.tensor([0.0, 1.0])
    maps, none = torch.zeros(8, 2, 1, 1), torch.zeros(8, 1, 1, dtype=torch.bool)
    bank.update(ObservedFeatures(new.expand(8, 1, 2), torch.ones(8, 1, 1), maps, none))
    torch.testing.assert_close(bank.phi[0, 0], torch.tensor([0.9, 0.1]))
    bank.phi[:] = torch.tensor([1.0, 0.0])
    bank.update(ObservedFeatures(new.expand(1, 1, 2), torch.ones(1, 1, 1), maps[:1], none[:1]))
    assert bank.phi[0, 0, 1].item() == pytest.approx(1 - 0.9 ** (1 / 8), rel=1e-5)


def test_unseen_orientations_move_with_their_kernel() -> None:
    bank = MomentumBank(1, 2, 2)
    start = torch.tensor([[1.0, 0.0], [0.8, 0.2]])
    bank.phi[0], bank.count[:] = start, 1e6
    new = torch.tensor([0.5, 0.5])
    maps, none = torch.zeros(8, 2, 1, 1), torch.zeros(8, 1, 1, dtype=torch.bool)
    weights = torch.tensor([1.0, 0.0]).expand(8, 1, 2)
    bank.update(ObservedFeatures(new.expand(8, 1, 2), weights, maps, none))
    moved = 0.1 * (new - start[0])
    torch.testing.assert_close(bank.phi[0], start + moved)


def test_frequency_counts_what_was_seen() -> None:
    bank = MomentumBank(KERNELS, BINS, DIM)
    torch.testing.assert_close(bank.frequency, torch.full((KERNELS, BINS), 1 / BINS))
    for _ in range(200):
        bank.update(observed(0))
    seen = observed(0).weights.sum(0)
    torch.testing.assert_close(bank.frequency, seen / seen.sum(1, keepdim=True), atol=0.05, rtol=0)


def test_the_estimated_bank_is_the_maximum_likelihood() -> None:
    batches = [observed(i) for i in range(400)]
    bank = estimate_bank(batches)
    features = torch.cat([b.features for b in batches])
    weights = torch.cat([b.weights for b in batches])
    mean = torch.einsum("nko,nkd->kod", weights, features) / weights.sum(0)[..., None]
    torch.testing.assert_close(bank.phi, mean, atol=0.02, rtol=0)  # up to the small prior
    pixels = torch.cat([b.map.permute(0, 2, 3, 1)[b.background] for b in batches])
    torch.testing.assert_close(bank.background, pixels.mean(0), atol=1e-5, rtol=1e-5)
    expected = torch.einsum("nko,kod->nkd", weights, bank.phi)
    distance = (features - expected).square().sum(-1)[weights.sum(-1) > 0]
    torch.testing.assert_close(bank.variance_foreground, distance.mean(), atol=1e-4, rtol=0)
    spread = (pixels - bank.background).square().sum(-1).mean()
    torch.testing.assert_close(bank.variance_background, spread, atol=1e-4, rtol=0)


def test_rare_orientations_are_smoothed_with_their_kernel() -> None:
    seen = observed(0)
    seen.weights[:, 0, 2] = 0
    bank = estimate_bank([seen])
    assert bank.phi[0, 2].norm() > 0
    with pytest.raises(ValueError, match="no batch"):
        estimate_bank([])


def test_sampled_features_at_cell_centres() -> None:
    features = F.normalize(torch.randn(1, DIM, 4, 4, generator=torch.Generator().manual_seed(0)))
    features = F.normalize(features, dim=1)
    xy = torch.tensor([[[6.0, 10.0], [2.0, 14.0]]])  # crop of 16 px, cells of 4 px
    read = sample_features(features, xy, 16)
    torch.testing.assert_close(read[0], torch.stack([features[0, :, 2, 1], features[0, :, 3, 0]]))
    between = sample_features(features, torch.tensor([[[8.0, 10.0]]]), 16)[0, 0]
    torch.testing.assert_close(
        between, F.normalize(features[0, :, 2, 1] + features[0, :, 2, 2], dim=0)
    )
