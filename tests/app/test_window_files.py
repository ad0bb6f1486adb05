"""Photos that come into the real window: dropped, pasted, chosen, damaged, or lost by a crash."""

import os
import signal

import numpy as np
import pytest
from PIL import Image

from app.geometry.plane import Rect
from tests.app.clipboard import holding

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")

BODY = np.array([158, 194, 235])  # the body's colour at full light
NOWHERE = (700, 30)  # a place in the tool bar that does nothing


def near(pixels, color, tolerance=40):
    """Share of the pixels that have nearly this colour."""
    return float((np.abs(pixels - np.array(color)).max(-1) <= tolerance).mean())


def test_a_photo_with_nobody_is_not_fitted_before_a_box_is_drawn(debugger, tmp_path):
    path = tmp_path / "wall.png"
    Image.new("RGB", (640, 480), (90, 90, 90)).save(path)
    app = debugger(path)
    state = app.wait(lambda s: s["banner"] and s["settled"], "the banner")
    assert state["banner"] == "Nobody is here: Space fits the whole photo."
    app.next_frames(10)
    assert (app.state["phase"], app.state["steps"]) == ("PAUSED", 0)
    assert near(app.panel_pixels("photo"), BODY) < 0.001
    assert near(app.panel_pixels("photo"), (84, 58, 18), 12) > 0.02
    app.drag(app.on_photo((200, 100)), app.on_photo((400, 400)))
    state = app.wait_done()
    assert Rect(*state["box"]) == pytest.approx((200, 100, 200, 300), abs=3)
    assert state["banner"] == ""
    assert near(app.panel_pixels("photo"), (84, 58, 18), 12) < 0.02


def test_an_unreadable_file_is_told_in_the_status_line_and_nothing_is_lost(
    debugger, photo, tmp_path
):
    app = debugger(photo)
    app.wait_done()
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    app.drop(text)
    state = app.wait(lambda s: s["level"] == "error", "the error")
    assert state["message"].endswith("is not an image")
    assert state["photo"] == photo.name
    assert state["steps"] == 31


def test_a_crashed_engine_is_shown_and_restarted(debugger, photo):
    app = debugger(photo, program=True)
    worker = app.wait_done()["worker"]
    app.move(NOWHERE)
    before = {name: app.panel_pixels(name) for name in ("rendered", "occlusion", "body")}
    os.kill(worker, signal.SIGKILL)
    state = app.wait_phase("DOWN")
    assert "SIGKILL" in state["message"]
    app.key("Left")  # asks nobody
    app.press_button("restart")
    app.move(NOWHERE)
    state = app.wait_done()
    assert state["worker"] != worker
    assert state["photo"].endswith(".nbf")  # what was saved by itself
    for name, pixels in before.items():
        np.testing.assert_array_equal(app.panel_pixels(name), pixels, err_msg=name)


def test_pasting_nothing_is_told_and_takes_ctrl(debugger):
    app = debugger()
    app.wait_phase("EMPTY")
    before = app.state["message"]
    app.key("v")
    assert app.state["message"] == before
    app.key("ctrl+v")
    app.wait(lambda s: s["message"].startswith("The clipboard holds neither"), "the answer")


def test_pasting_a_path_a_picture_and_a_file(debugger, photo, tmp_path):
    app = debugger()
    app.wait_phase("EMPTY")
    with holding(app.display, UTF8_STRING=str(photo).encode()):
        app.key("ctrl+v")
        assert app.wait_done()["photo"] == photo.name
    with holding(app.display, image__png=photo.read_bytes()):
        app.key("ctrl+v")
        app.wait(lambda s: s["photo"].startswith("pasted-"), "the pasted picture")
    other = tmp_path / "other.png"
    other.write_bytes(photo.read_bytes())
    with holding(app.display, **{"text/uri-list": other.as_uri().encode()}):
        app.key("ctrl+v")
        app.wait(lambda s: s["photo"] == other.name, "the copied file")


def test_a_dropped_address_is_told_of(debugger):
    app = debugger("--paused")
    app.wait_phase("EMPTY")
    app.drop("https://example.org/me.jpg")
    told = "https://example.org/me.jpg is no file"
    assert app.wait(lambda s: s["message"].startswith(told), "the answer")["level"] == "warning"


def test_the_file_dialog_takes_keys_and_double_clicks(debugger, photo, tmp_path):
    here, album = tmp_path / "deep" / "deeper", tmp_path / "pictures" / "album"
    here.mkdir(parents=True)
    album.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (album / name).write_bytes(photo.read_bytes())
    app = debugger(photo, folder=here)
    app.wait_done()
    app.press_button("open")
    files = app.wait(lambda s: s["files"], "the dialog")["files"]
    assert files["folder"] == str(here)
    while files["folder"] != str(tmp_path):
        app.key("Home")  # is for the steps, not for the dialog
        app.key("Up")
        app.key("Return")
        files = app.state["files"]
    assert app.state["shown"] == app.state["best"]
    for part in ("pictures", "album"):
        app.pick(part)
        app.wait(lambda s, part=part: s["files"]["folder"].endswith(part), part)
    (album / "c.png").write_bytes(photo.read_bytes())
    app.key("Escape")
    app.wait(lambda s: s["files"] is None, "the end of the dialog")
    app.key("o")
    rows = app.wait(lambda s: s["files"], "the dialog")["files"]["rows"]
    assert list(rows)[-3:] == ["a.png", "b.png", "c.png"]
    app.pick("c.png")
    app.wait(lambda s: s["photo"] == "c.png" and s["files"] is None, "the photo")
