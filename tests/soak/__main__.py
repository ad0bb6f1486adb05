"""Random input to the real window: python -m tests.soak [--minutes M] [--seed S] [--engine fake].

Clicks, drags, wheel, keys, resizes, drops of good and bad files, and kills of the worker, in an
order that the seed decides. The run fails if the window ends, does not turn for longer than
`STALL`, keeps memory that grows, or loses a run that nobody has removed.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from app.actions import ACTIONS
from app.document import IMAGES_KEPT, RUNS_KEPT
from app.geometry.plane import Rect
from tests.app.blob import blob_photo
from tests.app.driver import Debugger
from tests.display import start_xvfb

STALL = 0.5
"""Seconds without a turn of the window that count as a stall."""
GROWTH = 80e6
"""Bytes by which the window may grow after it has warmed up."""
WARM = 0.25  # share of the time after which memory is compared
SETTLE = 120.0  # seconds that the last photo may take at the end
XDOTOOL_KEYS = {
    "Space": "space",
    "Backspace": "BackSpace",
    "?": "question",
    "Comma": "comma",
    "Period": "period",
    "PageUp": "Prior",
    "PageDown": "Next",
}


@dataclass
class Soak:
    """One window, what was done to it, and what was seen."""

    app: Debugger
    folder: Path
    random: random.Random
    done: Counter[str] = field(default_factory=Counter)
    lately: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    stalls: list[tuple[float, str]] = field(default_factory=list)
    killed: int = 0

    # --- what is done ---

    def act(self) -> str:
        """One random thing; its name."""
        names = list(ACTS)
        name = self.random.choices(names, [ACTS[n] for n in names])[0]
        self.lately.append(name)
        try:
            getattr(self, name)()
        except AssertionError:
            print(f"after {', '.join(self.lately)}: {self.app.state}", file=sys.stderr)
            raise
        self.done[name] += 1
        return name

    def point(self) -> tuple[int, int]:
        width, height = self.app.state["size"]
        return self.random.randrange(width), self.random.randrange(height)

    def click(self) -> None:
        self.app.xdotool("mousemove", *self.point(), "click", self.random.choice((1, 1, 1, 3)))

    def drag(self) -> None:
        button = self.random.choice((1, 1, 1, 3))
        self.app.xdotool("mousemove", *self.point(), "mousedown", button)
        for _ in range(self.random.randrange(1, 5)):
            self.app.xdotool("mousemove", *self.point())
        if self.random.random() < 0.1:
            self.app.xdotool("key", "Escape")
        self.app.xdotool("mouseup", button)

    def scrub(self) -> None:
        """Along the timeline."""
        panel = Rect(*self.app.state["panels"]["timeline"])
        y = panel.y + self.random.randrange(24, max(int(panel.height) - 10, 25))
        self.app.xdotool("mousemove", round(panel.x + 20), round(y), "mousedown", 1)
        for _ in range(6):
            x = panel.x + self.random.random() * panel.width
            self.app.xdotool("mousemove", round(x), round(y))
        self.app.xdotool("mouseup", 1)

    def wheel(self) -> None:
        self.app.xdotool("mousemove", *self.point())
        times = self.random.randrange(1, 6)
        self.app.xdotool("click", "--repeat", times, "--delay", 20, self.random.choice((4, 5)))

    def key(self) -> None:
        keys = [key for action in ACTIONS for key in action.keys if action.name != "save"]
        key = self.random.choice(keys)
        *held, name = key.split("+")
        name = XDOTOOL_KEYS.get(name, name.lower() if len(name) == 1 else name)
        name = {"Enter": "Return"}.get(name, name)
        self.lately[-1] = f"key {key}"
        self.app.xdotool("key", "+".join([*map(str.lower, held), name]))

    def drop(self) -> None:
        files = sorted(self.folder.glob("drop/*"))
        count = self.random.choice((1, 1, 1, 2, 3))
        self.app.drop(*self.random.sample(files, count))

    def resize(self) -> None:
        size = self.random.randrange(640, 1500), self.random.randrange(480, 960)
        self.app.xdotool("windowsize", self.app.state["window"], *size)

    def kill(self) -> None:
        """The worker, which the window must survive; then start it again."""
        if self.app.state["phase"] in ("STARTING", "DOWN"):
            return
        os.kill(self.app.state["worker"], signal.SIGKILL)
        self.killed += 1
        self.app.wait(lambda s: s["phase"] == "DOWN", "notice of the dead worker")
        self.app.xdotool("key", "Escape", "key", "r")
        self.app.wait(lambda s: s["phase"] not in ("DOWN", "STARTING"), "another worker")

    # --- what is seen ---

    def watch(self, seconds: float, after: str) -> None:
        """See that the window turns, for a while."""
        end, turns, seen = time.monotonic() + seconds, -1, time.monotonic()
        while (now := time.monotonic()) < end:
            if self.app.process.poll() is not None:
                raise AssertionError(f"the window ended: {self.app.process.stderr.read()}")
            if (state := self.app.state)["turns"] != turns:
                turns, seen = state["turns"], now
            elif now - seen > STALL:
                self.stalls.append((now - seen, after))
                return
            time.sleep(0.02)

    @property
    def memory(self) -> int:
        pages = Path(f"/proc/{self.app.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def runs(self) -> set[tuple[int, int]]:
        return {tuple(key) for key in self.app.state["runs"]}


ACTS = {
    "click": 20,
    "drag": 12,
    "scrub": 12,
    "wheel": 8,
    "key": 40,
    "drop": 4,
    "resize": 3,
    "kill": 0.5,
}
"""What is done, and how often."""


def photos(folder: Path, seed: int) -> None:
    """Good and bad files to drop."""
    generator = np.random.default_rng(seed)
    (folder / "drop").mkdir()
    for number, (width, height) in enumerate([(640, 480), (300, 500), (1200, 700), (90, 60)]):
        picture = Image.fromarray(blob_photo()).resize((width, height))
        picture.save(folder / "drop" / f"photo {number}.png")
    noise = generator.integers(0, 256, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(folder / "drop" / "noise.jpg")
    (folder / "drop" / "empty.png").touch()
    (folder / "drop" / "cut.png").write_bytes((folder / "drop" / "photo 0.png").read_bytes()[:900])
    (folder / "drop" / "text.txt").write_text("no picture")


def main() -> int:
    """Run, and say what was seen; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine", default="fake", choices=("fake", "real"))
    options = parser.parse_args()
    server, display = start_xvfb()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photos(folder, options.seed)
        factory = "load" if options.engine == "fake" else ""
        first = folder / "drop" / "photo 0.png"
        app = Debugger(display, folder / "state.json", factory, [str(first)])
        try:
            return soak(Soak(app, folder, random.Random(options.seed)), 60 * options.minutes)
        finally:
            app.close()
            server.terminate()


