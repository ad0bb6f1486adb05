"""Layouts, zoom and looks in the real window, by mouse and keys."""

import numpy as np
import pytest

from tests.app import xdnd

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
    assert app.state["run"] == 1  # none of it was a drag on the photo
    app.key("F6")
    state = app.wait(lambda s: s["layout"] == "photo and body", "a layout")
    assert "loss" not in state["places"]
    app.key("ctrl+F4")
    kept = app.wait(lambda s: "loss" in s["places"], "the curves")["places"]
    app.close()
    try:
        xdnd.set_resources(app.display, "Xft.dpi:\t192\n")
        again = debugger("--size", "700x480", program=True)  # which has the scale first
        state = again.wait(lambda s: s["places"], "a window")
    finally:
        xdnd.set_resources(app.display, "")
    assert state["layout"] == "photo and body" and "rendered" not in state["places"]
    assert state["size"] == [1400, 960]
    assert state["places"]["toolbar"][3] == 2 * kept["toolbar"][3]
    assert state["buttons"]["run"][3] == 64


def test_zoom_overlays_palette_tour_and_colours(debugger, photo):
    app = debugger(photo)
    before = app.wait_done()
    check_overlays(app)
    check_zoom(app, before)
    check_palette_and_tour(app)
    ground = app.pixels()[2, 2].mean()
    app.key("F9")
    assert app.pixels()[2, 2].mean() > ground + 150 and app.state["run"] == 1


def check_zoom(app, before):
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
    app.key("f")


def check_overlays(app):
    app.move((700, 30))
    plain = {name: app.panel_pixels(name) for name in ("photo", "body")}

    def changed(name, least=60):
        return (np.abs(app.panel_pixels(name) - plain[name]).max(-1) > 8).sum() > least

    def shows(photo, body, key):
        """Wait until the key's change, or its undoing, is on screen: a loaded machine lags."""
        for name, wanted in (("photo", photo), ("body", body)):
            app.wait(lambda s, n=name, w=wanted: s["settled"] and changed(n) == w, f"{key}: {name}")

    for key in ("ctrl+1", "ctrl+2"):  # points, skeleton
        app.key(key)
        shows(True, False, key)
        app.key(key)
        shows(False, False, key)
    for key in ("ctrl+3", "ctrl+4"):  # kernels, limbs
        app.key(key)
        shows(True, True, key)
        app.key(key)
        shows(False, False, key)
    panel = app.panel("body")
    start = panel.x + 150, panel.y + 150
    app.drag(start, (start[0] + 60, start[1] + 20), button=3)
    state = app.wait(lambda s: s["settled"], "a shifted body")
    assert state["shift"] == pytest.approx([60 / panel.height, 20 / panel.height], abs=0.01)
    app.drag(start, (start[0] + 90, start[1] + 30))
    app.xdotool("click", "--repeat", 6, "--delay", 20, 5)
    for key in ("ctrl+6", "ctrl+7"):  # other bodies, camera
        app.move((700, 30))
        app.wait(lambda s: s["settled"], "pictures")
        plain["body"] = app.panel_pixels("body")
        app.key(key)
        shows(False, True, key)
    app.key("ctrl+5")
    split = app.on_photo((320, 60))
    app.drag(split, (split[0] + 80, split[1] + 30))
    assert app.state["split"] > 0.55 and app.state["run"] == 1
    app.key("ctrl+5")


def check_palette_and_tour(app):
    app.key("ctrl+shift+p")
    state = app.wait(lambda s: s["palette"] and s["palette"]["typing"], "the list")
    assert "Layout: curves" in state["palette"]["found"]
    app.xdotool("type", "--delay", 30, "lay cur")
    app.wait(lambda s: s["palette"]["found"] == ["Layout: curves"], "what the letters mean")
    app.key("Return")
    state = app.wait(lambda s: s["layout"] == "curves", "the layout")
    assert state["palette"] is None and state["run"] == 1
    assert state["tour"] is None
    app.key("F3")
    first = app.wait(lambda s: s["tour"] is not None, "the tour")["tour"]
    assert first["step"] == 0
    app.click(app.middle(first["tour next"]))
    assert app.state["tour"]["step"] == 1
    app.key("Return")
    assert app.state["tour"]["step"] == 2
    app.click(app.middle(app.state["tour"]["tour end"]))
    app.wait(lambda s: s["tour"] is None, "the end of the tour")
