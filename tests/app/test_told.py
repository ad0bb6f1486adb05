"""What the window is told, without an engine."""

import numpy as np

from app.protocol.run import RECORD_SUFFIX
from app.told import crop_outline, stage_marks
from core.fit.record import SUFFIX
from core.fit.schedule import Schedule
from core.geometry.crop import Box, crop_view


def test_stage_marks_cover_every_record():
    marks = stage_marks(Schedule.standard())
    assert [(m.start, m.stop) for m in marks] == [(0, 30), (30, 121)]


def test_the_crop_s_outline_and_its_homography_belong_together():
    view = crop_view(640, 480, Box(400, 100, 150, 300), 800.0, 256)
    corners, to_crop = crop_outline(view)
    mapped = np.concatenate([corners, np.ones((4, 1))], 1) @ to_crop.T
    unit = [[0, 0], [1, 0], [1, 1], [0, 1]]
    np.testing.assert_allclose(mapped[:, :2] / mapped[:, 2:], unit, atol=1e-9)
    assert corners[:, 0].min() < 400 < 550 < corners[:, 0].max()


def test_the_window_knows_records_by_the_same_suffix():
    assert RECORD_SUFFIX == SUFFIX
