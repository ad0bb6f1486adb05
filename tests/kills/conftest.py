"""A fit that takes a second."""

from __future__ import annotations

import numpy as np
import pytest

from core.io.atomic import write_atomic
from tests.untrained import short_schedule, untrained_engine


@pytest.fixture
def quick_fit(monkeypatch):
    """A fit without training and film, whose pictures nobody needs."""
    engine, schedule = untrained_engine(), short_schedule()
    monkeypatch.setattr("core.fit.engine.Engine.load", lambda *_, **__: engine)
    monkeypatch.setattr("core.fit.schedule.Schedule.standard", lambda: schedule)
    monkeypatch.setattr("core.fit.result.draw_views", lambda *_: np.zeros((2, 2, 3), np.uint8))
    save = lambda path, *_: write_atomic(path, lambda file: file.write_bytes(b"film"))  # noqa: E731
    monkeypatch.setattr("core.fit.result.save_video", save)
