"""Zoom that the photo and the maps share."""

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.geometry.homography import mapped
from app.geometry.linked import Stage, map_view, panned_map, photo_view, zoomed_map
from app.geometry.plane import Rect, View
from app.panels.maps import MapPanel
from app.panels.photo import PhotoPanel
from app.theme import Fonts
from app.view import LINKED
from app.window.linking import link_zoom

# From a photo of 640 x 480 to a crop of 200 pixels at (100, 50), a little turned.
ANGLE = 0.1
TO_CROP = (
    (math.cos(ANGLE) / 200, math.sin(ANGLE) / 200, -0.5),
    (-math.sin(ANGLE) / 200, math.cos(ANGLE) / 200, -0.25),
    (0.0, 0.0, 1.0),
)
PANEL, ROOM = (400.0, 300.0), (250.0, 220.0)
STAGE = Stage(PANEL, (640.0, 480.0), TO_CROP)
FIT = View.fitted((1.0, 1.0), ROOM)


def test_of_a_whole_photo_the_map_is_whole():
    assert map_view(View.fitted((640, 480), PANEL), STAGE, ROOM) == FIT
    large = replace(STAGE, to_crop=((1 / 640, 0.0, 0.0), (0.0, 1 / 640, 0.1), (0.0, 0.0, 1.0)))
    assert map_view(View.fitted((640, 480), PANEL), large, ROOM) == FIT


@given(st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.floats(2.0, 8.0))
def test_a_map_shows_the_same_place_as_the_photo(x, y, factor):
    shown = zoomed_map(FIT, ROOM, FIT.to_panel((x, y)), factor)
    photo = photo_view(shown, ROOM, STAGE)
    middle = photo.to_image((PANEL[0] / 2, PANEL[1] / 2))
    assert mapped(TO_CROP, middle) == pytest.approx(shown.to_image((ROOM[0] / 2, ROOM[1] / 2)))
    assert photo.scale * 200 / 300 == pytest.approx(shown.scale / FIT.scale)
    again = map_view(photo, STAGE, ROOM)
    assert again.scale == pytest.approx(shown.scale)
    assert again.offset == pytest.approx(shown.offset, abs=1e-6)


def test_a_map_leaves_no_room_empty():
    near = zoomed_map(FIT, ROOM, (10.0, 10.0), 3.0)
    for delta in ((900.0, 900.0), (-900.0, -900.0)):
        moved = panned_map(near, ROOM, delta)
        low, high = moved.to_panel((0, 0)), moved.to_panel((1, 1))
        assert low[0] <= 1e-9 and low[1] <= 1e-9
        assert high[0] >= ROOM[0] - 1e-9 and high[1] >= ROOM[1] - 1e-9
    assert zoomed_map(near, ROOM, (10.0, 10.0), 0.01) == FIT


def test_a_photo_keeps_its_place_when_its_panel_changes():
    whole = View.fitted((640, 480), PANEL)
    assert whole.resized((640, 480), PANEL, (800, 300)) == View.fitted((640, 480), (800, 300))
    near = whole.zoomed((100.0, 80.0), 3.0)
    moved = near.resized((640, 480), PANEL, (800.0, 600.0))
    assert moved.scale == pytest.approx(2 * near.scale)
    assert moved.to_image((400, 300)) == pytest.approx(near.to_image((200, 150)))


def test_framing_shows_a_part_with_air():
    view = View.framing(Rect(100, 50, 80, 200), PANEL)
    low, high = view.to_panel((100, 50)), view.to_panel((180, 250))
    assert low[1] == pytest.approx(PANEL[1] - high[1])
    assert low[0] == pytest.approx(PANEL[0] - high[0])
    assert high[1] - low[1] == pytest.approx(PANEL[1] / 1.2)


def test_a_hidden_photo_zooms_to_the_person_in_the_room_that_it_had():
    """Commands reach it there, and it is linked before it is drawn again."""
    scene = SimpleNamespace(size=(640.0, 480.0), to_crop=TO_CROP)
    looks = SimpleNamespace(looks={LINKED}, image=1)
    session = SimpleNamespace(scene=scene, view=looks, box=Rect(100, 50, 200, 200))
    photo, panel = PhotoPanel(Fonts()), MapPanel(Fonts())
    photo.area, panel.area = Rect(0, 0, 0, 0), Rect(0, 0, 250, 220)
    photo.show_all()
    photo.show_person(session)
    photo.area = Rect(0, 0, *map(int, PANEL))
    link_zoom(session, photo, [panel])
    assert photo.view.scale > 0 and panel.lens.scale >= FIT.scale


def test_a_map_that_was_hidden_is_shown_whole_before_it_is_linked():
    """The mouse asks what is under it before the panels are drawn."""
    photo = SimpleNamespace(room=PANEL, view=View.fitted((640, 480), PANEL))
    scene = SimpleNamespace(size=(640.0, 480.0), to_crop=TO_CROP)
    session = SimpleNamespace(scene=scene, view=SimpleNamespace(looks={LINKED}))
    panel = MapPanel(Fonts())
    panel.area = Rect(0, 0, 250, 220)
    link_zoom(session, photo, [panel])
    assert panel.lens == map_view(photo.view, STAGE, panel.room)
    panel.area = Rect(0, 0, 0, 0)
    link_zoom(session, photo, [panel])
    panel.area = Rect(0, 0, 250, 220)
    panel.texture.tag = "a picture"
    assert panel.fraction((125.0, 110.0)) == pytest.approx((0.5, 0.5))
