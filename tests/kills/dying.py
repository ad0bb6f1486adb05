"""Processes that are killed at a chosen look at the disk, or that find a limit there."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")

CHANGES = {"os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.chmod"}
OTHERS = {"shutil.copytree", "shutil.rmtree", "ctypes.call_function"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def die_at(count: int, action: Callable[[], object], folder: Path, how: int = signal.SIGKILL):
    """Do something in a process that gets a signal before its ``count``-th change of a folder.

    Returns:
        The exit code, negative for a signal that ended it; the number of changes it made.
    """
    place, pipe = os.fspath(folder), os.pipe()

    def act() -> object:
        def watch(event: str, arguments: tuple) -> None:
            if event in OTHERS or (_changes(event, arguments) and _in(place, arguments)):
                os.write(pipe[1], b"x")
                act.seen += 1
                if act.seen == count:
                    os.kill(os.getpid(), how)

        sys.addaudithook(watch)
        return action()

    act.seen = 0
    code = forked(act)
    os.close(pipe[1])
    with os.fdopen(pipe[0], "rb") as made:
        return code, len(made.read())


def _changes(event: str, arguments: tuple) -> bool:
    return event in CHANGES or (event == "open" and bool((arguments[2] or 0) & WRITES))


def _in(place: str, arguments: tuple) -> bool:
    names = (os.fsdecode(a) for a in arguments if isinstance(a, str | bytes | os.PathLike))
    return any(name.startswith(place) for name in names)


def forked(action: Callable[[], object], output: Path | None = None, largest: int | None = None):
    """Do something in a child of one thread; its exit code is what it returns, if that is a number.

    Args:
        output: file for what it prints.
        largest: size in bytes that no file may exceed, as on a full disk.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        import torch

        torch.set_num_threads(1)
        if output is not None:
            handle = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            sys.stdout = sys.stderr = open(handle, "w")  # noqa: SIM115
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
        returned = action()
        code = returned if isinstance(returned, int) else 0
        sys.stdout.flush()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def fit(out: Path, *options: str) -> Callable[[], int]:
    """``nbf fit`` of one photo, as an action."""
    from core.cli import main

    arguments = ["fit", "skimage:camera", "--bbox", "20,60,300,440", "--out", str(out)]
    return lambda: main([*arguments, *options])
