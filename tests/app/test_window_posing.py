"""The real window: joints dragged on the photo and in 3D, numbers, wishes, branch, undo."""

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
