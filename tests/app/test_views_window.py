"""Layouts, zoom and looks in the real window, by mouse and keys."""

import numpy as np
import pytest

pytestmark = [pytest.mark.gui, pytest.mark.slow]
pytest.importorskip("Xlib")


def title(app, name):
    x, y = app.state["places"][name][:2]
    return x + 30, y + 12


def test_panels_are_enlarged_hidden_and_divided_and_come_back_at_the_next_start(debugger, photo):
    app = debugger(photo)
    app.wait_done()
    whole = app.state["places"]
    app.double_click(title(app, "body"), lambda s: "photo" not in s["places"])
    assert app.state["largest"] == "body"
    assert app.state["places"]["body"][2] > 2.5 * whole["body"][2]
    app.key("F11")
    app.wait(lambda s: s["places"] == whole, "all panels")
    x, y, width, height = whole["photo"]
    app.drag((x + width + 4, y + 90), (x + width + 64, y + 120))
    wider = app.state["places"]
    assert wider["photo"][2] == pytest.approx(width + 60, abs=1)
    app.drag((x + 90, y + height + 4), (x + 90, y + height + 34))
    assert app.state["places"]["photo"][3] == pytest.approx(height + 30, abs=1)
    app.key("ctrl+F4")
    kept = app.wait(lambda s: "loss" not in s["places"], "no curves")["places"]
    assert app.state["run"] == 1  # none of it was a drag on the photo
    app.key("F6")
    assert app.wait(lambda s: s["layout"] == "photo and body", "a layout")["places"] != kept
    for _ in range(3):
        app.key("F6")
    assert app.state["places"] == whole
    app.key("ctrl+F4")
    kept = app.wait(lambda s: "loss" not in s["places"], "no curves")["places"]
    app.close()
    again = debugger()
    again.wait_phase("EMPTY")
    assert again.state["places"] == kept


def test_maps_and_photo_zoom_together(debugger, photo):
    app = debugger(photo)
    before = app.wait_done()
    panel = app.panel("observed")
    app.move((panel.x + panel.width / 2, panel.y + panel.height / 2))
    for _ in range(4):
        app.xdotool("click", 4)
    near = app.wait(
        lambda s: s["maps"]["observed"][0] > 1.9 * before["maps"]["observed"][0], "zoom"
    )
    assert near["view"][0] > 1.5 * before["view"][0]
    assert near["maps"]["rendered"] == near["maps"]["observed"]
    app.key("f")
    app.wait(lambda s: s["view"] == before["view"] and s["maps"] == before["maps"], "all of it")
    app.key("ctrl+l")
    sharp = app.panel_pixels("observed")
    app.key("ctrl+m")
    assert (np.abs(app.panel_pixels("observed") - sharp).max(-1) > 8).mean() > 0.05
    app.key("z")
    zoomed = app.wait(lambda s: s["view"] != before["view"], "the person")
    assert zoomed["maps"] == before["maps"]  # no longer linked
