"""The photo's camera in the room."""

import numpy as np
import pytest

from app.geometry.frustum import clipped, frustum_lines, photo_corners


def test_the_camera_sees_the_corners_where_the_photo_has_them():
    corners = photo_corners((640, 480), 800.0, 1.5)
    pixels = 800 * corners[:, :2] / corners[:, 2:] + np.array([320, 240])
    assert pixels == pytest.approx(np.array([[0, 0], [640, 0], [640, 480], [0, 480]]))


def test_lines_go_from_the_eye_and_around():
    lines = frustum_lines(photo_corners((640, 480), 800.0, 1.5))
    assert lines.shape == (8, 2, 3)
    assert not lines[:4, 0].any()
    assert (lines[4:, 1] == lines[[5, 6, 7, 4], 0]).all()


def test_lines_end_before_the_eye():
    lines = np.array(
        [
            [[0, 0, 1], [0, 4, 3]],
            [[0, 0, -1], [0, 4, 3]],
            [[0, 4, 3], [0, 0, -1]],
            [[0, 0, -1], [0, 0, 0]],
        ],
        float,
    )
    kept = clipped(lines, 1.0)
    assert kept == pytest.approx(
        np.array([[[0, 0, 1], [0, 4, 3]], [[0, 2, 1], [0, 4, 3]], [[0, 4, 3], [0, 2, 1]]], float)
    )
