"""The threads of the worker: who answers, and who has the processor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from app.protocol.commands import Command

PATIENCE = 2.0
"""Seconds that a thread gets to end what it is at."""


class Turns:
    """A lock that goes to the thread that has waited longest.

    Two threads of Python that compute at the same time wait for the interpreter's lock at each
    small operation: an Adam step took six times as long while pictures were painted.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given = self._served = 0

    def __enter__(self) -> None:
        with self._changed:
            mine, self._given = self._given, self._given + 1
            self._changed.wait_for(lambda: self._served == mine)

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()


class AnsweringThread:
    """A thread that answers some kinds of commands, in order.

    Args:
        prepare: does a little of what may be asked for later, while nothing is asked; whether there
            was anything to do.
    """

    def __init__(
        self,
        answer: Callable[[Any], None],
        guard: Callable[[Command, Callable[[], None]], None],
        prepare: Callable[[], bool] = lambda: False,
    ) -> None:
        self.queue: SimpleQueue[Command | None] = SimpleQueue()
        self._answer, self._guard, self._prepare = answer, guard, prepare
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let it end what it is at: native code does not survive the end of the interpreter."""
        self._closed = True
        self.queue.put(None)
        self._thread.join(PATIENCE)

    def _next(self) -> Command | None:
        """The next command; until it comes, prepare."""
        while not self._closed:
            try:
                return self.queue.get_nowait()
            except Empty:
                if not self._prepare():
                    return self.queue.get()
        return None

    def _work(self) -> None:
        while (command := self._next()) is not None:
            try:
                self._guard(command, lambda command=command: self._answer(command))  # type: ignore[misc]
            except (BrokenPipeError, ConnectionError):
                return  # the window is gone
