"""Processes that start with everything imported.

They are forks of a server, one a test process, that has imported the project and PyTorch and done
nothing else: it has no threads, which do not survive a fork, and it was not touched by other tests.
Importing takes two seconds of processor time, more than most of what is tested in a process.
What is about the start of a process is tested with programs of their own.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, TextIO

import pytest

MODULES = (
    *("app.main", "app.automation", "app.window.tables", "app.window.window"),
    *("app.worker.process", "tests.app.fake_engine", "tests.app.untrained"),
    *("core.cli", "core.commands.fit", "core.commands.train", "core.fit.engine", "core.fit.result"),
    *("tests.train.distributed_steps", "tests.train.interrupted_run", "lightning_fabric"),
    "pytest",  # which each fork would import, for it is the main module
)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
PATIENCE = 150.0


@functools.cache
def server() -> ForkServerContext:
    """Makes processes as `multiprocessing` does, of one thread each."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(MODULES))
    with pytest.MonkeyPatch.context() as patch:  # libraries look when they are loaded
        for name, value in ONE_THREAD.items():
            patch.setenv(name, value)
        forkserver.ensure_running()
    return context


class Child:
    """A process that runs a function, with the methods of a `subprocess.Popen`.

    Args:
        act: a module's function; what it returns or exits with is the exit code.
        arguments: its arguments.
        environment: all variables; by default those of this process.
        outputs: where its standard output (1) and error (2) go, file descriptors.
        heard: which of them is read here, as `stdout` or `stderr`.
    """

    stdout: TextIO
    stderr: TextIO

    def __init__(
        self,
        act: Callable[..., int | None],
        *arguments: Any,
        folder: Path | None = None,
        environment: Mapping[str, str] = os.environ,
        outputs: Mapping[int, int] | None = None,
        heard: int | None = None,
    ) -> None:
        ends = dict(outputs or {})
        if heard is not None:
            reading, ends[heard] = os.pipe()
            setattr(self, {1: "stdout", 2: "stderr"}[heard], os.fdopen(reading))
        place = dict(environment), os.fspath(folder or Path.cwd())
        passed = {number: _Passed(handle) for number, handle in ends.items()}
        self._process = server().Process(target=_run, args=(act, arguments, *place, passed))
        self._process.start()
        if heard is not None:
            os.close(ends[heard])
        self.pid: int = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self._process), timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class _Passed:
    """A file descriptor that goes with the arguments."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __reduce__(self) -> tuple:
        return _Taken, (DupFd(self.handle),)


class _Taken:
    def __init__(self, passed: Any) -> None:
        self.handle = passed.detach()


def _run(
    act: Callable[..., int | None],
    arguments: tuple,
    environment: dict[str, str],
    folder: str,
    outputs: dict[int, _Taken],
) -> None:
    """In the new process."""
    os.environ.clear()
    os.environ.update(environment | ONE_THREAD)
    os.chdir(folder)
    for number, end in outputs.items():
        os.dup2(end.handle, number)
        os.close(end.handle)
    raise SystemExit(act(*arguments))


Call = tuple[Callable[..., int | None], tuple, Mapping[str, str]]
"""A function, its arguments, and variables on top of this process's."""


def run(*calls: Call, folder: Path | None = None) -> list[subprocess.CompletedProcess[str]]:
    """Run functions in processes at the same time; like `subprocess.run` for each."""
    with contextlib.ExitStack() as stack:  # which also ends those that take too long
        started = []
        for act, arguments, variables in calls:
            said = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2)]
            outputs = {1: said[0].fileno(), 2: said[1].fileno()}
            environment = {**os.environ, **variables}
            place = {"folder": folder, "environment": environment}
            child = Child(act, *arguments, **place, outputs=outputs)
            stack.callback(child.kill)
            started.append((child, said))
        done = []
        for child, said in started:
            code = child.wait(PATIENCE)
            for file in said:
                file.seek(0)
            done.append(subprocess.CompletedProcess((), code, *(file.read() for file in said)))
        return done


def command(*words: object) -> int:
    """What the program ``nbf`` does with these words."""
    from core.cli import main

    sys.argv = ["nbf", *map(str, words)]
    return main(sys.argv[1:])


def script(path: Path) -> None:
    """What Python does with a file."""
    sys.argv = [str(path)]
    runpy.run_path(str(path), run_name="__main__")
