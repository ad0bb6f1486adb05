"""Body shapes: heights and body-mass indices of adults."""

from __future__ import annotations

import numpy as np
import pytest

from core.body.load import load_body
from core.synth.sampling.shapes import BMI_RANGE, ShapeSampler, heights_and_bmis


@pytest.fixture(scope="module")
def shapes() -> ShapeSampler:
    return ShapeSampler(load_body())


def test_bmi_of_a_cube_is_its_mass_over_its_height_squared():
    body = load_body()
    height, index = heights_and_bmis(body, np.zeros((1, 10)))
    assert 1.6 < height[0] < 1.8
    assert 20 < index[0] < 28


def test_fit_approximates_the_measured_bmi(shapes):
    betas = np.random.default_rng(5).normal(0, 1, (60, 10)).clip(-2.5, 2.5)
    _, measured = heights_and_bmis(load_body(), betas)
    told = np.array([shapes.bmi(row) for row in betas])
    assert np.abs(told / measured - 1).max() < 0.03


def test_shapes_are_adults(shapes):
    rng = np.random.default_rng(0)
    betas = np.stack([shapes(rng) for _ in range(150)])
    height, index = heights_and_bmis(load_body(), betas)
    assert 1.45 < height.min() < 1.58
    assert 1.85 < height.max() < 2.0
    assert index.min() > BMI_RANGE[0] * 0.98
    assert index.max() < BMI_RANGE[1] * 1.02
    assert index.std() > 3


def test_redrawing_leaves_the_stream_alone(shapes):
    """A rejected shape must not change the people that follow."""
    first, second = np.random.default_rng(3), np.random.default_rng(3)
    for _ in range(30):
        shapes(first)
        second.normal(0, 1, (1, 10))
    assert first.random() == second.random()
