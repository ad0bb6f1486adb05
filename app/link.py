"""The window's side of the worker: start it, exchange messages, detect its end."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from app.protocol.commands import Command, Quit
from app.protocol.events import Died, Event, WithPictures
from app.shared import Pictures, Ticket


def run_worker(*arguments: Any) -> None:
    """Target of the process, in which the slow imports happen."""
    from app.worker.process import main

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the window, which sends Quit
    main(*arguments)


class Link:
    """A worker's process and the pipe to it."""

    def __init__(self, factory: str, options: dict[str, Any]) -> None:
        """Args are those of `app.worker.process.main`; the process starts at once."""
        self._context = multiprocessing.get_context("spawn")
        self._factory = factory
        self._options = options
        self._start()

    def _start(self) -> None:
        self._pictures = Pictures(self._context)  # a dead worker may have left locks closed
        self._connection: Connection
        self._connection, theirs = self._context.Pipe()
        arguments = (theirs, self._pictures, self._factory, self._options)
        self.process: BaseProcess = self._context.Process(
            target=run_worker, args=arguments, name="nbf engine", daemon=True
        )
        self.process.start()
        theirs.close()
        self._death_told = False

    def send(self, command: Command) -> None:
        """Send a command; one to a dead worker is lost, and `receive` reports the death."""
        with contextlib.suppress(OSError):
            self._connection.send(command)

    @property
    def signals(self) -> tuple[Connection | int, ...]:
        """What can be read as soon as `receive` has something to say."""
        return () if self._death_told else (self._connection, self.process.sentinel)

    def receive(self) -> list[Event]:
        """All messages that have come, with their pictures, without waiting.

        A death is reported once.
        """
        events: list[Event] = []
        with contextlib.suppress(EOFError, OSError):
            while self._connection.poll():
                events.append(self._with_pictures(*self._connection.recv()))
        self._death_told |= any(isinstance(event, Died) for event in events)
        if not self._death_told and not self.process.is_alive():
            self._death_told = True
            events.append(Died(f"The engine's process ended ({self._cause()})"))
        return events

    def _with_pictures(self, event: Event, tickets: tuple[Ticket, ...]) -> Event:
        """The event with its pictures, which are taken out of shared memory at once."""
        if not isinstance(event, WithPictures):
            return event
        taken = {ticket.kind: self._pictures.take(ticket) for ticket in tickets}
        return replace(event, pictures=taken)

    def restart(self) -> None:
        """A new process in place of the old one."""
        self.close()
        self._start()

    def close(self, patience: float = 1.0) -> None:
        """End the process: by a command, or by a signal if it does not end in time."""
        self.send(Quit())
        self.process.join(patience)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self._connection.close()

    def _cause(self) -> str:
        """How the process ended, in words."""
        code = self.process.exitcode
        if code is not None and code < 0:
            return f"signal {signal.Signals(-code).name}"
        return f"exit code {code}; the terminal has the details"
