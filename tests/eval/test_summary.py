import math

import numpy as np
import pytest

from core.eval.summary import Estimate, bootstrap_interval, estimate, worse


def test_interval_has_the_width_of_the_standard_error():
    values = np.random.default_rng(3).normal(50, 10, 400)
    low, high = bootstrap_interval(values)
    assert low < values.mean() < high
    assert (high - low) == pytest.approx(2 * 1.96 * 10 / math.sqrt(400), rel=0.1)


def test_interval_covers_the_truth_about_nineteen_times_in_twenty():
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(100):
        low, high = bootstrap_interval(generator.exponential(1.0, 60), trial, resamples=200)
        hits += low <= 1.0 <= high
    assert 85 <= hits <= 99


def test_same_seed_same_bits():
    values = np.random.default_rng(0).random(50)
    assert bootstrap_interval(values, 1) == bootstrap_interval(values, 1)
    assert bootstrap_interval(values, 1) != bootstrap_interval(values, 2)


def test_missing_values_are_left_out():
    assert estimate(np.array([1.0, np.nan, 3.0])).value == 2
    assert estimate(np.array([np.nan])) == estimate(np.array([])) == Estimate(None, None, None)
    one = estimate(np.array([4.0]))
    assert one == Estimate(4.0, 4.0, 4.0)


def test_worse_needs_more_than_two_millimetres():
    before = np.array([50.0, 50, 50, 50, np.nan])
    after = np.array([52.0, 52.01, 20, np.nan, 70])
    assert np.array_equal(worse(after, before), [0, 1, 0, np.nan, np.nan], equal_nan=True)
    assert estimate(worse(after, before)).value == pytest.approx(1 / 3)
