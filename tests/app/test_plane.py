"""Rectangles, views, boxes and the grid of panels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geometry.boxes import Grip, dragged, grip_at, usable
from app.geometry.layout import GAP, PANELS, arrange
from app.geometry.plane import Rect, View

BOX = Rect(100, 50, 80, 200)
PHOTO = (640, 480)
places = st.floats(-1000, 1000)
sides = st.floats(1, 4000)


@given(sides, sides, sides, sides)
def test_a_fitted_view_shows_the_whole_image_touching_two_sides(width, height, wide, tall):
    view = View.fitted((width, height), (wide, tall))
    low, high = view.to_panel((0, 0)), view.to_panel((width, height))
    assert low == pytest.approx((wide - high[0], tall - high[1]), abs=1e-6)
    assert min(low) == pytest.approx(0, abs=1e-6)


@given(places, places, st.floats(0.3, 3.0))
def test_zooming_holds_the_point_under_the_mouse(x, y, factor):
    view = View(0.7, (12.0, -30.0))
    before = view.to_image((x, y))
    assert view.zoomed((x, y), factor).to_image((x, y)) == pytest.approx(before, abs=1e-6)


def test_zoom_has_limits():
    view = View(1.0, (0.0, 0.0))
    for _ in range(100):
        view = view.zoomed((5, 5), 2.0)
    assert view.scale == 64.0


def test_panning_moves_by_panel_pixels():
    view = View(2.0, (0.0, 0.0)).panned((10, -4))
    assert view.to_panel((0, 0)) == (10, -4)


@pytest.mark.parametrize(
    ("point", "grip"),
    [
        ((140, 150), Grip.INSIDE),
        ((101, 51), Grip.TOP_LEFT),
        ((179, 51), Grip.TOP_RIGHT),
        ((101, 249), Grip.BOTTOM_LEFT),
        ((182, 252), Grip.BOTTOM_RIGHT),
        ((98, 150), Grip.LEFT),
        ((179, 150), Grip.RIGHT),
        ((140, 52), Grip.TOP),
        ((140, 249), Grip.BOTTOM),
        ((300, 300), Grip.NEW),
    ],
)
def test_what_a_press_takes_hold_of(point, grip):
    assert grip_at(BOX, point, 5.0) is grip


def test_without_a_box_every_press_starts_one():
    assert grip_at(None, (140, 150), 5.0) is Grip.NEW


def test_a_tiny_box_can_still_be_moved():
    assert grip_at(Rect(0, 0, 9, 9), (4.5, 4.5), 20.0) is Grip.INSIDE


def test_a_new_box_spans_the_drag_in_any_direction():
    down = dragged(BOX, Grip.NEW, (300, 300), (350, 420), PHOTO)
    up = dragged(BOX, Grip.NEW, (350, 420), (300, 300), PHOTO)
    assert down == up == Rect(300, 300, 50, 120)


def test_moving_keeps_the_size_and_the_middle_on_the_photo():
    moved = dragged(BOX, Grip.INSIDE, (140, 150), (150, 130), PHOTO)
    assert moved == Rect(110, 30, 80, 200)
    far = dragged(BOX, Grip.INSIDE, (140, 150), (9999, -9999), PHOTO)
    assert far == Rect(640 - 40, -100, 80, 200)


def test_an_edge_moves_alone_and_may_cross_the_other():
    wider = dragged(BOX, Grip.RIGHT, (180, 100), (200, 300), PHOTO)
    assert wider == Rect(100, 50, 100, 200)
    crossed = dragged(BOX, Grip.RIGHT, (180, 100), (80, 100), PHOTO)
    assert crossed == Rect(80, 50, 20, 200)


def test_a_corner_moves_two_edges():
    assert dragged(BOX, Grip.TOP_LEFT, (100, 50), (90, 70), PHOTO) == Rect(90, 70, 90, 180)


def test_a_click_is_not_a_box():
    assert not usable(Rect(0, 0, 3, 100))
    assert usable(Rect(0, 0, 60, 100))


@given(st.integers(640, 4000), st.integers(480, 2500), st.booleans())
def test_the_grid_fills_the_window_without_overlap(width, height, why):
    rects = arrange(width, height, why=why)
    for name, rect in rects.items():
        assert rect.x >= GAP
        assert rect.y >= GAP
        assert rect.right <= width - GAP
        assert rect.bottom <= height
        assert rect.width > 0
        assert rect.height > 0
        assert all(float(v).is_integer() for v in rect), name
        for other in rects.values():
            apart = (
                rect.right <= other.x
                or other.right <= rect.x
                or rect.bottom <= other.y
                or other.bottom <= rect.y
            )
            assert apart or other is rect
    folded = len({rects[name].y for name in PANELS if name in rects}) == 1
    assert folded == (height < 496)
    assert rects["photo"].height >= 120
    last = max(rects[name].right for name in PANELS if name in rects)
    assert (rects["answer"].right if why else last) == width - GAP
    assert folded or rects["photo"].width == rects["loss"].width
