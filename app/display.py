"""The display: whether there is one, and how large things should be on it."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
import sys

from core.errors import UserError

DOTS = 96.0
"""Dots an inch at which a pixel is a pixel."""
SMALLEST, LARGEST = 0.75, 4.0
"""Scales that a window can have."""


def open_display() -> float:
    """Look for the display before the window opens; its scale.

    Raises:
        UserError: X11 cannot be reached.
    """
    if not sys.platform.startswith("linux"):
        return 1.0  # there the system scales
    advice = "use `nbf fit` without one, or xvfb-run"
    if not os.environ.get("DISPLAY"):
        raise UserError(f"no display (DISPLAY is not set) for the window; {advice}")
    name = ctypes.util.find_library("X11")
    if name is None:
        raise UserError("libX11 is missing; install it (Debian: apt-get install libx11-6)")
    x11 = ctypes.CDLL(name)
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = x11.XResourceManagerString.argtypes = [ctypes.c_void_p]
    x11.XResourceManagerString.restype = ctypes.c_char_p
    display = x11.XOpenDisplay(None)
    if not display:
        raise UserError(f"display {os.environ['DISPLAY']} cannot be opened; {advice}")
    resources = x11.XResourceManagerString(display) or b""
    x11.XCloseDisplay(display)
    return scale_of(resources.decode("utf-8", "replace"))


def scale_of(resources: str) -> float:
    """The scale that the desktop asks for: its entry Xft.dpi over `DOTS`, in quarters; else 1."""
    found = re.search(r"^Xft\.dpi:\s*(\d{1,4}(?:\.\d{1,9})?)\s*$", resources, re.MULTILINE)
    if found is None:
        return 1.0
    return min(max(round(4 * float(found[1]) / DOTS) / 4, SMALLEST), LARGEST)


def check_scale(scale: float) -> float:
    """A scale that the user has asked for.

    Raises:
        UserError: it is too small or too large to be of use.
    """
    if not SMALLEST <= scale <= LARGEST:
        raise UserError(f"--scale {scale:g} makes no sense: take {SMALLEST:g} to {LARGEST:g}")
    return scale
