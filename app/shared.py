"""Pictures in memory that the window and the worker share.

One slot a picture. The window asks for a picture only after it has taken the last one out, so a
slot is never written while it is read, and no lock is needed.
"""

from __future__ import annotations

import math
from multiprocessing.context import SpawnContext
from typing import Any

import numpy as np

PHOTO_SIDE = 1024  # pixels: larger photos are shown shrunk to this
BODY_SIDE = 1600  # pixels: larger body panels show an enlarged picture
MAP_SIDE = 256  # cells

CAPACITY = {
    "photo": PHOTO_SIDE * PHOTO_SIDE * 3,
    "overlay": PHOTO_SIDE * PHOTO_SIDE * 3,
    "observed": MAP_SIDE * MAP_SIDE * 3,
    "rendered": MAP_SIDE * MAP_SIDE * 3,
    "occlusion": MAP_SIDE * MAP_SIDE * 3,
    "visible": MAP_SIDE * MAP_SIDE * 4,
    "body": BODY_SIDE * BODY_SIDE * 4,
}
TYPES = {"visible": np.float32}


class Pictures:
    """Named slots; the object is handed to the worker's process when that is spawned."""

    def __init__(self, context: SpawnContext) -> None:
        self._slots: dict[str, Any] = {
            name: context.RawArray("B", size) for name, size in CAPACITY.items()
        }

    def put(self, name: str, picture: np.ndarray) -> tuple[int, ...]:
        """Copy a picture into its slot and return its shape for the message."""
        slot = self._view(name, picture.shape)
        np.copyto(slot, picture, casting="same_kind")
        return picture.shape

    def get(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A copy of the picture in a slot."""
        return self._view(name, shape).copy()

    def _view(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """The slot as an array."""
        dtype = np.dtype(TYPES.get(name, np.uint8))
        if math.prod(shape) * dtype.itemsize > CAPACITY[name]:
            raise ValueError(f"picture {name} of shape {shape} does not fit its slot")
        return np.frombuffer(self._slots[name], dtype, math.prod(shape)).reshape(shape)
