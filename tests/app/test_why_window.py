"""The real window, asked why: clicks on maps, on the photo and on a joint."""

import numpy as np
import pytest

from app import theme
from app.panels.why import LONGEST
from tests.app.test_window import NOWHERE, near

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")

IMAGE, OBSERVED, RENDERED = (86, 182, 255), (86, 182, 255), (255, 184, 76)


def on_map(app, name, column, row):
    """Where a cell of a map is in the window."""
    panel = app.panel(name)
    side = min(panel.width, panel.height)
    x = panel.x + (panel.width - side) / 2 + (column + 0.5) / 32 * side
    return x, panel.y + (panel.height - side) / 2 + (row + 0.5) / 32 * side


def asked(app, line):
    """The state once the answer has come."""
    return app.wait(lambda s: s["settled"] and (s["probed"] or [""])[0] == line, line)


def test_a_click_on_a_map_asks_why_and_a_drag_asks_on(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    app.move(NOWHERE)
    whole = app.panel("photo")
    assert app.state["why"] is False and app.state["probed"] is None
    app.click(on_map(app, "rendered", 12, 9))
    state = asked(app, "cell 12, 9")
    assert state["why"] and state["probed"][1].startswith(f"step {state['best']}, ")
    assert app.panel("photo").width < whole.width
    answer = app.panel_pixels("answer")
    assert near(answer, OBSERVED, 20) > 0.001 and near(answer, RENDERED, 20) > 0.001
    body = app.panel_pixels("body")
    dot = (np.abs(body - theme.BOX).max(-1) < 25).nonzero()
    assert len(dot[0]) > 100 and dot[1].mean() == pytest.approx(body.shape[1] / 2, abs=2)
    start, end = on_map(app, "observed", 4, 4), on_map(app, "observed", 20, 7)
    app.drag(start, end)
    asked(app, "cell 20, 7")
    app.key("Home")
    asked(app, "cell 20, 7")
    assert app.state["probed"][1].startswith("step 0, ")
    app.key("w")
    app.wait(lambda s: not s["why"] and s["settled"], "the panel to go")
    app.move(NOWHERE)
    assert app.panel("photo") == whole
    assert near(app.panel_pixels("body"), theme.BOX, 25) == 0


def test_the_photo_answers_for_pixels_and_joints(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    box = app.state["box"]
    place = box[0] + 0.3 * box[2], box[1] + 0.7 * box[3]
    app.click(app.on_photo(place))
    assert app.state["probed"] is None  # a click alone does nothing before someone asks
    app.press_button("why")
    app.wait(lambda s: s["why"], "the panel")
    app.click(app.on_photo(place))
    asked(app, "cell 9, 22")
    assert app.state["box"] == box and app.state["run"] == 1
    app.key("j")
    app.move(NOWHERE)
    before = app.panel_pixels("photo")
    joint = box[0] + box[2] / 2, box[1] + box[3] / 2
    app.click(app.on_photo(joint))
    asked(app, "joint 0")
    app.move(NOWHERE)
    drawn = app.panel_pixels("photo")
    changed = np.abs(drawn - before).max(-1) > 8
    blue = changed & (np.abs(drawn - IMAGE).max(-1) < 20)
    columns = blue.nonzero()[1]
    assert columns.max() - columns.min() > 0.8 * LONGEST  # the arrow of the term "image"
    app.press_button("why")
    app.wait(lambda s: not s["why"], "the panel to go")
