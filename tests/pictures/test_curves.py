"""Curves are smoothed and drawn so that their trend can be seen."""

from __future__ import annotations

import numpy as np
import pytest

from core.pictures.curves import draw_curves, smooth


def test_smoothing_keeps_lines_and_removes_noise() -> None:
    line = np.linspace(3, 9, 400)
    assert smooth(line)[20:-20] == pytest.approx(line[20:-20])
    noise = np.random.default_rng(0).normal(size=4000)
    assert smooth(noise).std() < 0.1 * noise.std()
    assert smooth(np.array([4.0])) == pytest.approx([4.0])


def test_a_noisy_curve_shows_its_trend() -> None:
    """The values are pale; the dark curve stays in the middle between them."""
    rows = [{"step": float(step), "loss": float(step % 2)} for step in range(1, 401)]
    inside = draw_curves(rows)[30:190, 40:280]
    dark = (inside[..., 0] < 100).nonzero()[0]
    assert len(dark) > 200 and np.ptp(dark) < 20
    assert abs(dark.mean() - 80) < 5
    assert (inside[..., 0] < 200).any(1).mean() > 0.9
