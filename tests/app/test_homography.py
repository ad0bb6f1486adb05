"""The crop on the photo, and the cells of its map."""

import pytest

from app.geometry.homography import cell_center, cell_corners, inside_crop, mapped

TO_CROP = ((0.01, 0.0, -1.0), (0.0, 0.02, -1.0), (0.0, 0.0, 1.0))  # x 100..200, y 50..100


def test_a_homography_divides_by_the_third_coordinate():
    assert mapped(((1, 0, 0), (0, 1, 0), (0, 0, 2)), (4, 6)) == (2.0, 3.0)


def test_pixels_of_the_photo_lie_in_the_crop_or_not():
    assert inside_crop(TO_CROP, (150, 75)) == pytest.approx((0.5, 0.5))
    assert inside_crop(TO_CROP, (99, 75)) is None
    assert inside_crop(TO_CROP, (150, 100.5)) is None


@pytest.mark.parametrize("at", [(0.26, 0.5), (0.4999, 0.6666)])
def test_all_points_of_a_cell_have_its_middle(at):
    assert cell_center((4, 6), at) == pytest.approx((0.375, 3.5 / 6))


def test_a_cell_has_its_corners_on_the_photo():
    corners = cell_corners(TO_CROP, (4, 2), (0.3, 0.9))  # second column, second row
    for corner, expected in zip(
        corners, [(125, 75), (150, 75), (150, 100), (125, 100)], strict=True
    ):
        assert corner == pytest.approx(expected)
