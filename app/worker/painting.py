"""The pictures of a run, as pure functions of what the worker holds, and threads to paint in."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from app.protocol.backend import Backend
from app.protocol.commands import Command, Paint, Turn
from app.protocol.events import Painted, Turned
from app.worker.body_picture import COLOR, body_middle, turned_body
from app.worker.runs import HeldRun
from core.pictures.overlay import body_layer, lay_over


def input_pictures(held: HeldRun) -> dict[str, np.ndarray]:
    """The image and its observed features."""
    return {"photo": held.image.thumbnail, "observed": held.observed.features}


def paint_step(backend: Backend, held: HeldRun, command: Paint) -> Painted:
    """All pictures of a step."""
    begun = time.perf_counter()
    params = held.fit.params(command.step)
    maps = backend.maps(held.observed, held.run, params)
    body = backend.vertices(held.observed, params)
    pictures = {
        "overlay": body_over_photo(backend, held, body, command.opacity),
        "rendered": maps.rendered,
        "occlusion": maps.occlusion,
        "visible": maps.visible.astype(np.float32),
    }
    joints = backend.joints(held.observed, params)
    return Painted(
        command.image,
        command.run,
        command.step,
        maps.occluded,
        time.perf_counter() - begun,
        joints,
        pictures=pictures,
    )


def paint_turned(backend: Backend, held: HeldRun, command: Turn) -> Turned:
    """The body as the mouse has turned it."""
    body = backend.vertices(held.observed, held.fit.params(command.step))
    size = command.width, command.height
    x, y, z = (float(v) for v in body_middle(body))
    return Turned(
        command.image,
        command.run,
        command.step,
        command.orbit,
        size,
        middle=(x, y, z),
        floor=float(body[:, 1].max()),
        pictures={"body": turned_body(body, backend.faces, command.orbit, *size)},
    )


def body_over_photo(
    backend: Backend, held: HeldRun, body: Float[np.ndarray, "vertices 3"], opacity: float
) -> UInt8[np.ndarray, "height width 3"]:
    """The shrunken photo with the body over it."""
    photo, scene = held.image.thumbnail, held.observed.scene
    if opacity <= 0:
        return photo
    height, width = photo.shape[:2]
    focal = scene.focal * width / scene.size[0]
    center = width / 2, height / 2
    layer = body_layer(body, backend.faces, focal, center, height, width, COLOR)
    return lay_over(photo, layer, opacity)


class PainterThread:
    """A thread that answers some kinds of commands, in order."""

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
