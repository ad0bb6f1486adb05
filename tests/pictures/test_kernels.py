"""Gaussians in a picture."""

import numpy as np
import pytest

from core.pictures.kernels import OPACITY, kernel_layer, project_gaussians

RED, BLUE = (250, 20, 20), (20, 20, 250)


def ball(place, sigma=0.1):
    return np.array(place, float), sigma**2 * np.eye(3)


def layer(*balls, colors):
    means, covariances = (np.stack(part) for part in zip(*balls, strict=True))
    return kernel_layer(
        means, covariances, np.array(colors, np.uint8), 100.0, (60.0, 40.0), 80, 120
    )


def test_a_ball_before_the_camera_is_a_circle_of_its_size():
    mean, covariance = ball((0.2, -0.1, 2.0))
    seen = project_gaussians(mean[None], covariance[None], 100.0, (60.0, 40.0))
    assert seen.middles[0] == pytest.approx([70, 35])
    assert seen.axes[0] == pytest.approx([5, 5], rel=0.01)


def test_an_ellipse_is_that_of_samples():
    rng = np.random.default_rng(0)
    root = 0.01 * rng.normal(size=(3, 3))
    mean = np.array([0.3, 0.2, 2.5])
    points = mean + rng.normal(size=(200_000, 3)) @ root.T
    pixels = 100 * points[:, :2] / points[:, 2:]
    values, vectors = np.linalg.eigh(np.cov(pixels.T))
    seen = project_gaussians(mean[None], (root @ root.T)[None], 100.0, (0.0, 0.0))
    assert seen.axes[0] == pytest.approx(np.sqrt(values[::-1]), rel=0.02)
    angle = np.array([np.cos(seen.angles[0]), np.sin(seen.angles[0])])
    assert abs(angle @ vectors[:, 1]) == pytest.approx(1, abs=1e-3)


def test_the_near_kernel_hides_the_far_one():
    for order in (1, -1):
        balls = [ball((0, 0, 2.0)), ball((0, 0, 3.0), 0.3)][::order]
        drawn = layer(*balls, colors=[RED, BLUE][::order])
        assert drawn[40, 60].tolist() == [*RED, OPACITY]
        assert drawn[40, 68].tolist() == [*BLUE, OPACITY]
    assert not drawn[5, 5].any()


def test_what_is_behind_the_camera_or_not_finite_is_not_drawn():
    bad = [ball((0, 0, -2.0)), ball((0, 0, np.nan)), ball((0, 0, 0.01)), ball((90, 0, 1.0))]
    assert not layer(*bad, colors=[RED] * 4).any()
