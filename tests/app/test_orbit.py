"""The orbit camera: what the mouse does to it, and what it sees."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geometry.orbit import Orbit
from app.worker.body_picture import Figure, body_middle, turned_bodies

angles = st.floats(-1.5, 1.5)


@given(angles, angles)
def test_the_rotation_is_a_rotation(yaw, pitch):
    rotation = Orbit(yaw, pitch).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_no_turn_is_the_photo_s_view():
    points = np.array([[0.3, -0.2, 3.0], [0.0, 0.5, 3.4]])
    middle = np.array([0.0, 0.0, 3.2])
    orbit = Orbit()
    moved = orbit.see(points, middle)
    np.testing.assert_allclose(moved - moved[0], points - points[0], atol=1e-12)


@given(angles, angles)
def test_the_middle_stays_in_the_middle_of_the_picture(yaw, pitch):
    middle = np.array([0.3, -0.2, 3.0])
    seen = Orbit(yaw, pitch).see(middle[None], middle)
    np.testing.assert_allclose(Orbit().project(seen, 400, 300), [[200, 150]])


def test_dragging_right_carries_the_near_side_right():
    """As if the hand held the front of the body."""
    front = np.array([[0.0, 0.0, -0.5]])
    seen = Orbit().turned(30, 0).see(front, np.zeros(3))
    assert seen[0, 0] > 0


def test_dragging_down_carries_the_near_side_down():
    front = np.array([[0.0, 0.0, -0.5]])
    seen = Orbit().turned(0, 30).see(front, np.zeros(3))
    assert seen[0, 1] > 0


def test_pitch_stops_before_the_pole_and_yaw_wraps():
    orbit = Orbit().turned(0, 1e6)
    assert orbit.pitch < math.pi / 2
    assert abs(Orbit().turned(1e4, 0).yaw) <= math.pi


def test_two_metres_fit_into_the_picture_and_zooming_enlarges():
    head_and_feet = np.array([[0.0, -1.0, 0.0], [0.0, 1.0, 0.0]])

    def height(orbit):
        rows = orbit.project(orbit.see(head_and_feet, np.zeros(3)), 400, 300)[:, 1]
        return rows[1] - rows[0]

    assert 200 < height(Orbit()) < 300
    assert height(Orbit().zoomed(2)) > height(Orbit())


def test_the_turned_body_is_in_the_picture_and_shows_its_side():
    """A flat box is wide from the front and narrow from the side."""
    vertices = np.array(
        [[x, y, z + 3] for x in (-0.5, 0.5) for y in (-0.9, 0.9) for z in (-0.1, 0.1)], np.float32
    )
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = np.array([t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))], np.int32)
    figure = Figure(vertices, np.array([0.6, 0.7, 0.9], np.float32))
    front = turned_bodies([figure], faces, Orbit(), 120, 100)
    side = turned_bodies([figure], faces, Orbit(math.pi / 2, 0), 120, 100)
    assert front.shape == (100, 120, 4)
    assert front[50, 60, 3] == 255
    assert front[2, 2, 3] == 0
    widths = [(picture[50, :, 3] > 0).sum() for picture in (front, side)]
    assert widths[0] > 3 * widths[1] > 0
    np.testing.assert_allclose(body_middle(vertices), [0, 0, 3], atol=1e-6)
