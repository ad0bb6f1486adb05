"""Checks of the graphics: a window, and rendering without a window.

Each probe runs in a separate process, because a failing graphics driver often kills its process.
"""

from __future__ import annotations

import os
import shutil
import sys

from core.doctor.check import Check, Status
from core.processes import complaint

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

_OFFSCREEN = """
import numpy as np, pyrender, trimesh
scene = pyrender.Scene(ambient_light=[1.0, 1.0, 1.0])
scene.add(pyrender.Mesh.from_trimesh(trimesh.creation.icosphere(1)))
pose = np.eye(4)
pose[2, 3] = 3
scene.add(pyrender.PerspectiveCamera(1.0), pose=pose)
depth = pyrender.OffscreenRenderer(32, 32).render(scene)[1]
assert 1.9 < depth[depth > 0].min() < 2.1, depth
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


_DRAWS = {
    "egl": "draws turntable.mp4",
    "osmesa": "draws turntable.mp4 where EGL does not",
}


def check_offscreen(platform: str, package: str) -> Check:
    """Render a sphere without a window.

    Args:
        platform: PyOpenGL's name of the platform, ``"egl"`` or ``"osmesa"``.
        package: the Debian packages that provide it.
    """
    name = f"offscreen {platform}"
    reason = probe([sys.executable, "-c", _OFFSCREEN], PYOPENGL_PLATFORM=platform)
    if reason is None:
        return Check(name, Status.OK, f"pyrender {_DRAWS[platform]}")
    detail = f"pyrender does not render: {reason}; it {_DRAWS[platform]}"
    return Check(name, Status.ABSENT, detail, f"optional: {APT} {package}")


def probe(command: list[str], **environment: str) -> str | None:
    """Run a probe: None if it succeeds, else the last line of its standard error."""
    return complaint(command, SECONDS, **environment)
