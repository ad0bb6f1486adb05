"""Presentation pictures drawn in a process of their own while the caller goes on.

OpenGL contexts without a window (EGL, OSMesa) disturb the contexts of a window, and a graphics
driver that fails tends to take its process with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import core
from core.pictures.fitted_scene import FittedScene

PLATFORMS = {"egl": "EGL", "osmesa": "OSMesa"}
"""What PyOpenGL calls the ways to draw without a window, the better one first."""
VIEWS_SECONDS, TURNTABLE_SECONDS = 60.0, 600.0


class PresentationProcess:
    """Draws ``views`` and, if named, ``turntable``; leaving the context ends whatever still runs.

    The process ends by itself when its parent is gone: it watches the pipe to its standard input.

    Args:
        scene: what to show.
        views: picture to write.
        turntable: film to write (mp4 or gif), if one is wanted.
        title: headline of the picture.
    """

    def __init__(
        self, scene: FittedScene, views: Path, turntable: Path | None = None, title: str = ""
    ) -> None:
        # Beside the pictures: what a killed process leaves is removed with its other leftovers.
        views.parent.mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(prefix=".scene-", dir=views.parent)
        self._seconds = VIEWS_SECONDS + (TURNTABLE_SECONDS if turntable else 0.0)
        self._files = [views, *([turntable] if turntable else [])]
        stored = Path(self._folder.name, "scene.npz")
        scene.save(stored)
        # "=" and "--" keep titles and paths that begin with "-" from being taken for options.
        options = ["--attended", f"--title={title}"]
        options += [f"--turntable={turntable}"] if turntable else []
        self._arguments = [*options, "--", str(stored), str(views)]
        self._failures: list[str] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="presentation", daemon=True)

    def __enter__(self) -> Self:
        for file in self._files:  # those of an earlier fit must not pass for this one's
            file.unlink(missing_ok=True)
        self._thread.start()
        return self

    def wait(self) -> str | None:
        """Wait for the files; None if they are there, else one line that says why not."""
        self._thread.join()
        if len(self._failures) < len(platforms()):
            return None
        names = " and ".join(file.name for file in self._files if not file.exists())
        return f"{names or 'views.png'} not drawn: {'; '.join(self._failures)} (see nbf doctor)"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._folder.cleanup()

    def _draw(self) -> None:
        """Try one platform after the other."""
        for platform in platforms():
            if self._stopping.is_set():
                return
            reason = self._attempt(platform)
            if reason is None:
                return
            self._failures.append(f"{PLATFORMS[platform]}: {reason}")

    def _attempt(self, platform: str) -> str | None:
        """Run the process; None if it did its work, else the last thing it said."""
        command = [sys.executable, "-P", "-m", "core.pictures.presentation", *self._arguments]
        said = Path(self._folder.name, f"{platform}.txt")
        with (
            said.open("w") as output,
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # never written to: its end tells of ours
                stdout=subprocess.DEVNULL,
                stderr=output,
                env=_environment(platform),
            ) as process,
        ):
            code = self._wait(process)
        if code == 0:
            return None
        if code is None:
            return f"no picture in {self._seconds:g} s"
        lines = [line.strip() for line in said.read_text(errors="replace").splitlines()]
        return next((line for line in reversed(lines) if line), f"ended with code {code}")

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        """The exit code; None if the process had to be ended."""
        for _ in range(int(self._seconds / 0.05)):
            if self._stopping.is_set():
                break
            try:
                return process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
        return None


def platforms() -> list[str]:
    """The platforms to try: the user's choice in PYOPENGL_PLATFORM first."""
    chosen = os.environ.get("PYOPENGL_PLATFORM")
    return sorted(PLATFORMS, key=lambda name: name != chosen)


def _environment(platform: str) -> dict[str, str]:
    """The caller's, with the platform and this very copy of the code."""
    root = str(Path(core.__path__[0]).parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **os.environ,
        "PYOPENGL_PLATFORM": platform,
        "PYTHONPATH": os.pathsep.join(paths),
    }
