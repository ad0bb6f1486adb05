"""The real window: a body by hand, sweeps, a patch that slides, and files of others."""

import numpy as np
import pytest

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")


def test_a_body_by_hand_sweeps_patches_and_files_of_others(debugger, photo):
    """One window for all: it takes most of the time to start."""
    app = debugger(photo)
    app.wait_done()
    move_and_branch(app)
    sweep_and_slide(app)
    rest(app)
    files_of_others(app)


def move_and_branch(app):
    app.click(app.on_lane(1, 12 / 30))
    app.wait(lambda s: s["shown"] == 12 and s["settled"], "step 12")
    app.key("y")
    state = app.wait(lambda s: s["pose"]["items"], "the dialog")
    x, y = state["pose"]["joints"][0]
    app.drag(app.on_photo((x, y)), app.on_photo((x + 40, y + 30)), stops=2)
    state = app.wait(lambda s: s["pose"]["tried"] and s["settled"], "the moved body")
    (move,) = state["pose"]["moves"]
    assert move.startswith("pelvis to ") and state["run"] == 1
    assert state["pose"]["joints"][0] == pytest.approx((x + 40, y + 30), abs=2)
    panel, (left, top) = app.panel("body"), state["pose"]["turned"][0]
    place = panel.x + left, panel.y + top
    app.drag(place, (place[0] + 12, place[1]), stops=1)
    state = app.wait(lambda s: len(s["pose"]["moves"]) == 2 and s["settled"], "the pull")
    assert state["orbit"][0] == 0  # it has not been turned
    app.key("ctrl+z")
    app.wait(lambda s: s["pose"]["moves"] == [move] and s["settled"], "undoing the pull")
    field = app.middle(state["pose"]["items"]["pose shape0"])
    app.drag(field, (field[0] + 30, field[1]), stops=2)
    state = app.wait(lambda s: len(s["pose"]["moves"]) == 2 and s["settled"], "the shape")
    app.click(app.middle(state["pose"]["items"]["pose branch"]))
    app.wait(lambda s: s["run"] == 2, "the branch")
    state = app.wait_done()
    assert state["labels"]["2"].startswith(f"from run 1, step 12: {move}, shape0")
    assert state["pose"]["moves"] == []
    app.key("Escape")
    state = app.wait(lambda s: not s["pose"]["items"], "the dialog to go")
    assert state["tool"] == "box"


def sweep_and_slide(app):
    app.key("ctrl+g")
    state = app.wait(lambda s: s["search"]["over"], "the sweep")
    assert state["search"]["found"] == "Curve"
    app.click(app.middle(state["search"]["items"]["search canvas area"]))
    app.wait(lambda s: s["run"] == 3, "the branch")
    state = app.wait_done()
    assert "l_elbow.depth" in state["labels"]["3"]
    kind = state["search"]["items"]["search kind"]
    app.click(app.middle(kind))
    app.click((kind[0] + 40, kind[1] + kind[3] + 60))
    state = app.wait(lambda s: s["search"]["items"] and not s["search"]["asked"], "the patch")
    app.click(app.middle(state["search"]["items"]["search start"]))
    app.wait(lambda s: s["search"]["found"] == "Heat" and s["search"]["over"], "the heat map")
    app.click(app.middle(app.state["search"]["items"]["search canvas area"]))
    app.wait(lambda s: s["run"] == 4, "the run behind the patch")
    assert len(app.wait_done()["occluders"]) == 1
    app.key("Escape")


def rest(app):
    app.key("w")
    app.wait(lambda s: s["why"], "the panel")
    panel = app.panel("rendered")
    app.move((panel.x + panel.width / 2, panel.y + panel.height / 2))
    app.wait(lambda s: s["probed"], "the answer")
    app.key("w")


def files_of_others(app):
    folder = app.state_file.parent
    for name in ("spin.npz", "true.npz"):
        np.savez(folder / name, pose=np.zeros(72))
    app.drop(folder / "spin.npz")
    app.wait(lambda s: s["run"] == 5, "the run")
    assert app.wait_done()["labels"]["5"].startswith("spin.npz")
    app.key("ctrl+q")
    app.wait(lambda s: s["files"], "the dialog")
    app.pick("true.npz")
    app.wait(lambda s: s["truth"].startswith("truth: "), "the errors")
