"""The worker's process.

The main thread takes commands and steps a fit. Another thread paints, so that neither scrubbing
nor turning waits for an Adam step. A picture is a pure function of a run and one of its recorded
steps.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import Any

from app.protocol.backend import Backend, Progress
from app.protocol.commands import (
    Begin,
    Command,
    Continue,
    Differ,
    Export,
    Forget,
    Open,
    Paint,
    PaintInput,
    Pause,
    Peek,
    Preview,
    Probe,
    Question,
    Quit,
    Save,
    Scan,
    Step,
    Truth,
    Try,
    Turn,
)
from app.protocol.events import (
    Died,
    Event,
    Failed,
    Finished,
    Measured,
    Opened,
    PaintedInput,
    Peeked,
    Ready,
    Saved,
    Scored,
    Stepped,
    WithPictures,
)
from app.protocol.run import RunKey
from app.protocol.search import Search
from app.shared import THUMBNAIL_SIDE, Pictures, Ticket
from app.worker.comparing import Compared
from app.worker.explaining import Explainer
from app.worker.painting import Painter, input_pictures
from app.worker.runs import HeldRun, HeldRuns
from app.worker.searching import Searcher
from app.worker.threads import AnsweringThread, Turns
from app.worker.writing import write
from core.errors import UserError
from core.pictures.panels import shrink
from core.processes import rarely_collect


def main(connection: Connection, pictures: Pictures, factory: str, options: dict[str, Any]) -> None:
    """Entry point of the process.

    Args:
        factory: ``"module:function"`` that makes the backend from ``options``.
    """
    if hasattr(os, "nice"):
        os.nice(1)  # the window comes first
    rarely_collect()
    try:
        backend = _load(factory, options)
    except UserError as error:
        connection.send((Died(str(error)), ()))
        return
    with contextlib.suppress(ConnectionError):  # the window is gone
        worker = Worker(connection, pictures, backend)
        try:
            worker.serve()
        finally:
            worker.close()


def _load(factory: str, options: dict[str, Any]) -> Backend:
    """Import and call the backend's factory."""
    module, name = factory.split(":")
    return getattr(importlib.import_module(module), name)(**options)


PACE = 0.1
"""Seconds from picture to picture while a fit steps, if they take less than a quarter of that."""


