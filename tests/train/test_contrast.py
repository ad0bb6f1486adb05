"""Contrastive losses: their formula, their gradients, their switches."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from core.train.losses.contrast import (
    ContrastSettings,
    KernelSamples,
    contrast_losses,
    kernel_neighbours,
)

KERNELS, BINS, DIM = 7, 4, 6
SETTINGS = ContrastSettings(
    foreground=1.0, background=1.0, temperature=0.2, orientation_temperature=0.1
)


@pytest.fixture
def case() -> dict:
    g = torch.Generator().manual_seed(0)
    rand = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)  # noqa: E731
    neighbours = torch.eye(KERNELS, dtype=torch.bool)
    neighbours[0, 1] = neighbours[1, 0] = True
    return {
        "samples": KernelSamples(
            features=F.normalize(rand(5, DIM), dim=-1),
            kernel=torch.tensor([0, 1, 3, 3, 6]),
            orientation=rand(5, BINS).softmax(-1),
        ),
        "background": F.normalize(rand(4, DIM), dim=-1),
        "phi": 0.8 * F.normalize(rand(KERNELS, BINS, DIM), dim=-1),
        "clutter": rand(DIM),
        "frequency": rand(KERNELS, BINS).softmax(-1),
        "neighbours": neighbours,
    }


def test_kernel_term_by_the_formula(case: dict) -> None:
    losses = contrast_losses(**case, settings=SETTINGS)
    total = 0.0
    for f, k, w in zip(*vars(case["samples"]).values(), strict=True):
        own = F.normalize((w[:, None] * case["phi"][k]).sum(0), dim=0)
        terms = [math.exp(f @ own / 0.2)]
        for j in range(KERNELS):
            if not case["neighbours"][k, j]:
                terms += [math.exp(f @ F.normalize(p, dim=0) / 0.2) for p in case["phi"][j]]
        terms += [math.exp(f @ b / 0.2) for b in case["background"]]
        total -= math.log(terms[0] / sum(terms)) / 5
    assert losses["kernel"].item() == pytest.approx(total)


def test_orientation_term_is_a_divergence(case: dict) -> None:
    samples = case["samples"]
    loss = contrast_losses(**case, settings=SETTINGS)["orientation"].item()
    directions = F.normalize(case["phi"], dim=-1)[samples.kernel]
    similarity = torch.einsum("nd,nod->no", samples.features, directions)
    logits = similarity / 0.1 + case["frequency"][samples.kernel].log()
    predicted = logits.log_softmax(-1)
    expected = F.kl_div(predicted, samples.orientation, reduction="batchmean")
    assert loss == pytest.approx(SETTINGS.orientation * expected.item())


def test_a_common_orientation_is_no_evidence(case: dict) -> None:
    """Features that only say how often an orientation occurs do not lower the loss."""
    samples, frequency = case["samples"], case["frequency"]
    same = case["phi"][:, :1].expand(-1, BINS, -1)
    usual = replace(samples, orientation=frequency[samples.kernel])
    blind = contrast_losses(**{**case, "samples": usual, "phi": same}, settings=SETTINGS)
    assert blind["orientation"].item() == pytest.approx(0, abs=1e-12)


def test_gradients(case: dict) -> None:
    samples = case.pop("samples")
    background = case.pop("background")

    def total(features: torch.Tensor, background: torch.Tensor) -> torch.Tensor:
        moved = replace(samples, features=features)
        losses = contrast_losses(moved, background, **case, settings=SETTINGS)
        return torch.stack(list(losses.values())).sum()

    inputs = (samples.features.requires_grad_(), background.requires_grad_())
    assert torch.autograd.gradcheck(total, inputs)


def test_bank_gets_no_gradient(case: dict) -> None:
    case["phi"].requires_grad_()
    case["samples"].features.requires_grad_()
    torch.stack(list(contrast_losses(**case, settings=SETTINGS).values())).sum().backward()
    assert case["phi"].grad is None
    assert case["samples"].features.grad is not None


def test_switches(case: dict) -> None:
    full = contrast_losses(**case, settings=SETTINGS)
    off = {
        name: contrast_losses(**case, settings=replace(SETTINGS, **{name: 0.0}))
        for name in ("foreground", "background", "orientation", "nll")
    }
    assert off["foreground"]["kernel"] < full["kernel"]
    assert off["background"]["kernel"] < full["kernel"]
    assert off["background"]["clutter"] == 0
    assert off["orientation"]["orientation"] == 0
    assert off["nll"]["nll"] == 0
    alone = replace(SETTINGS, foreground=0.0, background=0.0)
    assert contrast_losses(**case, settings=alone)["kernel"].item() == pytest.approx(0, abs=1e-12)


def test_without_background(case: dict) -> None:
    case["background"] = case["background"][:0]
    losses = contrast_losses(**case, settings=SETTINGS)
    assert losses["clutter"] == 0
    assert torch.isfinite(losses["kernel"])


def test_stable_at_extreme_similarity(case: dict) -> None:
    samples = case["samples"]
    case["samples"] = replace(samples, features=1e3 * samples.features)
    assert all(torch.isfinite(v) for v in contrast_losses(**case, settings=SETTINGS).values())


def test_neighbours_are_symmetric_and_own() -> None:
    means = torch.rand(50, 3, generator=torch.Generator().manual_seed(0))
    near = kernel_neighbours(means, 0.2)
    assert near.diagonal().all()
    assert torch.equal(near, near.T)
    assert near[0].tolist() == ((means - means[0]).norm(dim=1) < 0.2).tolist()
