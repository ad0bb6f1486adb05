"""Time, files and two compared runs, by mouse and keys in the real window."""

import numpy as np
import pytest
import trimesh
from PIL import Image

from app import theme
from app.panels.panel import HEADER, MARGIN
from tests.app.test_window_edits import near

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")


def test_steps_play_jump_are_marked_and_written(debugger, photo, tmp_path):
    app = debugger(photo)
    app.wait_done()
    app.click(app.middle(app.state["play"]))
    app.wait(lambda s: s["plays"] and s["shown"] > 2, "playing")
    app.click(app.on_lane(1, 25 / 30))
    app.wait(lambda s: not s["plays"] and s["shown"] == 25 and s["settled"], "step 25")
    flag = near(app.panel_pixels("timeline"), theme.BOX, 10)
    app.key("b")
    assert app.state["bookmarks"] == {"25": ""}
    assert near(app.panel_pixels("timeline"), theme.BOX, 10) > flag
    app.key("F4")
    app.click(app.middle(app.state["time"]["time moves most"]))
    state = app.wait(lambda s: "no step moves more" in s["message"], "the jump")
    assert not state["plays"] and f"Step {state['shown']} moves the" in state["message"]
    app.key("Escape")
    shot = export(app, "panel.png", tmp_path / f"{photo.stem}-run-1-photo.png")
    area = app.panel("photo")
    with Image.open(shot) as picture:
        left, top = MARGIN, HEADER
        cut = picture.crop((left, top, left + int(area.width), top + int(area.height)))
    assert np.abs(np.array(cut) - app.panel_pixels("photo")).mean() < 3  # nothing lies over it
    body = export(app, "body.obj", tmp_path / f"{photo.stem}-run-1-step-{state['shown']}.obj")
    assert len(trimesh.load(body, process=False).vertices) == 642


def export(app, button, path):
    """Write a file under the name that is proposed."""
    app.press_button("export")
    app.click(app.middle(app.state["export"][f"export {button}"]))
    app.wait(lambda s: s["files"] and s["files"]["name"], "the question for the name")
    app.key("Return")
    app.wait(lambda s: s["message"] == f"Wrote {path}", path.name)
    return path


def test_two_runs_take_turns_and_are_compared_joint_by_joint(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    app.key("e")
    field = app.middle(app.state["edit"]["edit weight size"])
    app.drag(field, (field[0] + 150, field[1]), stops=1)
    app.click(app.middle(app.state["edit"]["edit restart"]))
    app.wait(lambda s: s["run"] == 2, "another run")
    app.key("Escape")
    app.wait_done()
    app.click(app.on_lane(1, 20 / 30), button=3)
    app.key("ctrl+k")
    app.wait(lambda s: s["apart rows"] and s["settled"], "the table")
    before = app.panel_pixels("rendered")
    app.click(app.middle(app.state["apart"]["apart difference"]))
    app.wait(lambda s: s["settled"], "the difference")
    assert np.abs(app.panel_pixels("rendered") - before).mean() > 5
    app.click(app.middle(app.state["apart"]["apart blink"]))
    for _ in range(20):  # a turn may end while the screen is read
        app.wait(lambda s: s["pictured"] == 1, "the first run's turn")
        if (app.panel_pixels("rendered") != before).any():
            break
    else:
        pytest.fail("the first run is never on screen")
    app.wait(lambda s: s["pictured"] == 2, "the second run's turn")
    assert app.state["run"] == 2 and app.state["target"] is None
    row = app.state["apart"][f"apart table row {app.state['apart rows'][0]}"]
    app.click(app.middle(row))
    state = app.wait(lambda s: s["target"], "the question")
    assert state["target"] == {"joint": state["apart rows"][0]}
