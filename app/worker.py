"""The engine in its own process.

The main thread takes commands and steps the fit. Two more threads paint, one the pictures of a
step and one the turned body, so that neither scrubbing nor turning waits for an Adam step. All
that a painter needs is a pure function of the scene and the parameters of a recorded step.
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
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

import cv2
import numpy as np

from app.body_picture import COLOR, body_middle, turned_body
from app.protocol import (
    Backend,
    Command,
    Died,
    Event,
    Failed,
    Finished,
    Fit,
    ImageScene,
    Observe,
    Observed,
    Open,
    Opened,
    Paint,
    Painted,
    Pause,
    Photo,
    Quit,
    Ready,
    Restart,
    Run,
    Step,
    Stepped,
    Turn,
    Turned,
)
from app.shared import PHOTO_SIDE, Pictures
from core.errors import UserError
from core.pictures.overlay import body_layer, lay_over


@dataclass(frozen=True)
class Running:
    """The fit that is being made. Replaced as a whole, so that painters see one or the other."""

    generation: int
    observed: Observed
    fit: Fit


def main(connection: Connection, pictures: Pictures, factory: str, options: dict[str, Any]) -> None:
    """Entry point of the process.

    Args:
        factory: ``"module:function"`` that makes the backend from ``options``.
    """
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    try:
        backend = _load(factory, options)
    except UserError as error:
        connection.send(Died(str(error)))
        return
    with contextlib.suppress(ConnectionError):  # the window is gone
        Worker(connection, pictures, backend).serve()


def _load(factory: str, options: dict[str, Any]) -> Backend:
    """Import and call the backend's factory."""
    module, name = factory.split(":")
    return getattr(importlib.import_module(module), name)(**options)


