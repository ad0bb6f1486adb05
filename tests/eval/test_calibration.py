"""True sigmas are shown to be true, and wrong ones by how much."""

import numpy as np
import pytest

from core.eval.calibration import (
    BINS,
    FORESHORTENING_ERRORS,
    FREEDOM,
    calibrate,
    calibration_table,
    draw_calibration,
)


def student(sigmas, seed=0):
    """Distances of points whose errors are Student's t in two dimensions."""
    generator = np.random.default_rng(seed)
    normal = generator.standard_normal((len(sigmas), 2))
    spread = np.sqrt(FREEDOM / generator.chisquare(FREEDOM, len(sigmas)))
    return sigmas * spread * np.linalg.norm(normal, axis=1)


@pytest.fixture(scope="module")
def sigmas():
    return np.exp(np.random.default_rng(1).uniform(np.log(0.01), np.log(0.2), 40_000))


def test_true_sigmas_are_true(sigmas):
    rows = calibrate(sigmas, student(sigmas))
    assert len(rows) == BINS and sum(row.n for row in rows) == len(sigmas)
    for row in rows:
        assert row.observed == pytest.approx(row.sigma, rel=0.05)
        assert row.within == pytest.approx(row.expected, abs=0.02)


def test_sure_points_with_large_errors_are_told(sigmas):
    rows = calibrate(sigmas / 3, student(sigmas))
    assert all(row.observed == pytest.approx(3 * row.sigma, rel=0.06) for row in rows)
    assert all(row.within[0] < 0.5 * row.expected[0] for row in rows)


def test_few_points_make_few_bins():
    rows = calibrate(np.array([0.1, 0.02]), np.array([0.3, 0.01]))
    assert [row.sigma for row in rows] == [0.02, 0.1]
    assert calibration_table("points", rows).row_count == 2


def test_the_plot_shows_each_bin(sigmas):
    rows = calibrate(sigmas, student(sigmas))
    empty, drawn = draw_calibration([]), draw_calibration(rows)
    changed = (empty != drawn).any(-1)
    assert changed.sum() > 30 * BINS
    assert changed[:60].sum() == 0  # all inside the frame


def test_normal_errors_have_their_own_model(sigmas):
    errors = np.abs(np.random.default_rng(2).normal(0, sigmas))
    rows = calibrate(sigmas, errors, FORESHORTENING_ERRORS)
    for row in rows:
        assert row.observed == pytest.approx(row.sigma, rel=0.05)
        assert row.within == pytest.approx(row.expected, abs=0.02)
        assert row.expected == pytest.approx((0.683, 0.954, 0.997), abs=0.001)
