"""The real window with several people and several photos: clicked, dropped on, and looked at."""

import itertools

import numpy as np
import pytest
from PIL import Image

from app.geometry.plane import Rect
from tests.app.blob import blob_photo
from tests.app.fake_engine import RED
from tests.app.test_window import NOWHERE, near

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")

SPOT = (600, 420)  # the fake engine finds a person around it
OUTSIDE = (30, 20)  # dark, and in nobody's box


@pytest.fixture
def pair(tmp_path):
    """A photo with two people."""
    pixels = blob_photo()
    pixels[SPOT[1] - 2 : SPOT[1] + 3, SPOT[0] - 2 : SPOT[0] + 3] = RED
    path = tmp_path / "pair.png"
    Image.fromarray(pixels).save(path)
    return path


def copies(photo, names):
    """The photo under other names, and in other sizes."""
    paths = [photo.with_name(name) for name in names]
    for number, path in enumerate(paths):
        Image.open(photo).resize((640 - 40 * number, 480)).save(path)
    return paths


def test_a_click_fits_the_person_under_it(debugger, pair):
    app = debugger(pair)
    first = app.wait_done()
    assert first["people"] == [first["box"], [SPOT[0] - 60, SPOT[1] - 60, 120, 120]]
    app.move(NOWHERE)
    plain = app.panel_pixels("photo")
    app.move(app.on_photo(OUTSIDE))
    assert app.state["under"] is None
    assert near(app.panel_pixels("photo") - plain, (0, 0, 0), 8) < 0.9995  # a thin box
    app.move(app.on_photo((SPOT[0] + 20, SPOT[1])))
    assert app.state["under"] == 1
    app.click(app.on_photo((SPOT[0] + 20, SPOT[1])))
    state = app.wait(lambda s: s["run"] == 2 and s["phase"] == "DONE", "the other person")
    assert state["box"] == first["people"][1]
    app.click(app.on_photo((320, 200)))
    state = app.wait(lambda s: s["run"] == 1 and s["settled"], "the first person again")
    assert state["runs"] == [[1, 1], [1, 2]]
    app.key("period")
    app.wait(lambda s: s["run"] == 2, "the next person")
    app.key("comma")
    app.wait(lambda s: s["run"] == 1, "the person before")
    app.click(app.on_photo(OUTSIDE))
    state = app.wait(lambda s: s["level"] == "error", "the answer")
    assert state["message"].startswith("nobody at")
    assert (state["run"], state["phase"], state["box"]) == (1, "DONE", first["box"])


def test_boxes_of_people_stay_on_demand(debugger, pair):
    app = debugger(pair)
    app.wait_done()
    app.move(NOWHERE)
    plain = app.panel_pixels("photo")
    app.key("ctrl+a")
    assert near(app.panel_pixels("photo") - plain, (0, 0, 0), 8) < 0.9995
    app.key("ctrl+a")
    np.testing.assert_array_equal(app.panel_pixels("photo"), plain)


def test_two_dropped_files_are_fitted_and_shown_by_clicks_and_keys(debugger, photo, tmp_path):
    app = debugger(engine="load_slow")
    app.wait_phase("EMPTY")
    height = app.panel("photo").height
    a, b = copies(photo, ("a.png", "b.png"))
    app.drop(a, b)
    state = app.wait(lambda s: s["album"].get("a.png") == "fitting", "the first")
    assert state["album"]["b.png"] == "waiting" and list(state["strip"]) == ["a.png", "b.png"]
    assert app.panel("photo").height < height
    state = app.wait(lambda s: set(s["album"].values()) == {"done"}, "both")
    assert state["photo"] == "a.png" and state["message"] == "2 of 2 photos are fitted."
    app.move(NOWHERE)
    for name in ("a.png", "b.png"):
        cell = Rect(*app.state["strip"][name])
        assert near(app.pixels(cell).astype(np.int64), (250, 225, 200)) > 0.01, name  # its picture
    app.click(app.middle(app.state["strip"]["b.png"]))
    state = app.wait(lambda s: s["photo"] == "b.png" and s["settled"], "the second")
    assert (state["phase"], state["steps"], state["runs"]) == ("DONE", 31, [[1, 1], [2, 2]])
    app.key("ctrl+Prior")
    app.wait(lambda s: s["photo"] == "a.png", "the first again")
    app.key("ctrl+Next")
    app.wait(lambda s: s["photo"] == "b.png", "the second again")


def test_one_photo_has_no_strip(debugger, photo):
    app = debugger(photo)
    state = app.wait_done()
    assert state["strip"] == {} and len(state["album"]) == 1
    tops = sorted(Rect(*rect).y for rect in (*state["buttons"].values(), state["panels"]["photo"]))
    assert tops[-1] - tops[0] < 100


def test_a_folder_with_a_damaged_file_is_fitted_but_for_that(debugger, photo, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for path in copies(photo, ("a.png", "c.png", "d.png")):
        path.rename(folder / path.name)
    (folder / "b.jpg").write_text("not a picture")
    app = debugger(folder)
    state = app.wait(lambda s: s["album"].get("b.jpg") == "failed", "the damaged file")
    state = app.wait(lambda s: "3 of 4 photos" in s["message"], "the others")
    assert list(state["album"].values()) == ["done", "failed", "done", "done"]
    app.key("ctrl+t")
    assert list(app.state["album"])[-1] == "b.jpg"  # has no objective
    assert app.state["message"] == "The strip is sorted: worst objective first."


@pytest.mark.parametrize("size", [(800, 600), (640, 480)])
def test_a_small_window_has_room_for_the_strip(debugger, photo, size):
    app = debugger(
        *copies(photo, [f"{n}.png" for n in "abcdefgh"]),
        "--size",
        f"{size[0]}x{size[1]}",
        "--paused",
    )
    state = app.wait(lambda s: s["strip"] and s["settled"], "the strip")
    rects = [Rect(*rect) for rect in state["panels"].values() if any(rect)]  # others are hidden
    assert all(rect.height > 40 for rect in rects)
    for one, other in itertools.combinations(rects, 2):
        apart = one.right <= other.x or other.right <= one.x
        assert apart or one.bottom <= other.y or other.bottom <= one.y
    first, *_, last = state["strip"]
    assert last != "h.png"
    app.move(app.middle(state["strip"][first]))
    app.xdotool("click", "--repeat", 9, 5)
    app.wait(lambda s: "h.png" in s["strip"], "the end of the strip")
