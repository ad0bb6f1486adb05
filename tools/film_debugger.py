"""Film the debugger while a script uses it.

    python tools/film_debugger.py docs/debugger.gif

A private X server (Xvfb, xdotool) shows the real window with the real engine. The film is the first
picture of README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.app import xdnd
from tests.app.driver import Debugger
from tests.display import start_xvfb

WINDOW = (1400, 900)
WIDTH = 980  # of the film
RATE = 8  # frames a second
COLORS = 160
LARGEST = 5_000_000  # bytes


class Camera:
    """Takes pictures of the X server's screen in a thread; frames that show nothing new are shown
    for longer instead.
    """

    def __init__(self, display: str) -> None:
        self._display = display
        self._stop = threading.Event()
        self.frames: list[np.ndarray] = []
        self.seconds: list[float] = []
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Camera:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(1 / RATE):
            whole = xdnd.grab(self._display)[: WINDOW[1], : WINDOW[0]]
            size = WIDTH, round(WIDTH * WINDOW[1] / WINDOW[0])
            frame = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
            if self.frames and np.array_equal(frame, self.frames[-1]):
                self.seconds[-1] = min(self.seconds[-1] + 1 / RATE, 2.0)
            else:
                self.frames.append(frame)
                self.seconds.append(1 / RATE)


def play(app: Debugger, still: Callable[[str], None]) -> None:
    """Hide an arm, see z find the occluder, ask why, branch with another weight, compare."""
    app.wait_done()
    still("1-fit")
    app.key("k")
    app.wait(lambda s: s["occlude"], "the dialog of occluders")
    app.click(app.middle(app.state["occlude"]["occlude ellipse"]))
    app.drag(app.on_photo((245, 310)), app.on_photo((505, 508)), stops=6)
    app.wait(lambda s: s["run"] > 1, "the run behind the occluder")
    app.wait_done()
    time.sleep(1.5)
    app.key("m")
    app.wait(lambda s: s["settled"], "hits and misses")
    still("2-occluder")
    app.key("m")
    app.key("k")
    app.key("w")
    app.wait(lambda s: s["why"], "the panel that says why")
    app.click(app.on_photo((290, 366)))
    app.wait(lambda s: s["probed"], "the answer")
    still("3-why")
    app.key("w")
    run = app.state["run"]
    app.click(app.on_lane(run, 30 / 120))
    app.key("e")
    app.wait(lambda s: s["edit"], "the dialog of weights")
    place = app.middle(app.state["edit"]["edit weight points"])
    app.drag(place, (place[0] - 44, place[1]), stops=6)
    app.click(app.middle(app.state["edit"]["edit branch"]))
    app.wait(lambda s: s["run"] > run, "the branch")
    app.key("Escape")
    app.wait_done()
    app.key("c")
    for _ in range(4):
        app.key("x")
        app.wait(lambda s: s["settled"], "the other run")
        time.sleep(0.6)
    still("4-branch")


def keep(app: Debugger, folder: Path | None, name: str) -> None:
    """A picture of the window, away from the mouse."""
    if folder is not None:
        app.move((5, 5))
        time.sleep(0.5)
        picture = cv2.cvtColor(app.pixels()[: WINDOW[1], : WINDOW[0]], cv2.COLOR_RGB2BGR)
        options = [cv2.IMWRITE_JPEG_QUALITY, 88]
        cv2.imwrite(str(folder / f"debugger-{name}.jpg"), picture, options)


def save(path: Path, camera: Camera) -> None:
    """Write a GIF with one palette."""
    from PIL import Image

    pictures = [Image.fromarray(frame) for frame in camera.frames]
    palette = pictures[len(pictures) // 2].quantize(COLORS, dither=Image.Dither.NONE)
    small = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in pictures]
    times = [round(1000 * s) for s in camera.seconds]
    small[0].save(path, save_all=True, append_images=small[1:], duration=times, loop=0)
    length, weight = sum(times) / 1000, path.stat().st_size
    print(f"{path}: {len(small)} frames, {length:.0f} s, {weight / 1e6:.1f} MB")
    if weight > LARGEST:
        raise SystemExit(f"{path} is larger than {LARGEST / 1e6:g} MB")


def main() -> None:
    """Film."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--photo", default="skimage:astronaut")
    parser.add_argument("--stills", type=Path, help="folder for pictures of the single acts")
    options = parser.parse_args()
    server, display = start_xvfb()
    size = f"{WINDOW[0]}x{WINDOW[1]}"
    with tempfile.TemporaryDirectory() as name:
        app = Debugger(display, Path(name, "state.json"), "", [options.photo, "--size", size])
        try:
            app.wait(lambda s: s["frames"] > 0, "the window")
            with Camera(display) as camera:
                play(app, lambda name: keep(app, options.stills, name))
        finally:
            app.close()
            server.terminate()
    save(options.out, camera)


if __name__ == "__main__":
    main()
