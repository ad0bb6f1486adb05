"""A debugger that is touched while it draws its last frame, before it rests."""

from __future__ import annotations

import shlex
import subprocess
import time
from pathlib import Path

import dearpygui.dearpygui as dpg

from app.window import frames
from app.window.frames import FrameClock
from tests.app import preloaded
from tests.preloaded import Child

ORDER = "late.txt"  # in the debugger's folder: words of xdotool


def start_window(arguments, folder, environment):
    """The debugger, which does what `order` asks for."""
    return Child(_open, arguments, folder=folder, environment=environment, heard=2)


def order(app, words):
    """Have xdotool do something during the last frame that the debugger draws before it rests."""
    part = app.state_file.parent / f"{ORDER}.part"
    part.write_text(words)
    part.rename(part.with_suffix(""))


def _open(arguments):
    """In the new process."""
    draw, tick, clocks = dpg.render_dearpygui_frame, FrameClock.tick, []

    def remember(clock, busy):
        clocks[:] = [clock]
        tick(clock, busy)

    def draw_late():
        order = Path(ORDER)
        if clocks and not clocks[0]._needed and order.is_file():
            time.sleep(frames.LINGER)  # now it is the last one
            subprocess.run(["xdotool", *shlex.split(order.read_text())], check=True)
            order.unlink()
        draw()

    FrameClock.tick, dpg.render_dearpygui_frame = remember, draw_late
    return preloaded._open(arguments)
