"""The robust likelihood says what its equations say."""

import math
from dataclasses import replace

import pytest
import torch

from core.fit.likelihood import LikelihoodSettings, negative_log_likelihood, pixel_evidence
from core.nbv.features import FeatureBank
from core.render.volume.sparse import Assignment, SparseRender

DIM = 8


def one_pixel(opacity: float, kernels: int = 1) -> SparseRender:
    assignment = Assignment(torch.tensor([0]), torch.tensor([0]), torch.tensor([[0]]))
    value = torch.tensor([[opacity]], dtype=torch.float64)
    return SparseRender(assignment, value, value[:, 0], torch.ones_like(value))


def make_bank(foreground: float = 0.4, background: float = 0.1) -> FeatureBank:
    phi = torch.zeros(1, 1, DIM, dtype=torch.float64)
    b = torch.zeros(DIM, dtype=torch.float64)
    b[0] = 1
    return FeatureBank(phi, b, torch.tensor(foreground).double(), torch.tensor(background).double())


def evidence(opacity, feature, emitted, settings, bank=None):
    return pixel_evidence(
        one_pixel(opacity), emitted[None, None], feature[None, None], bank or make_bank(), settings
    )


def direction(index: int) -> torch.Tensor:
    return torch.eye(DIM, dtype=torch.float64)[index]


def test_ratio_is_the_log_ratio_of_two_normal_densities():
    settings = LikelihoodSettings(temper=1.0, equal_variance=False, background_cap=1e9)
    feature, emitted, bank = direction(1) * 0.7, direction(1), make_bank()
    seen = evidence(0.9, feature, emitted, settings, bank)

    def log_normal(mean, variance):
        sigma = math.sqrt(variance / DIM)
        return torch.distributions.Normal(mean, sigma).log_prob(feature).sum()

    expected = log_normal(emitted, 0.4) - log_normal(bank.background, 0.1)
    assert seen.ratio[0] == pytest.approx(expected.item())


def test_marginal_over_three_explanations():
    settings = LikelihoodSettings(visible=0.3)
    seen = evidence(0.8, direction(1), direction(1), settings)
    r = seen.ratio[0].exp()
    assert seen.log_likelihood[0].exp() == pytest.approx((0.2 + 0.8 * (0.7 + 0.3 * r)).item())
    assert seen.posterior[0] == pytest.approx((0.3 * r / (0.3 * r + 0.7)).item())


def test_background_feature_is_called_occluded_and_costs_at_most_the_prior():
    settings = LikelihoodSettings(visible=0.5, temper=0.05)
    hidden = evidence(0.999, direction(0), direction(1), settings)
    shown = evidence(0.999, direction(1), direction(1), settings)
    assert hidden.posterior[0] < 0.2 < 0.8 < shown.posterior[0]
    assert hidden.log_likelihood[0] > math.log(0.5) - 0.01
    without = evidence(0.999, direction(0), direction(1), replace(settings, use_occlusion=False))
    assert without.log_likelihood[0] < hidden.log_likelihood[0]


def test_partial_opacity_does_not_shrink_the_mean():
    settings = LikelihoodSettings()
    faint = evidence(0.1, direction(1), direction(1), settings)
    solid = evidence(0.9, direction(1), direction(1), settings)
    assert faint.ratio[0] == pytest.approx(solid.ratio[0].item(), rel=1e-4)


def test_pixels_past_the_edge_say_nothing():
    settings = LikelihoodSettings()
    seen = evidence(0.9, direction(1), direction(1), settings)
    render = one_pixel(0.9)
    inside = torch.ones(1, 4, dtype=torch.float64)
    counted = negative_log_likelihood(render, seen, inside)
    assert counted[0] == pytest.approx(-seen.log_likelihood[0].item())
    assert negative_log_likelihood(render, seen, inside * 0)[0] == 0
