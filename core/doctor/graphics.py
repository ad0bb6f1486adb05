"""The check of the graphics: does a window open.

It runs in a separate process, because a failing graphics driver often kills its process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from core.doctor.check import Check, Status

SECONDS = 60
APT = "sudo apt-get install -y"

_WINDOW = """
import dearpygui.dearpygui as dpg
dpg.create_context()
dpg.create_viewport(title="nbf doctor", width=160, height=120)
dpg.setup_dearpygui()
dpg.show_viewport()
for _ in range(3):
    dpg.render_dearpygui_frame()
dpg.destroy_context()
"""


def check_window() -> Check:
    """Open a window on the display, or on a virtual display (Xvfb) if there is none."""
    fix = f"{APT} libgl1 libgl1-mesa-dri"
    if os.environ.get("DISPLAY") or not sys.platform.startswith("linux"):
        reason = probe([sys.executable, "-c", _WINDOW])
        if reason is None:
            return Check("window", Status.OK, "the debugger's window opens")
        return Check("window", Status.ABSENT, f"no window opens: {reason}", fix)
    if shutil.which("xvfb-run") is None:
        return Check(
            "window",
            Status.ABSENT,
            "no display, and no Xvfb to try a virtual one",
            f"log in with a desktop, or {APT} xvfb xauth; `nbf fit` needs neither",
        )
    reason = probe(["xvfb-run", "-a", sys.executable, "-c", _WINDOW])
    if reason is None:
        return Check(
            "window",
            Status.ABSENT,
            "no display; on a virtual one (Xvfb) the window opens",
            "log in with a desktop, or take `nbf fit`, which needs no window",
        )
    return Check("window", Status.ABSENT, f"no display; under Xvfb no window opens: {reason}", fix)


def probe(command: list[str], **environment: str) -> str | None:
    """Run a probe: None if it succeeds, else the last line of its standard error."""
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer in {SECONDS} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"ended with code {done.returncode}"
