"""Files about a run: each appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from app.protocol.backend import Backend
from app.protocol.commands import Export, Exported
from app.protocol.events import Written
from app.worker.runs import HeldRun
from core.io.video import save_video

TOLD = 5
"""A film's progress is told every so many pictures."""
Turn = AbstractContextManager[object]


def write(
    backend: Backend, held: HeldRun, command: Export, turn: Turn, tell: Callable[[Written], None]
) -> None:
    """Write a file, and tell of it.

    Args:
        turn: held while something is computed; a film gives it up after each picture, so that steps
            and the window's pictures come in between.

    Raises:
        UserError: the name has another suffix than such files have, or it cannot be written.
    """
    save = {Exported.BODY: backend.save_body, Exported.ANIMATION: backend.save_animation}
    if command.what in save:
        with turn:
            save[command.what](held.observed, held.fit, command.step, command.path)
    else:
        _write_film(backend, held, command, turn, tell)
    tell(Written(*command.key, command.path, 1, 1))


def _write_film(
    backend: Backend, held: HeldRun, command: Export, turn: Turn, tell: Callable[[Written], None]
) -> None:
    """Draw the pictures one by one, and write them."""
    with turn:
        film = backend.film(held.observed, held.fit)

    def pictures() -> Iterator[UInt8[np.ndarray, "height width 3"]]:
        for number in range(film.count):
            with turn:
                picture = next(film.pictures)
            yield picture
            if (number + 1) % TOLD == 0 and number + 1 < film.count:
                tell(Written(*command.key, command.path, number + 1, film.count))

    save_video(Path(command.path), pictures(), film.rate)
