"""Pictures in memory that the window and the worker share.

There is one slot a kind of picture, and a lock a slot. The worker takes the lock before it writes
and sends a ticket (image, run, kind, shape) with its message; the window copies the picture out
and then opens the lock. So a slot is written only between an opening and the next ticket, and read
only between a ticket and the opening: never both. A ticket is good for one copy. Whoever gets one
must take its picture, wanted or not (`app.link` does), or the next picture of its kind waits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import SpawnContext

import numpy as np

PHOTO_SIDE = 1024  # pixels: larger photos are shown shrunk to this
BODY_SIDE = 1600  # pixels: larger body panels show an enlarged picture
MAP_SIDE = 256  # cells
THUMBNAIL_SIDE = 128  # pixels

CAPACITY = {
    "photo": PHOTO_SIDE * PHOTO_SIDE * 3,
    "thumbnail": THUMBNAIL_SIDE * THUMBNAIL_SIDE * 3,
    "layer": PHOTO_SIDE * PHOTO_SIDE * 4,
    "kernels": PHOTO_SIDE * PHOTO_SIDE * 4,
    "observed": MAP_SIDE * MAP_SIDE * 3,
    "rendered": MAP_SIDE * MAP_SIDE * 3,
    "occlusion": MAP_SIDE * MAP_SIDE * 3,
    "hits": MAP_SIDE * MAP_SIDE * 3,
    "visible": MAP_SIDE * MAP_SIDE * 4,
    "feature change": MAP_SIDE * MAP_SIDE * 3,
    "z change": MAP_SIDE * MAP_SIDE * 3,
    "feature distance": MAP_SIDE * MAP_SIDE * 4,
    "z difference": MAP_SIDE * MAP_SIDE * 4,
    "body": BODY_SIDE * BODY_SIDE * 4,
}
TYPES = dict.fromkeys(("visible", "feature distance", "z difference"), np.float32)


@dataclass(frozen=True)
class Ticket:
    """A picture that lies in shared memory until it is taken.

    Attributes:
        serial: of the writing; no two tickets of a kind have the same.
    """

    image: int
    run: int
    kind: str
    shape: tuple[int, ...]
    serial: int


class _Slot:
    """Memory for one picture at a time; ``serial`` grows with each writing and each taking."""

    def __init__(self, context: SpawnContext, size: int) -> None:
        self.memory = context.RawArray("B", size)
        self.serial = context.RawValue("q", 0)
        self.lock = context.Lock()

    def view(self, kind: str, shape: tuple[int, ...]) -> np.ndarray:
        """The memory as an array."""
        dtype = np.dtype(TYPES.get(kind, np.uint8))
        return np.frombuffer(self.memory, dtype, math.prod(shape)).reshape(shape)


class Pictures:
    """The slots; the worker's process gets the object when it is spawned."""

    def __init__(self, context: SpawnContext) -> None:
        self._slots = {kind: _Slot(context, size) for kind, size in CAPACITY.items()}

    def put(
        self,
        image: int,
        run: int,
        pictures: Mapping[str, np.ndarray],
        patience: float | None = None,
    ) -> tuple[Ticket, ...]:
        """Copy pictures into the slots of their kinds, each as soon as its last one is taken.

        Args:
            patience: seconds to wait for that; None for ever.

        Raises:
            ValueError: a picture is too large for its slot.
            TypeError: a picture has another type than its slot.
            TimeoutError: the last picture of a kind has not been taken.
        """
        for kind, picture in pictures.items():
            _check(kind, picture.shape)
        kinds = sorted(pictures)  # one order for all threads: none waits for the other's second
        held: list[str] = []
        for kind in kinds:
            if not self._slots[kind].lock.acquire(timeout=patience):
                for other in held:
                    self._slots[other].lock.release()
                raise TimeoutError(f"the last picture {kind} has not been taken")
            held.append(kind)
        try:
            return tuple(self._write(image, run, kind, pictures[kind]) for kind in kinds)
        except BaseException:  # no ticket will be sent, so nobody would open the locks
            for kind in held:
                self._slots[kind].lock.release()
            raise

    def _write(self, image: int, run: int, kind: str, picture: np.ndarray) -> Ticket:
        """Fill a slot whose lock is held."""
        slot = self._slots[kind]
        np.copyto(slot.view(kind, picture.shape), picture, casting="same_kind")
        slot.serial.value += 1
        return Ticket(image, run, kind, picture.shape, slot.serial.value)

    def take(self, ticket: Ticket) -> np.ndarray:
        """A copy of a ticket's picture; its slot is free from now on.

        Raises:
            ValueError: the picture has been taken.
        """
        slot = self._slots[ticket.kind]
        if slot.serial.value != ticket.serial:
            raise ValueError(f"picture {ticket.kind} has been taken")
        picture = slot.view(ticket.kind, ticket.shape).copy()
        slot.serial.value += 1
        slot.lock.release()
        return picture


def _check(kind: str, shape: tuple[int, ...]) -> None:
    """Refuse what does not fit."""
    size = math.prod(shape) * np.dtype(TYPES.get(kind, np.uint8)).itemsize
    if size > CAPACITY[kind]:
        raise ValueError(f"picture {kind} of shape {shape} does not fit its slot")