def soak(run: Soak, seconds: float) -> int:
    """Act until the time is over, then compare."""
    run.app.wait_done()
    begin, warm = time.monotonic(), 0
    lost: list[str] = []
    while (now := time.monotonic()) < begin + seconds:
        if not warm and now - begin > WARM * seconds:
            warm = run.memory
        before, killed = run.runs(), run.killed
        name = run.act()
        run.watch(run.random.choice((0.05, 0.1, 0.3, 1.0)), name)
        missing = before - run.runs()
        # An image beyond the limit takes the oldest one with it, runs that are removed included.
        kept = len(before) < RUNS_KEPT and max(image for image, _ in before) < IMAGES_KEPT
        if missing and kept and killed == run.killed and name not in ("key", "click"):
            lost.append(f"{sorted(missing)} after {name}")
    run.app.xdotool("key", "Escape")
    run.app.drop(run.folder / "drop" / "photo 1.png")
    run.app.wait(lambda s: s["photo"] == "photo 1.png" and s["phase"] == "DONE", "the last photo")
    grown = run.memory - warm
    print(f"{sum(run.done.values())} things done: {dict(run.done)}")
    print(f"window grew by {grown / 1e6:.0f} MB to {run.memory / 1e6:.0f} MB")
    wrong = [f"no turn for {gap:.1f} s after {name}" for gap, name in run.stalls]
    wrong += [f"lost run {text}" for text in lost]
    wrong += [f"memory grew by {grown / 1e6:.0f} MB"] if grown > GROWTH else []
    print("\n".join(wrong) or "no crash, no stall, no leak, no lost run")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
