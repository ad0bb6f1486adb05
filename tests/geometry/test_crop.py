"""The virtual camera of a crop: exact geometry and pixels."""

import numpy as np
import pytest

from core.geometry.crop import (
    Box,
    clip_overhang,
    crop_view,
    default_focal,
    inside_photo,
    warp,
)

WIDTH, HEIGHT, FOCAL = 640, 480, 700.0


def project_photo(point: np.ndarray) -> np.ndarray:
    return FOCAL * point[:2] / point[2] + [WIDTH / 2, HEIGHT / 2]


@pytest.mark.parametrize("box", [Box(400, 50, 100, 300), Box(-50, 200, 200, 400)])
def test_crop_pixels_equal_projection_by_the_virtual_camera(box):
    view = crop_view(WIDTH, HEIGHT, box, FOCAL, 256)
    point = np.array([0.4, -0.3, 4.0])  # photo camera frame
    in_crop = view.rotation.T @ point
    by_camera = view.focal * in_crop[:2] / in_crop[2] + view.size / 2
    mapped = view.homography @ np.array([*project_photo(point), 1.0])
    assert np.allclose(mapped[:2] / mapped[2], by_camera)


def test_box_centre_is_the_crop_centre_and_scale_fits():
    box = Box(300, 100, 80, 200)
    view = crop_view(WIDTH, HEIGHT, box, FOCAL, 256, padding=1.25)
    mapped = view.homography @ np.array([*box.center, 1.0])
    assert np.allclose(mapped[:2] / mapped[2], [128, 128])
    top = view.homography @ np.array([box.center[0], box.y, 1.0])
    assert abs((128 - top[1] / top[2]) - 128 / 1.25) < 2  # perspective changes it slightly


def test_a_centred_box_is_a_plain_resize():
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    box = Box(WIDTH / 2 - 128, HEIGHT / 2 - 128, 256, 256)
    view = crop_view(WIDTH, HEIGHT, box, FOCAL, 256, padding=1.0)
    assert np.array_equal(warp(image, view), image[112:368, 192:448])
    assert np.allclose(view.rotation, np.eye(3))


def test_shrinking_averages_instead_of_picking():
    stripes = np.zeros((2000, 2000, 3), np.uint8)
    stripes[:, ::2] = 255
    view = crop_view(2000, 2000, Box(0, 0, 2000, 2000), 2800.0, 256, padding=1.0)
    assert abs(int(warp(stripes, view)[64:192, 64:192].mean()) - 127) < 4
    assert warp(stripes, view)[64:192, 64:192].std() < 12


def test_inside_photo_marks_the_border():
    view = crop_view(WIDTH, HEIGHT, Box(-100, 0, 200, 400), FOCAL, 64)
    inside = inside_photo(WIDTH, HEIGHT, view)
    assert inside[32, 2] == 0 and inside[32, 50] == pytest.approx(1)


def test_default_focal_is_the_diagonal():
    assert default_focal(300, 400) == 500


def test_a_box_reaches_past_the_photo_by_a_quarter_of_what_is_inside():
    portrait = clip_overhang(Box(10, -40, 80, 440), width=100, height=200)
    assert portrait == Box(10, -40, 80, 290)  # 200 inside, 50 more at most on each side
    inside = Box(10, 20, 30, 40)
    assert clip_overhang(inside, 100, 200) == inside
    outside = Box(150, 20, 30, 40)
    assert clip_overhang(outside, 100, 200) == outside
