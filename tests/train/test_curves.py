"""Curves are kept whole, and drawn so that their course can be seen."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.train.run.curves import Curves, draw_curves, smooth


def test_tables_come_back(tmp_path: Path) -> None:
    curves = Curves(tmp_path, "losses")
    curves.add(10, {"pose": 0.25})
    curves.add(20, {"pose": 0.5, "ranking": 2.0})
    curves.save()
    again = Curves(tmp_path, "losses")
    assert again.rows == curves.rows
    again.cut(10)
    assert again.rows == [{"step": 10, "pose": 0.25}]
    assert cv2.imread(str(tmp_path / "losses.png")).shape[1] == 4 * 320


def test_smoothing_keeps_lines_and_takes_noise() -> None:
    line = np.linspace(3, 9, 400)
    assert smooth(line)[20:-20] == pytest.approx(line[20:-20])
    noise = np.random.default_rng(0).normal(size=4000)
    assert smooth(noise).std() < 0.1 * noise.std()
    assert smooth(np.array([4.0])) == pytest.approx([4.0])


def test_a_noisy_curve_shows_its_course() -> None:
    """The values are pale; what is dark keeps to the middle between them."""
    rows = [{"step": float(step), "loss": float(step % 2)} for step in range(1, 401)]
    inside = draw_curves(rows)[30:190, 40:280]
    dark = (inside[..., 2] < 100).nonzero()[0]
    assert len(dark) > 200 and np.ptp(dark) < 20
    assert abs(dark.mean() - 80) < 5
    assert (inside[..., 2] < 200).any(1).mean() > 0.9
