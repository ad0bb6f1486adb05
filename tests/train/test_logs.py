"""TensorBoard gets the rows of the tables once; without it there is one line."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from core.errors import UserError
from core.train.run.curves import Curves
from core.train.run.logs import Logs


def logged(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Everything that TensorBoard shows of a run."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    tags = events.Tags()
    scalars = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
    images = {tag: [(e.step, e.height) for e in events.Images(tag)] for tag in tags["images"]}
    return scalars | images


def test_rows_are_written_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    losses, figures = Curves(tmp_path, "losses"), Curves(tmp_path, "held_out")
    logs = Logs(tmp_path, [losses, figures])
    losses.add(1, {"pose": 3.0, "rate": 0.5})
    logs.follow()
    logs.follow()
    losses.add(10, {"pose": 2.0, "rate": 1.0})
    figures.add(10, {"mpjpe": 200.0})
    logs.picture(10, np.zeros((12, 20, 3), np.uint8))
    logs.close()
    assert logged(tmp_path) == {
        "losses/pose": [(1, 3.0), (10, 2.0)],
        "losses/rate": [(1, 0.5), (10, 1.0)],
        "held_out/mpjpe": [(10, 200.0)],
        "validation": [(10, 12)],
    }


def test_a_resumed_run_goes_on(tmp_path: Path) -> None:
    """Steps beyond the checkpoint are dropped, and written anew."""
    pytest.importorskip("tensorboard")
    losses = Curves(tmp_path, "losses")
    for step in (10, 20, 30):
        losses.add(step, {"pose": float(step)})
    Logs(tmp_path, [losses]).close()
    losses.cut(20)
    logs = Logs(tmp_path, [losses], step=20)
    losses.add(30, {"pose": -1.0})
    logs.close()
    assert logged(tmp_path) == {"losses/pose": [(10, 10.0), (20, 20.0), (30, -1.0)]}


def test_a_run_that_was_not_logged_before_is_logged_completely(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    losses = Curves(tmp_path, "losses")
    losses.add(10, {"pose": 1.0})
    Logs(tmp_path, [losses], step=15).close()
    assert logged(tmp_path) == {"losses/pose": [(10, 1.0)]}


def test_absence_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install nbf\[train\]$"):
        Logs(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