class Worker:
    """Carries out commands until told to quit."""

    def __init__(self, connection: Connection, pictures: Pictures, backend: Backend) -> None:
        self._connection = connection
        self._pictures = pictures
        self._backend = backend
        self._sending = threading.Lock()
        self._photo: Photo | None = None
        self._thumbnail = np.zeros((1, 1, 3), np.uint8)
        self._path = ""
        self._now: Running | None = None
        self._stepping = False
        self._maps = Painter(self._paint, self._guard)
        self._body = Painter(self._turn, self._guard)

    def serve(self) -> None:
        """Take commands, and step the fit in between."""
        self._send(Ready(self._backend.detail))
        while True:
            if self._stepping and not self._connection.poll():
                self._guard(Run(), self._advance)
                continue
            try:
                command = self._connection.recv()
            except (EOFError, OSError):
                return  # the window is gone
            if isinstance(command, Quit):
                return
            self._dispatch(command)

    def _dispatch(self, command: Command) -> None:
        """Start a command."""
        if isinstance(command, Paint):
            self._maps.queue.put(command)
        elif isinstance(command, Turn):
            self._body.queue.put(command)
        elif isinstance(command, Run | Pause):
            self._stepping = isinstance(command, Run)
        elif isinstance(command, Step):
            self._guard(command, self._advance)
        elif isinstance(command, Open):
            self._guard(command, lambda: self._open(command))
        elif isinstance(command, Observe):
            self._guard(command, lambda: self._observe(command.generation, command.box))
        elif isinstance(command, Restart):
            self._guard(command, lambda: self._restart(command.generation))

    # --- the fit ---

    def _open(self, command: Open) -> None:
        photo = self._backend.read(command.path)
        observed = self._backend.observe(photo, command.box)
        self._photo, self._path = photo, command.path
        self._thumbnail = shrunk(photo.pixels)
        self._begin(command.generation, observed)

    def _observe(self, generation: int, box: Any) -> None:
        assert self._photo is not None
        self._begin(generation, self._backend.observe(self._photo, box))

    def _restart(self, generation: int) -> None:
        assert self._now is not None
        observed = self._now.observed
        self._now = Running(generation, observed, self._backend.fit(observed))

    def _begin(self, generation: int, observed: Observed) -> None:
        """Stand at the start of a fit and tell the window."""
        assert self._photo is not None
        self._now = Running(generation, observed, self._backend.fit(observed))
        shapes = {
            "photo": self._pictures.put("photo", self._thumbnail),
            "observed": self._pictures.put("observed", observed.features),
        }
        self._send(
            Opened(
                generation=generation,
                path=self._path,
                scene=observed.scene,
                stages=self._now.fit.stages,
                winner=self._now.fit.winner,
                shapes=shapes,
            )
        )

    def _advance(self) -> None:
        """One step of the fit."""
        if self._now is None or self._now.fit.done:
            self._stepping = False
            return
        now = self._now
        begun = time.perf_counter()
        step = now.fit.step()
        seconds = time.perf_counter() - begun
        self._send(
            Stepped(
                now.generation,
                step.step,
                step.stage,
                step.terms,
                step.total,
                now.fit.best,
                seconds,
            )
        )
        if now.fit.done:
            self._stepping = False
            self._send(Finished(now.generation, now.fit.reason, now.fit.best))

    # --- painting, in threads of their own ---

    def _paint(self, command: Paint) -> None:
        """All pictures of a step."""
        begun = time.perf_counter()
        now, photo = self._now, self._thumbnail
        if now is None or now.generation != command.generation:
            self._send(Failed(command, ""))
            return
        params = now.fit.params(command.step)
        maps = self._backend.maps(now.observed, params)
        joints = self._backend.joints(now.observed, params)
        body = self._backend.vertices(now.observed, params)
        mixed = self._over_photo(photo, now.observed.scene, body, command.opacity)
        put = self._pictures.put
        shapes = {
            "overlay": put("overlay", mixed),
            "rendered": put("rendered", maps.rendered),
            "occlusion": put("occlusion", maps.occlusion),
            "visible": put("visible", maps.visible.astype(np.float32)),
        }
        seconds = time.perf_counter() - begun
        generation, step = command.generation, command.step
        self._send(Painted(generation, step, shapes, maps.occluded, seconds, joints))
        if self._stepping:
            time.sleep(seconds)  # leave the processor to the fit half of the time

    def _over_photo(
        self, photo: np.ndarray, scene: ImageScene, body: np.ndarray, opacity: float
    ) -> np.ndarray:
        """The shrunken photo with the body over it."""
        if opacity <= 0:
            return photo
        height, width = photo.shape[:2]
        scale = width / scene.size[0]
        center = width / 2, height / 2
        focal = scene.focal * scale
        layer = body_layer(body, self._backend.faces, focal, center, height, width, COLOR)
        return lay_over(photo, layer, opacity)

    def _turn(self, command: Turn) -> None:
        """The body as the mouse has turned it."""
        now = self._now
        if now is None or now.generation != command.generation:
            self._send(Failed(command, ""))
            return
        body = self._backend.vertices(now.observed, now.fit.params(command.step))
        size = command.width, command.height
        rgba = turned_body(body, self._backend.faces, command.orbit, *size)
        shape = self._pictures.put("body", rgba)
        x, y, z = (float(v) for v in body_middle(body))
        floor = float(body[:, 1].max())
        self._send(Turned(command.generation, command.step, command.orbit, shape, (x, y, z), floor))

    # --- helpers ---

    def _send(self, event: Event) -> None:
        with self._sending:
            self._connection.send(event)

    def _guard(self, command: Command, action: Callable[[], None]) -> None:
        """Do it; a failure is reported to the window and stops nothing else."""
        try:
            action()
        except UserError as error:
            self._send(Failed(command, str(error)))
        except (BrokenPipeError, ConnectionError):
            raise
        except Exception as error:
            self._stepping = False
            traceback.print_exc(file=sys.stderr)
            self._send(Failed(command, f"{type(error).__name__}: {error}".splitlines()[0]))


class Painter:
    """A thread that answers one kind of command, in order."""

    def __init__(
        self,
        answer: Callable[[Any], None],
        guard: Callable[[Command, Callable[[], None]], None],
    ) -> None:
        self.queue: SimpleQueue[Command] = SimpleQueue()
        self._answer = answer
        self._guard = guard
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            command = self.queue.get()
            try:
                self._guard(command, lambda command=command: self._answer(command))  # type: ignore[misc]
            except (BrokenPipeError, ConnectionError):
                return  # the window is gone


def shrunk(photo: np.ndarray) -> np.ndarray:
    """The photo, no side longer than `PHOTO_SIDE`."""
    height, width = photo.shape[:2]
    scale = PHOTO_SIDE / max(height, width)
    if scale >= 1:
        return photo
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
