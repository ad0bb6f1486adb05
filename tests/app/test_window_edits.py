"""What a person changes in the real window: boxes, runs, weights, occluders."""

import itertools
import json

import numpy as np
import pytest

from app.geometry.plane import Rect

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")

NOWHERE = (700, 30)  # a place in the tool bar that does nothing


def near(pixels, color, tolerance=40):
    """Share of the pixels that have nearly this colour."""
    return float((np.abs(pixels - np.array(color)).max(-1) <= tolerance).mean())


def test_escape_gives_up_a_drag_and_a_slip_is_no_box(debugger, photo):
    app = debugger(photo)
    box = app.wait_done()["box"]
    app.move(app.on_photo((600, 30)))
    app.xdotool("mousedown", 1)
    app.next_frames()
    app.move(app.on_photo((230, 470)))
    assert Rect(*app.state["draft"]) == pytest.approx((230, 30, 370, 440), abs=3)
    app.key("Escape")
    assert app.state["draft"] is None
    app.xdotool("mouseup", 1)
    app.next_frames()
    inside = app.on_photo((320, 240))
    app.drag(inside, (inside[0] + 3, inside[1] + 2))
    app.next_frames(6)
    state = app.state
    assert (state["run"], state["box"], state["phase"]) == (1, box, "DONE")


def test_a_run_that_was_left_comes_back(debugger, photo):
    app = debugger(photo)
    best = app.wait_done()["best"]
    app.key("Left")
    app.key("r")
    app.wait(lambda s: s["run"] == 2, "another run")
    app.wait_done()
    app.key("Prior")
    state = app.wait(lambda s: s["run"] == 1 and s["settled"], "the first run")
    assert (state["steps"], state["shown"], state["phase"]) == (31, best, "DONE")
    app.key("Next")
    app.wait(lambda s: s["run"] == 2 and s["settled"], "the second run")


