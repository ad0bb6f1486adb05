"""The real window: joints dragged on the photo and in 3D, numbers, wishes, branch, undo."""

import numpy as np
import pytest

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")


def test_a_body_is_moved_by_hand_branched_and_taken_back(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    app.click(app.on_lane(1, 12 / 30))
    app.wait(lambda s: s["shown"] == 12 and s["settled"], "step 12")
    app.key("y")
    state = app.wait(lambda s: s["pose"]["items"], "the dialog")
    x, y = state["pose"]["joints"][0]
    app.drag(app.on_photo((x, y)), app.on_photo((x + 40, y + 30)))
    state = app.wait(lambda s: s["pose"]["tried"] and s["settled"], "the moved body")
    (move,) = state["pose"]["moves"]
    assert move.startswith("pelvis to ")
    assert state["pose"]["joints"][0] == pytest.approx((x + 40, y + 30), abs=2)
    assert state["run"] == 1
    panel, (left, top) = app.panel("body"), state["pose"]["turned"][0]
    place = panel.x + left, panel.y + top
    app.drag(place, (place[0] + 12, place[1]))
    state = app.wait(lambda s: len(s["pose"]["moves"]) == 2 and s["settled"], "the pull")
    assert state["orbit"][0] == 0  # it has not been turned
    app.key("ctrl+z")
    app.wait(lambda s: s["pose"]["moves"] == [move] and s["settled"], "undoing the pull")
    field = app.middle(state["pose"]["items"]["pose shape0"])
    app.drag(field, (field[0] + 30, field[1]))
    state = app.wait(lambda s: len(s["pose"]["moves"]) == 2 and s["settled"], "the shape")
    assert state["pose"]["moves"][1].startswith("shape0 ")
    app.click(app.middle(state["pose"]["items"]["pose branch"]))
    app.wait(lambda s: s["run"] == 2, "the branch")
    state = app.wait_done()
    assert state["labels"]["2"].startswith(f"from run 1, step 12: {move}, shape0")
    assert state["pose"]["moves"] == []
    app.key("ctrl+z")
    app.wait(lambda s: s["run"] == 1 and s["settled"], "undoing the branch")
    app.key("Escape")
    state = app.wait(lambda s: not s["pose"]["items"], "the dialog to go")
    assert state["tool"] == "box"


def test_what_is_swept_and_slid_is_clicked_and_a_rest_asks_why(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    app.key("ctrl+g")
    state = app.wait(lambda s: s["search"]["over"], "the sweep")
    assert state["search"]["found"] == "Curve"
    chart = app.middle(state["search"]["items"]["search canvas area"])
    app.click(chart)
    app.wait(lambda s: s["run"] == 2, "the branch")
    state = app.wait_done()
    assert "l_elbow.depth" in state["labels"]["2"]
    app.click(app.middle(state["search"]["items"]["search kind"]))
    kind = state["search"]["items"]["search kind"]
    app.click((kind[0] + 40, kind[1] + kind[3] + 60))
    state = app.wait(lambda s: s["search"]["items"] and not s["search"]["asked"], "the patch")
    app.click(app.middle(state["search"]["items"]["search start"]))
    app.wait(lambda s: s["search"]["found"] == "Heat" and s["search"]["over"], "the heat map")
    app.click(app.middle(app.state["search"]["items"]["search canvas area"]))
    app.wait(lambda s: s["run"] == 3, "the run behind the patch")
    state = app.wait_done()
    assert len(state["occluders"]) == 1
    app.key("Escape")
    app.key("w")
    app.wait(lambda s: s["why"], "the panel")
    panel = app.panel("rendered")
    app.move((panel.x + panel.width / 2, panel.y + panel.height / 2))
    app.wait(lambda s: s["probed"], "the answer")


def test_a_dropped_body_starts_another_run(debugger, photo, tmp_path):
    app = debugger(photo)
    app.wait_done()
    np.savez(tmp_path / "spin.npz", pose=np.zeros(72))
    app.drop(tmp_path / "spin.npz")
    app.wait(lambda s: s["run"] == 2, "the run")
    assert app.wait_done()["labels"]["2"] == "spin.npz"
