"""Pixels of a photo as squares: each screen pixel has the colour of the pixel under its middle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.geometry.nearest import nearest_part, pixel_side
from app.geometry.plane import Rect, View
from app.panels.maps import MapPanel
from app.theme import Fonts

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def test_whole_pixels_become_squares():
    rect, part = nearest_part(PICTURE, (8, 6), View(5.0, (10, 20)), (100, 100))
    assert rect == Rect(10, 20, 40, 30)
    assert np.array_equal(part, PICTURE.repeat(5, 0).repeat(5, 1))


def test_only_what_is_in_sight_is_made_and_a_smaller_copy_has_larger_squares():
    view = View(3.0, (-12.0, -6.0))
    rect, part = nearest_part(PICTURE, (16, 12), view, (20, 10))  # the copy has half the size
    assert rect == Rect(0, 0, 20, 10) and part.shape == (10, 20, 3)
    whole = PICTURE.repeat(6, 0).repeat(6, 1)
    assert np.array_equal(part, whole[6:16, 12:32])
    assert pixel_side(PICTURE, (16, 12), view) == 6
    assert nearest_part(PICTURE, (16, 12), View(3.0, (200.0, 0.0)), (20, 10)) is None


@settings(max_examples=100, deadline=None)
@given(st.floats(0.3, 40), st.floats(-300, 120), st.floats(-300, 120))
def test_every_pixel_of_the_screen_is_under_its_own(scale, x, y):
    view = View(scale, (x, y))
    found = nearest_part(PICTURE, (8, 6), view, (90, 70))
    if found is None:
        assert x >= 90 or y >= 70 or x + 8 * scale <= 0 or y + 6 * scale <= 0 or scale < 1
        return
    rect, part = found
    assert rect.x >= 0 and rect.right <= 90 and part.shape[:2] == (rect.height, rect.width)
    for row, column in ((0, 0), (part.shape[0] // 2, part.shape[1] // 2), (-1, -1)):
        middle = (
            rect.x + column % part.shape[1] + 0.5,
            rect.y + row % part.shape[0] + 0.5,
        )
        at = view.to_image(middle)
        i, k = (min(max(int(np.floor(v)), 0), n - 1) for v, n in ((at[1], 6), (at[0], 8)))
        assert np.array_equal(part[row, column], PICTURE[i, k])


def colors(pixels):
    """How many different colours a part of the screen has."""
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


@pytest.mark.gui
@pytest.mark.slow
def test_a_photo_that_is_zoomed_shows_its_pixels_until_they_are_smoothed(debugger, photo):
    app = debugger(photo, "--paused")
    app.wait_phase("PAUSED")
    app.wait(lambda s: s["settled"], "pictures")
    place = app.on_photo((30, 60))  # beside the body, where the photo is noise
    app.move(place)
    app.xdotool("click", "--repeat", 16, "--delay", 20, 4)
    state = app.wait(lambda s: s["view"][0] > 10, "the zoom")
    app.next_frames(5)
    scale = state["view"][0]
    part = Rect(place[0] + 20, place[1] + 10, 8 * scale, 4 * scale)
    sharp = app.pixels(part)
    pixels = 10 * 6  # and the edges
    assert colors(sharp) <= pixels
    app.key("ctrl+m")
    app.next_frames(5)
    assert colors(app.pixels(part)) > 4 * pixels
    app.key("ctrl+5")  # the split draws the bare photo once more
    app.key("ctrl+m")
    app.next_frames(5)
    assert np.array_equal(app.pixels(part), sharp)


def test_the_first_map_is_enlarged_to_its_room_and_no_further(monkeypatch):
    """A texture of more pixels than the screen shows of it costs a frame for nothing."""
    panel = MapPanel(Fonts())
    panel.area = Rect(0, 0, 560, 560)
    shown = []
    monkeypatch.setattr(panel.texture, "show", lambda picture, enlarge: shown.append(enlarge))
    panel.show(np.zeros((56, 56, 3), np.uint8))
    panel.show(np.zeros((28, 28, 3), np.uint8))
    assert shown == [10, 20]
