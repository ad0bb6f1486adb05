"""How fast the real window is: python -m tests.soak.speed [--rounds N] [--photo PHOTO].

Each round starts the debugger with the real engine on a private X server, which draws by software,
drops a photo, waits until it is fitted, and scrubs through its steps. Medians are printed.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from PIL import Image

from core.io.images import load_image
from tests.app.driver import Debugger
from tests.app.xdnd import press
from tests.display import start_xvfb

SCRUBS = 20
REST = 0.3  # seconds before a click: the pictures of the mouse's move are on screen


def measure(display: str, folder: Path, photo: Path) -> dict[str, float]:
    """One round: seconds, except for what says otherwise."""
    begin = time.monotonic()
    app = Debugger(display, folder / "state.json", "", [])
    try:
        app.wait(lambda s: s["frames"] > 0, "the window")
        window = time.monotonic() - begin
        app.wait(lambda s: s["phase"] == "EMPTY", "the engine")
        engine = time.monotonic() - begin
        dropped = time.monotonic()
        app.drop(photo)
        app.wait(lambda s: s["steps"] > 0, "the first step")
        first = time.monotonic() - dropped
        frames, began = app.state["frames"], time.monotonic()
        state = app.wait(lambda s: s["phase"] == "DONE", "the fit")
        fit = time.monotonic() - began
        app.wait_done()
        cold = _scrub(app, range(5, 5 + SCRUBS))
        return {
            "window on screen": window,
            "engine ready": engine,
            "drop to first step": first,
            "120 steps": fit,
            "frames a second while fitting": (state["frames"] - frames) / fit,
            "longest frame while fitting, ms": state["worst_busy_ms"],
            "to another step, ms": 1000 * cold,
        }
    finally:
        app.close()


def _scrub(app: Debugger, steps: range) -> float:
    """Median seconds from a press on a step to its pictures, by the window's own report."""
    waited = []
    for step in steps:
        app.move(app.on_lane(1, step / 120))
        time.sleep(REST)
        begin = press(app.display)
        app.wait(lambda s, step=step: s["painted"] == step, f"step {step}")
        waited.append(time.monotonic() - begin)
    return statistics.median(waited)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--photo", default="skimage:camera")
    options = parser.parse_args()
    server, display = start_xvfb()
    with tempfile.TemporaryDirectory() as name:
        photo = Path(name, "photo.png")
        Image.fromarray(load_image(options.photo).pixels).save(photo)
        rounds = []
        for number in range(options.rounds):
            folder = Path(name, str(number))
            folder.mkdir()
            rounds.append(measure(display, folder, photo))
    server.terminate()
    for key in rounds[0]:
        values = [found[key] for found in rounds]
        print(f"{key:<34} {statistics.median(values):8.2f}   ({min(values):.2f}-{max(values):.2f})")


if __name__ == "__main__":
    main()
