"""Windows and engines that start with everything imported (see `tests.preloaded`)."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from multiprocessing.util import register_after_fork

import app.link
import app.main
from app.link import Link
from tests.preloaded import Child, server


class PreloadedLink(Link):
    """A link to an engine that the server makes."""

    def _start(self):
        self._context = server()
        super()._start()


def start_window(arguments, folder, environment):
    """A debugger that the server makes.

    Its modules were imported at the scale 1: one of another scale has to be the program.
    """
    return Child(_open, arguments, folder=folder, environment=environment, heard=2)


def _open(arguments):
    """In the new process: what ``python -m app`` does."""
    sys.argv = ["app", *arguments]
    app.link.Link, app.main.use_scale = _ForkedLink, _expect_one
    return app.main.cli()


def _expect_one(scale):
    assert scale == 1, "constants were computed at the scale 1: start the program"


class _ForkedLink(Link):
    """A link to a fork of this process, which has no threads and no window before it has a link."""

    def _start(self):
        assert not hasattr(self, "process"), "an engine is restarted by the program alone"
        self._context = multiprocessing.get_context("fork")
        register_after_fork(self, _leave_to_window)
        super()._start()


def _leave_to_window(link):
    """In the engine: the window's end of the pipe, or the window's death would go unnoticed."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    link._connection.close()