def test_a_run_is_changed_branched_compared_and_undone(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    lane = app.on_lane(1, 12 / 30)
    app.click(lane)
    app.wait(lambda s: s["shown"] == 12 and s["settled"], "step 12")
    app.key("e")
    app.wait(lambda s: s["edit"], "the dialog")
    field = app.middle(app.state["edit"]["edit weight size"])
    app.drag(field, (field[0] + 60, field[1]))
    app.click(app.middle(app.state["edit"]["edit branch"]))
    app.wait(lambda s: s["run"] == 2, "the branch")
    app.key("Escape")
    state = app.wait_done()
    assert list(state["lanes"]) == ["1", "2"] and "size" in state["labels"]["2"]
    app.key("c")
    app.wait(lambda s: s["other"] == [1, 1], "the comparison")
    app.key("Left")
    step = app.wait(lambda s: s["settled"], "its pictures")["shown"]
    app.key("x")
    state = app.wait(lambda s: s["run"] == 1 and s["settled"], "the other run")
    assert (state["shown"], state["other"]) == (step, [1, 2])
    app.click(app.on_lane(2, 20 / 30))
    app.wait(lambda s: (s["run"], s["shown"]) == (2, 20) and s["settled"], "a step of run 2")
    app.key("ctrl+z")
    state = app.wait(lambda s: s["run"] == 1, "undoing")
    assert list(state["lanes"]) == ["1"]
    app.key("ctrl+y")
    app.wait(lambda s: s["run"] == 2 and list(s["lanes"]) == ["1", "2"], "doing it again")
    app.key("Delete")
    app.wait(lambda s: s["run"] == 1 and list(s["lanes"]) == ["1"], "removing")


@pytest.mark.parametrize("size", [(800, 600), (640, 480)])
def test_a_small_window_shows_everything_apart(debugger, photo, size):
    app = debugger(photo, "--size", f"{size[0]}x{size[1]}")
    state = app.wait_done()
    buttons = [Rect(*rect) for rect in state["buttons"].values()]
    buttons.sort()
    assert all(a.right <= b.x for a, b in itertools.pairwise(buttons))
    assert buttons[-1].right <= size[0]
    app.key("F1")
    sheet = Rect(*app.wait(lambda s: s["help"], "the help")["help"])
    assert sheet.x >= 0 and sheet.y >= 0
    assert sheet.right <= size[0] and sheet.bottom <= size[1]


GREY = (96, 96, 96)  # a new occluder


def test_a_drawn_occluder_is_fitted_behind_moved_and_taken_back(debugger, photo):
    app = debugger(photo)
    first = app.wait_done()
    assert first["occluders"] == []
    app.key("k")
    assert app.state["occlude"] is not None
    app.click(app.middle(app.state["occlude"]["occlude ellipse"]))
    assert app.state["tool"] == "ellipse"
    app.drag(app.on_photo((250, 150)), app.on_photo((410, 330)))
    state = app.wait(lambda s: s["run"] > first["run"], "the run behind it")
    app.wait_done()
    (drawn,) = app.state["occluders"]
    assert drawn["center"] == pytest.approx((330, 240), abs=3)
    assert drawn["shape"]["width"] == pytest.approx(160, abs=3)
    app.key("k")
    app.wait(lambda s: s["tool"] == "box", "the tool put away with the dialog")
    app.move(NOWHERE)
    assert near(app.panel_pixels("observed"), GREY, 12) > 0.05
    assert near(app.panel_pixels("photo"), GREY, 12) > 0.01
    assert app.state["found"] is not None
    plain = app.panel_pixels("occlusion")
    app.key("m")
    assert near(app.panel_pixels("occlusion"), (206, 60, 140), 20) > 0.002  # misses
    app.key("m")
    np.testing.assert_array_equal(app.panel_pixels("occlusion"), plain)
    app.key("d")
    app.click(app.on_photo((330, 240)))
    assert app.state["chosen"] == 0
    app.drag(app.on_photo((330, 240)), app.on_photo((280, 260)))
    moved = app.wait(lambda s: s["run"] > state["run"], "the run after the move")
    assert moved["occluders"][0]["center"] == pytest.approx((280, 260), abs=4)
    app.wait_done()
    app.key("ctrl+z")
    app.wait(lambda s: s["run"] == state["run"] and s["settled"], "the run before")
    assert app.state["occluders"] == [drawn]


def test_a_set_dropped_on_the_window_is_put_before_the_photo(debugger, photo, tmp_path):
    app = debugger(photo)
    first = app.wait_done()
    (tmp_path / "bad.json").write_text("{}")
    app.drop(tmp_path / "bad.json")
    state = app.wait(lambda s: s["level"] == "error", "a line about the bad set")
    assert "bad.json is not a set of occluders" in state["message"]
    shape = {"kind": "rectangle", "width": 90, "height": 60}
    document = {"format": "nbf-occluders", "version": 1}
    document["occluders"] = [{"shape": shape, "center": [320, 200]}]
    (tmp_path / "set.json").write_text(json.dumps(document))
    app.drop(tmp_path / "set.json")
    state = app.wait(lambda s: s["run"] > first["run"], "the run behind the set")
    app.wait_done()
    assert state["photo"] == photo.name
    assert [o["center"] for o in state["occluders"]] == [[320, 200]]


def test_an_occluder_is_previewed_while_it_is_dragged(debugger, photo):
    app = debugger(photo)
    first = app.wait_done()
    app.key("a")
    before = app.panel_pixels("observed")
    app.move(app.on_photo((250, 150)))
    app.xdotool("mousedown", 1)
    app.next_frames()
    for point in ((300, 200), (360, 260), (410, 330)):
        app.move(app.on_photo(point))
    state = app.wait(lambda s: s["previewed"] and s["settled"], "the preview")
    assert state["run"] == first["run"] and len(state["runs"]) == 1
    assert near(app.panel_pixels("observed"), GREY, 12) > near(before, GREY, 12) + 0.05
    app.key("Escape")
    app.xdotool("mouseup", 1)
    app.wait(lambda s: not s["previewed"] and s["settled"], "the run's own pictures")
    assert app.state["occluders"] == [] and len(app.state["runs"]) == 1
    assert near(app.panel_pixels("observed"), GREY, 12) < near(before, GREY, 12) + 0.02


def test_many_keys_at_once_are_all_done(debugger, photo):
    """Dear ImGui keeps them and hands one on in each frame; nothing else asks for these frames."""
    app = debugger(photo)
    app.wait_done()
    app.move(NOWHERE)
    app.wait(lambda s: not s["awake"], "rest")
    app.xdotool("key", "--delay", 0, *["p", "c"] * 20, "b")  # P and C do nothing here
    app.wait(lambda s: s["bookmarks"], "the last key")


@pytest.mark.parametrize("size", ["640x480", "1000x700"])
def test_labels_keep_away_from_the_edges_of_their_buttons(debugger, photo, size):
    app = debugger(photo, "--scale", 1.5, "--size", size, program=True)
    app.wait_done()
    app.move((app.state["size"][0] - 5, app.state["size"][1] - 5))
    for name, rect in app.state["buttons"].items():
        pixels = app.pixels(Rect(*rect)).astype(int)
        inner = pixels[8:-8]  # the corners are round
        ground = inner[:, 3:4]
        text = (np.abs(inner - ground).max(-1) > 20).any(0).nonzero()[0]
        left, right = text[0], inner.shape[1] - 1 - text[-1]
        assert min(left, right) >= 5, name
        assert abs(left - right) <= 4, name
