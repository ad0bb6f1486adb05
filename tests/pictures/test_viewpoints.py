"""Which way is up, and cameras that see the whole body."""

import numpy as np
import pytest

from core.pictures import viewpoints
from core.pictures.camera_lines import camera_segments
from core.pictures.viewpoints import World, photo_view, turntable, up_direction
from tests.pictures.scenes import toy_scene, true_up

SIZE = (320, 240)
LEVEL = np.array([0.0, -1.0, 0.0])


@pytest.mark.parametrize("pitch", [-20, 0, 35])
@pytest.mark.parametrize("heading", [0, 70, 180])
def test_who_stands_tells_the_cameras_pitch(pitch, heading):
    up = up_direction(toy_scene(pitch=pitch, heading=heading))
    assert np.degrees(np.arccos(up @ true_up(pitch))) < 5


@pytest.mark.parametrize(
    "scene",
    [
        toy_scene(pitch=80),  # seen from above, or lying: nobody can tell
        toy_scene(pitch=30, knees=80),  # sits
        toy_scene(pitch=30, lift=-1.2),  # ankles below the photo
    ],
)
def test_else_the_camera_is_level(scene):
    assert np.array_equal(up_direction(scene), LEVEL)


def test_the_ground_is_under_the_feet():
    scene = toy_scene(pitch=25)
    world = World.of(scene)
    assert world.vertices[:, 1].min() == pytest.approx(0, abs=1e-6)
    assert np.abs(world.vertices.mean(0)[[0, 2]]).max() < 0.1
    head, feet = world.joints[15], world.joints[[10, 11]]
    assert head[1] > 1.3 and feet[:, 1].max() < 0.2
    # The same body, only turned and moved.
    back = (world.vertices - world.position) @ world.camera @ np.diag([1, -1, -1])
    np.testing.assert_allclose(back, scene.vertices, atol=1e-5)


@pytest.mark.parametrize("heading", [0, 120])
@pytest.mark.parametrize("distance", [4.0, 20.0])
@pytest.mark.parametrize("name", ["front_view", "side_view", "top_view"])
def test_views_hold_both_bodies_upright(name, distance, heading):
    world = World.of(toy_scene(heading=heading, distance=distance))
    view = getattr(viewpoints, name)(world, SIZE)
    points = np.concatenate([world.vertices, world.start])
    pixels = view.project(points)
    assert (pixels[:, 2] > 0).all()
    assert (pixels[:, :2] >= 0).all() and (pixels[:, :2] <= SIZE).all()
    if name != "top_view":
        head, foot = view.project(world.joints[[15, 10]])
        assert head[1] < foot[1]
    if name == "front_view":
        left, right = view.project(world.joints[[20, 21]])
        assert left[0] > right[0]  # we look into the face
    elif distance < viewpoints.FARTHEST_CAMERA:
        assert ((view.project(world.position[None])[0, :2] - 160) ** 2).max() < 160**2


def test_the_photos_view_is_the_photos_camera():
    scene = toy_scene(pitch=15, heading=30)
    world = World.of(scene)
    pixels = photo_view(world, scene, (640, 480)).project(world.vertices)
    expected = 2 * (scene.focal * scene.vertices[:, :2] / scene.vertices[:, 2:] + [160, 120])
    np.testing.assert_allclose(pixels[:, :2], expected, atol=1e-2)
    np.testing.assert_allclose(pixels[:, 2], scene.vertices[:, 2], atol=1e-5)


def test_the_turntable_turns_once_and_cuts_nothing_off():
    world = World.of(toy_scene(pitch=10))
    views = list(turntable(world.vertices, world.position, SIZE, 8))
    for view in views:
        pixels = view.project(world.vertices)[:, :2]
        assert (pixels >= 0).all() and (pixels <= SIZE).all()
    places = np.array([view.position for view in views])
    np.testing.assert_allclose(places.mean(0)[[0, 2]], 0, atol=1e-6)
    steps = np.linalg.norm(places - np.roll(places, 1, 0), axis=1)
    np.testing.assert_allclose(steps, steps[0])


def test_the_cameras_lines_meet_the_photos_corners():
    scene = toy_scene(pitch=15)
    world = World.of(scene)
    ends = np.concatenate([segment for segment, _ in camera_segments(world, scene)])
    away = np.linalg.norm(ends - world.position, axis=1) > 1e-6
    pixels = photo_view(world, scene, SIZE).project(ends[away])[:, :2]
    corners = np.array([[0, 0], [320, 0], [320, 240], [0, 240]])
    distance = np.linalg.norm(pixels[:, None] - corners, axis=2).min(1)
    marks = np.isclose(pixels[:, 0], 160)  # the tip of the mark on the upper edge
    assert marks.sum() == 2 and distance[~marks].max() < 1e-6