class Worker:
    """Executes commands until `Quit`. Holds many runs, and steps one of them."""

    def __init__(self, connection: Connection, pictures: Pictures, backend: Backend) -> None:
        self._connection = connection
        self._pictures = pictures
        self._backend = backend
        self._sending = threading.Lock()
        self._runs = HeldRuns(backend)
        self._stepping: RunKey | None = None
        self._painter = Painter(backend, self._runs.find)
        self._explainer = Explainer(backend)
        self._searcher = Searcher(backend)
        self._turns = Turns()  # of steps and pictures
        self._painting = AnsweringThread(self._paint, self._guard, self._prepare)
        self._writing = AnsweringThread(self._write, self._guard)
        self._compared = Compared(backend, self._painter)

    def serve(self) -> None:
        """Take commands, and step the fit in between."""
        self._send(Ready(self._backend.detail))
        while True:
            if self._stepping is not None and not self._connection.poll():
                command = Continue(*self._stepping)
                self._guard(command, lambda command=command: self._advance(command))  # type: ignore[misc]
                continue
            try:
                received = self._connection.recv()
            except (EOFError, OSError):
                return  # the window is gone
            if isinstance(received, Quit):
                return
            self._dispatch(received)

    def close(self) -> None:
        """End the threads."""
        self._painting.close()
        self._writing.close()

    def _dispatch(self, command: Command) -> None:
        """Start a command."""
        if isinstance(command, Question | Peek):
            self._painting.queue.put(command)
        elif isinstance(command, Continue):
            self._stepping = command.key
        elif isinstance(command, Pause):
            self._stop_stepping(command.key)
        elif isinstance(command, Step):
            self._guard(command, lambda: self._advance(command))
        elif isinstance(command, Begin):
            self._guard(command, lambda: self._begin(command))
        elif isinstance(command, Save):
            self._guard(command, lambda: self._save(command))
        elif isinstance(command, Export):
            self._writing.queue.put(command)
        elif isinstance(command, Forget):
            self._stop_stepping(command.key)
            self._runs.forget(command.key)

    # --- fits ---

    def _begin(self, command: Begin) -> None:
        """Begin a run, and send it to the window."""
        held = self._runs.begin(command)
        path, scene = held.image.path, held.observed.scene
        pictures = input_pictures(held)
        try:
            recorded = held.observed.recorded if isinstance(command, Open) else ()
            about = Opened(*command.key, path, held.info, scene, recorded, held.image.people)
            self._send(replace(about, pictures=pictures))
        except ValueError:  # a picture that does not fit: the window will not know the run
            self._runs.forget(command.key)
            raise
        if command.run.resumes:
            for step in held.fit.recorded():
                self._send_step(command.key, step, held.fit.best, 0.0)
            if command.run.recorded is not None:  # nobody will ask: its last step is still to come
                self._advance(Step(*command.key))

    def _save(self, command: Save) -> None:
        """Write a record."""
        count = self._runs.save(command)
        self._send(Saved(*command.key, command.path, count, command.quiet))

    def _advance(self, command: Continue | Step) -> None:
        """One step of a fit."""
        key, held = command.key, self._runs.find(command.key)
        if held is None:
            self._stop_stepping(key)
            self._send(Failed(command, ""))
            return
        fit = held.fit
        if not fit.done:
            begun = time.perf_counter()
            with self._turns:
                step = fit.step()
            self._send_step(key, step, fit.best, time.perf_counter() - begun)
        if fit.done:
            self._stop_stepping(key)
            self._send(Finished(*key, fit.reason, fit.best, fit.doubt))
            with self._turns:
                occluded = self._painter.occluded(held, key, fit.best)
            self._send(Scored(*key, occluded))

    def _send_step(self, key: RunKey, step: Progress, best: int, seconds: float) -> None:
        """Send a recorded step to the window."""
        self._send(Stepped(*key, step.step, step.stage, step.terms, step.total, best, seconds))

    def _stop_stepping(self, key: RunKey) -> None:
        """Take no more steps of this run."""
        if self._stepping == key:
            self._stepping = None

    # --- painting, in a thread of its own ---

    def _paint(self, command: Question | Peek) -> None:
        """Pictures of a step, of what a run is about or of an image that is not open, or why."""
        if isinstance(command, Peek):
            small = shrink(self._backend.read(command.path).pixels, THUMBNAIL_SIDE)
            self._send(Peeked(*command.key, pictures={"thumbnail": small}))
            return
        held = self._runs.find(command.key)
        if held is None:
            self._send(Failed(command, ""))
            return
        with self._turns:
            begun = time.perf_counter()
            event = self._answer(held, command)
            seconds = time.perf_counter() - begun
        self._send(event)
        if self._stepping is not None:
            # Three quarters of the time are the fit's, and more where pictures are quick.
            time.sleep(max(3 * seconds, PACE - seconds))

    def _prepare(self) -> bool:
        """Prepare a picture if the processor has nothing else to do; whether there was one."""
        if self._stepping is not None:
            return False
        with (
            self._turns,
            contextlib.suppress(Exception),
        ):  # who asks for that picture will hear of it
            return self._painter.prepare()
        return False

    def _answer(self, held: HeldRun, command: Question) -> Event:
        """The answer to a command."""
        match command:
            case PaintInput():
                return PaintedInput(*command.key, pictures=input_pictures(held))
            case Turn():
                return self._painter.turn(held, command)
            case Paint():
                return self._painter.paint(held, command)
            case Preview():
                return self._painter.preview(held, command)
            case Try():
                return self._painter.attempt(held, command)
            case Probe():
                return self._explainer.answer(held, command)
            case Truth():
                return self._measure(held, command)
            case Scan():
                return self._compared.scan(held, command)
            case Differ():
                return self._compared.differ(held, self._runs.find(command.other), command)
            case Search():
                return self._searcher.answer(held, command)

    def _measure(self, held: HeldRun, command: Truth) -> Measured:
        """The truth about the person."""
        true = self._backend.measured(held.image.photo, held.observed, command.path)
        return Measured(*command.key, command.path, true.joints, true.places)

    # --- files, in a thread of their own ---

    def _write(self, command: Export) -> None:
        """Write a file about a run."""
        held = self._runs.find(command.key)
        if held is None:
            raise UserError("the run is no longer there; nothing was written")
        write(self._backend, held, command, self._turns, self._send)

    # --- helpers ---

    def _send(self, event: Event) -> None:
        """Send an event; its pictures go through shared memory, as tickets beside it."""
        tickets: tuple[Ticket, ...] = ()
        if isinstance(event, WithPictures):
            tickets = self._pictures.put(*event.key, event.pictures)
            event = replace(event, pictures={})
        try:
            with self._sending:
                self._connection.send((event, tickets))
        except (BrokenPipeError, ConnectionError):
            raise
        except Exception:  # an event that cannot be pickled: the window will not take its pictures
            for ticket in tickets:
                self._pictures.take(ticket)
            raise

    def _guard(self, command: Command, action: Callable[[], None]) -> None:
        """Do it; a failure is reported to the window and stops nothing else."""
        try:
            action()
        except (BrokenPipeError, ConnectionError):
            raise
        except Exception as error:
            if isinstance(command, Continue):
                self._stop_stepping(command.key)
            if isinstance(error, UserError):
                self._send(Failed(command, str(error)))
                return
            traceback.print_exc(file=sys.stderr)
            self._send(Failed(command, f"{type(error).__name__}: {error}".splitlines()[0]))
