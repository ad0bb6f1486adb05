"""A debugger in its own process, driven through the X server: real mouse, keys, drops, pixels."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from app.geometry.plane import Rect, View
from tests.app import xdnd

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 90.0
STROKE = 0.16


def start_program(arguments, folder, environment):
    """The debugger as its users start it."""
    command = [sys.executable, "-m", "app", *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


class Debugger:
    """One running debugger."""

    def __init__(
        self, display, state_file, engine, arguments, folder=None, start_window=start_program
    ):
        self.display = display
        self.state_file = state_file
        words = [*map(str, arguments), "--state", str(state_file)]
        if engine:  # else the real one
            words += ["--engine", f"tests.app.fake_engine:{engine}"]
        self.environment = xdnd.environment(display) | {
            "PYTHONPATH": str(ROOT),
            "XDG_CONFIG_HOME": str(state_file.parent / "config"),  # no settings of others
        }
        where = folder or state_file.parent  # where it saves
        self.process = start_window(words, where, self.environment)

    # --- what it says ---

    @property
    def state(self):
        return json.loads(self.state_file.read_text())

    def wait(self, condition, what=""):
        """The first state for which the condition holds."""
        limit = time.monotonic() + PATIENCE
        state = None
        while time.monotonic() < limit:
            if self.process.poll() is not None:
                raise AssertionError(f"the debugger ended: {self.process.stderr.read()}")
            if self.state_file.is_file():
                state = self.state
                if condition(state):
                    return state
            time.sleep(0.01)
        raise AssertionError(f"waited in vain for {what}: {state}")

    def wait_phase(self, phase):
        return self.wait(lambda s: s["phase"] == phase, phase)

    def wait_done(self):
        return self.wait(lambda s: s["phase"] == "DONE" and s["settled"], "the end of the fit")

    def next_frames(self, count=3):
        """Let the window see what was done to it, and draw it."""
        now = self.state["turns"]
        self.wait(lambda s: s["turns"] >= now + count, "turns")

    def panel(self, name):
        return Rect(*self.state["panels"][name])

    def view(self):
        scale, x, y = self.state["view"]
        return View(scale, (x, y))

    def on_photo(self, point):
        """Where a pixel of the photo is in the window."""
        panel, (x, y) = self.panel("photo"), self.view().to_panel(point)
        return panel.x + x, panel.y + y

    def on_loss(self, part, share, name=None):
        """Where a share of a part of the loss panel is in the window."""
        rect = self.state["loss"][part]
        rect, panel = Rect(*(rect if name is None else rect[name])), self.panel("loss")
        x, y = rect.x + share[0] * rect.width, rect.y + share[1] * rect.height
        return panel.x + x, panel.y + y

    def on_lane(self, run, share):
        """Where a share of the steps of a run's lane is in the window."""
        lanes, panel = self.state["lanes"], self.panel("timeline")
        first, lane = Rect(*lanes["1"]), Rect(*lanes[str(run)])
        return panel.x + first.x + share * first.width, panel.y + lane.y + lane.height / 2

    def middle(self, rect):
        rect = Rect(*rect)
        return rect.x + rect.width / 2, rect.y + rect.height / 2

    # --- what a person does ---

    def xdotool(self, *arguments):
        subprocess.run(["xdotool", *map(str, arguments)], env=self.environment, check=True)
        xdnd.wait_for_server(self.display)

    def move(self, point):
        self.xdotool("mousemove", round(point[0]), round(point[1]))
        self.next_frames()

    def drag(self, start, end, button=1, stops=4):
        self.move(start)
        self.xdotool("mousedown", button)
        self.next_frames()
        for i in range(1, stops + 1):
            share = i / stops
            self.move([a + (b - a) * share for a, b in zip(start, end, strict=True)])
        self.xdotool("mouseup", button)
        self.next_frames()

    def click(self, point, button=1):
        self.move(point)
        self.xdotool("mousedown", button)
        self.next_frames()
        self.xdotool("mouseup", button)
        self.next_frames()

    def double_click(self, point, done):
        """Twice, until a condition on the state holds: on a busy machine clicks come too slowly."""
        self.move(point)
        for _ in range(5):
            self.xdotool("click", "--repeat", 2, "--delay", 60, 1)
            limit = time.monotonic() + 3
            while time.monotonic() < limit:
                if done(self.state):
                    return
                time.sleep(0.02)
        raise AssertionError("waited in vain for what a double click does")

    def press_button(self, name):
        rect = Rect(*self.state["buttons"][name])
        self.click((rect.x + rect.width / 2, rect.y + rect.height / 2))

    def pick(self, name):
        """Double click a row of the file dialog, after going down to it by keys."""
        for _ in self.state["files"]["rows"]:
            if self.state["files"]["chosen"] == name:
                break
            self.key("Down")
        self.next_frames()
        rect = Rect(*self.state["files"]["rows"][name])
        before = self.state["files"]["folder"]
        self.double_click(
            (rect.x + 20, rect.y + rect.height / 2),
            lambda s: s["files"] is None or s["files"]["folder"] != before,
        )

    def key(self, name):
        self.xdotool("key", name)
        self.next_frames()
        if "+" in name:
            time.sleep(STROKE)  # else the next key would still belong to Ctrl

    def drop(self, *paths):
        xdnd.drop_files(self.display, self.state["window"], list(map(str, paths)), at=(200, 200))

    # --- what a person sees ---

    def pixels(self, rect=None):
        """The window's pixels, (height, width, 3) uint8, from the X server."""
        self.next_frames()
        picture = xdnd.grab(self.display)
        if rect is None:
            return picture
        x, y, right, bottom = (int(v) for v in (rect.x, rect.y, rect.right, rect.bottom))
        return picture[y:bottom, x:right]

    def panel_pixels(self, name):
        return self.pixels(self.panel(name)).astype(np.int64)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
