"""Layouts: where panels lie, what is hidden, and what the mouse and small windows do to it."""

from dataclasses import replace

import pytest

from app.geometry.layout import (
    BUILT_IN,
    PANELS,
    STANDARD,
    Cell,
    Layout,
    Row,
    arrange,
    completed,
    dividers,
    is_sound,
)


def panels_in(places):
    return [name for name in places if name in PANELS]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_layout_is_sound_and_knows_every_panel(name):
    layout = completed(BUILT_IN[name])
    assert is_sound(layout)
    assert sorted(cell.panel for row in layout.rows for cell in row.cells) == sorted(PANELS)
    assert panels_in(arrange(1280, 800, layout=layout)) == list(BUILT_IN[name].panels)


def test_the_largest_panel_has_the_place_of_all():
    places, alone = arrange(1280, 800), arrange(1280, 800, largest="body")
    assert panels_in(alone) == ["body"]
    photo, body = places["photo"], places["body"]
    assert alone["body"][:2] == photo[:2]
    assert (alone["body"].right, alone["body"].bottom) == (body.right, body.bottom)


def test_a_hidden_panel_leaves_its_place_to_its_neighbours():
    layout = STANDARD.toggled("rendered")
    places = arrange(1280, 800, layout=layout)
    assert "rendered" not in places
    assert places["observed"].right == places["body"].right
    assert layout.toggled("rendered") == STANDARD
    bare = layout.toggled("timeline")
    assert arrange(1280, 800, layout=bare)["photo"].height > places["photo"].height


def test_the_last_panel_is_never_hidden():
    layout = STANDARD
    for name in PANELS:
        layout = layout.toggled(name)
    assert layout.panels == ("body",)


def test_a_small_window_with_a_strip_shows_a_large_photo_and_the_rest_in_turn():
    seen = set()
    for turn in range(5):
        places = arrange(640, 480, strip=True, turn=turn)
        assert places["photo"].height > 180
        seen |= set(panels_in(places))
    assert seen == set(PANELS)
    with_answer = [arrange(640, 480, why=True, strip=True, turn=turn) for turn in range(6)]
    assert {name for places in with_answer for name in panels_in(places)} == set(PANELS)


def test_a_divider_moves_the_edge_that_two_panels_share():
    places = arrange(1280, 800)
    found = {divider.panels or divider.rows: divider for divider in dividers(places, STANDARD)}
    assert set(found) == {
        *[("photo", "observed"), ("observed", "rendered")],
        *[("loss", "occlusion"), ("occlusion", "body"), (0, 1)],
    }
    moved = STANDARD.moved(found["photo", "observed"], 60, places)
    after = arrange(1280, 800, layout=moved)
    assert after["photo"].width == pytest.approx(places["photo"].width + 60, abs=1)
    assert after["observed"].right == pytest.approx(places["observed"].right, abs=1)
    assert after["rendered"] == pytest.approx(places["rendered"], abs=1)
    lower = arrange(1280, 800, layout=STANDARD.moved(found[0, 1], 40, places))
    assert lower["photo"].height == pytest.approx(places["photo"].height + 40, abs=1)


def test_a_divider_stops_before_a_panel_is_too_small():
    places = arrange(1280, 800)
    divider = dividers(places, STANDARD)[0]
    after = arrange(1280, 800, layout=STANDARD.moved(divider, 5000, places))
    assert after["observed"].width >= 89


def test_hidden_rows_have_no_divider():
    layout = STANDARD
    for name in ("loss", "occlusion", "body"):
        layout = layout.toggled(name)
    found = dividers(arrange(1280, 800, layout=layout), layout)
    assert [divider.rows for divider in found] == [None, None]
    assert dividers(arrange(1280, 800, largest="loss"), STANDARD) == []


@pytest.mark.parametrize(
    "layout",
    [
        Layout(()),
        Layout((Row(()),)),
        Layout((Row((Cell("nothing"),)),)),
        Layout((Row((Cell("photo"), Cell("photo"))),)),
        Layout((Row((Cell("photo", -1.0),)),)),
        replace(STANDARD, hidden=PANELS),
        replace(STANDARD, hidden=("nothing",)),
    ],
)
def test_what_cannot_be_shown_is_not_sound(layout):
    assert not is_sound(layout)
