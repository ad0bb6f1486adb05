"""Processes and signals: how old this one is, workers end with their parent, runs end at a step."""

from __future__ import annotations

import atexit
import gc
import multiprocessing
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

_IMPORTED = time.perf_counter()


def rarely_collect() -> None:
    """Look for garbage less often, in a process that loads much.

    Modules and networks live as long as the process. By default the garbage collector looks through
    them some hundred times while they are loaded, a fifth of a second in all.
    """
    gc.set_threshold(50_000, *gc.get_threshold()[1:])


def age() -> float:
    """Seconds since this process was started, to a hundredth; elsewhere than on Linux, since this
    module was imported.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError):
        return time.perf_counter() - _IMPORTED


def end_with_parent() -> None:
    """End this process when the one that spawned it is gone, however that ended.

    To be called in a child that `multiprocessing` started. A pool's workers wait for tasks on a
    queue that they hold open themselves, so they would not notice.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=watch, daemon=True).start()


def end_with_stdin() -> None:
    """End this process when nobody holds the other end of its standard input any more.

    To be called in a program that `complaint` runs.
    """

    def watch() -> None:
        while os.read(0, 4096):  # not `sys.stdin`, whose lock would be held at the regular end
            pass
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def complaint(command: list[str], seconds: float, **environment: str) -> str | None:
    """Run a program: None if it succeeds, else the last line of its standard error.

    Its standard input is a pipe that nobody writes to, which ends with this process. Whatever
    interrupts this call ends the program.

    Args:
        seconds: after which it is ended.
        environment: on top of this process's.
    """
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, **environment},
        ) as process,
    ):
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"no answer in {seconds:g} s"
        finally:
            process.kill()
            process.wait()  # leaving the context after Ctrl-C does not
        said.seek(0)
        lines = said.read().decode(errors="replace").split("\n")
    if code == 0:
        return None
    spoken = [line.strip() for line in lines if line.strip()]
    return spoken[-1] if spoken else f"ended with code {code}"


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived. Whatever tidies up after Ctrl-C tidies up after it."""


@contextmanager
def raise_terminated() -> Iterator[None]:
    """Turn SIGTERM into the exception `Terminated`, in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    previous = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def leave(code: int) -> None:
    """End this process at once, where nothing else runs in it; else do nothing.

    Taking PyTorch's modules apart takes a quarter of a second, and gives back what the system takes
    back anyway. Exit handlers run; who has written to the standard streams has flushed them.
    """
    if threading.active_count() > 1 or multiprocessing.active_children():
        return
    atexit._run_exitfuncs()
    os._exit(code)


def end_children() -> None:
    """End the processes that `multiprocessing` started here, whatever they are doing."""
    for child in multiprocessing.active_children():
        child.terminate()


@dataclass
class StopRequest:
    """Whether somebody asked this process to stop, and by which signal."""

    signal: int = 0

    def __bool__(self) -> bool:
        return self.signal != 0

    def exit_code(self) -> int:
        """As shells report the death by a signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; a second one acts as usual.

    Outside the main thread, where Python allows no handlers, signals act as usual.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous: dict[int, Any] = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        request.signal = number
        for each, handler in previous.items():
            signal.signal(each, handler)

    for caught in (signal.SIGINT, signal.SIGTERM):
        previous[caught] = signal.signal(caught, ask)
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
