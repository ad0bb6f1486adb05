"""A table of people in the real window: dropped, chosen and named; worst first, with the truth."""

import pytest
from PIL import Image

from app.geometry.plane import Rect
from core.eval.person_rows import PersonPlace
from tests.app.blob import blob_photo
from tests.app.test_window_files import near
from tests.eval import test_person_rows as rows

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")

BOXES = [(60, 40, 500, 400), (200, 100, 240, 300), (150, 60, 300, 360)]
GOOD = (126, 214, 143)


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Three people of one photo, the middle one the worst, the first one the best."""
    folder = tmp_path / "data"
    folder.mkdir()
    Image.fromarray(blob_photo()).save(folder / "group.png")
    places = [
        PersonPlace("photos", str(folder), "all", n, "group.png", None, *map(float, box))
        for n, box in enumerate(BOXES)
    ]
    monkeypatch.setattr(rows, "PLACES", places)
    return rows.table(tmp_path / "mine.csv", (50.0, 70.0, 60.0))


def shown(app, title):
    state = app.wait(lambda s: s["photo"] == title and s["phase"] == "DONE" and s["settled"], title)
    return Rect(*state["box"])


def open_by_drop(debugger, mine):
    app = debugger()
    app.wait_phase("EMPTY")
    app.drop(mine)
    return app


def open_by_name(debugger, mine):
    return debugger(mine)


def open_by_dialog(debugger, mine):
    app = debugger(folder=mine.parent)
    app.wait_phase("EMPTY")
    app.key("o")
    app.wait(lambda s: s["files"], "the dialog")
    app.pick("mine.csv")
    return app


@pytest.mark.parametrize("opens", [open_by_drop, open_by_name, open_by_dialog])
def test_the_worst_person_comes_first_in_their_box_and_keys_go_on(debugger, mine, opens):
    app = opens(debugger, mine)
    app.wait(lambda s: s["box"] is not None and len(s["album"]) == 3, "the people")
    state = app.wait_done()
    assert state["order"] == "largest error first"
    assert list(state["album"]) == ["group #1", "group #2", "group #0"]
    assert Rect(*state["box"]) == BOXES[1]
    if opens is open_by_dialog:
        return
    app.key("ctrl+Next")
    assert shown(app, "group #2") == BOXES[2]
    app.key("ctrl+Next")
    assert shown(app, "group #0") == BOXES[0]
    app.key("ctrl+Prior")
    assert shown(app, "group #2") == BOXES[2]
    app.key("ctrl+Home")
    assert shown(app, "group #1") == BOXES[1]
    assert app.state["runs"] == [[1, 1], [3, 2], [2, 3]] or len(app.state["runs"]) == 3


def test_the_truth_is_on_the_photo_and_the_error_is_in_the_strip(debugger, mine):
    app = debugger(mine)
    app.wait_done()
    app.wait(lambda s: s["truth"].startswith("truth: "), "the truth")
    app.move((700, 30))
    photo = app.panel_pixels("photo")
    assert near(photo, GOOD, 12) > 1e-4
    app.key("j")
    app.move((700, 30))
    assert near(app.panel_pixels("photo"), GOOD, 12) < near(photo, GOOD, 12) / 4
    strip = app.state["strip"]
    assert list(strip) == ["group #1", "group #2", "group #0"]
    app.click(app.middle(strip["group #0"]))
    assert shown(app, "group #0") == BOXES[0]


def test_a_table_that_cannot_be_read_is_told_in_the_window(debugger, photo, mine):
    app = debugger(photo)
    app.wait_done()
    mine.write_text("step,total\n1,2\n")
    app.drop(mine)
    state = app.wait(lambda s: s["level"] == "error", "the error")
    assert "is not a readable table of people" in state["message"]
    assert state["photo"] == photo.name
