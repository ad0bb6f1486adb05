"""Single frames of films, by number."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from core.errors import UserError
from core.io.files import check_file, printable, readable
from core.io.images import MAX_PIXELS

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv")
MAX_BYTES = 16 * 2**30
_OPEN_FILMS = 4  # cameras of one sequence are read in turn
_KEPT_FRAMES = 8  # people of one frame follow each other


def is_film(path: Path) -> bool:
    """Whether a file is a film, by its suffix."""
    return path.suffix.lower() in SUFFIXES


class Film:
    """A film whose frames are decoded in order; an earlier frame starts it anew.

    Seeking is not exact in films whose frames depend on each other; counting frames is.
    """

    def __init__(self, path: Path) -> None:
        """Open a film.

        Raises:
            UserError: it is missing, cannot be decoded, or is too large.
        """
        self.path = path
        with readable(path, "film", "copy it again"):
            check_file(path, MAX_BYTES)
        self._restart()
        width, height = self.size
        if not 0 < width * height <= MAX_PIXELS:
            raise UserError(f"{printable(path)} has no frames of a usable size ({width}x{height})")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames in pixels."""
        sides = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        width, height = (int(self._capture.get(side)) for side in sides)
        return width, height

    def frame(self, number: int) -> UInt8[np.ndarray, "height width 3"]:
        """One frame, RGB; the first is 0.

        Raises:
            UserError: the film ends before.
        """
        if number < self._next:
            self._restart()
        while self._next < number and self._capture.grab():
            self._next += 1
        good, pixels = self._capture.read()
        if not good or self._next != number:
            raise UserError(f"{printable(self.path)} has no frame {number}; it ends before")
        self._next += 1
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)

    def _restart(self) -> None:
        self._capture = cv2.VideoCapture(str(self.path))
        self._next = 0
        if not self._capture.isOpened():
            raise UserError(f"{printable(self.path)} is not a film that can be decoded")


@lru_cache(maxsize=_OPEN_FILMS)
def _open_film(path: Path, _modified: int) -> Film:
    return Film(path)


@lru_cache(maxsize=_KEPT_FRAMES)
def _frame(path: Path, modified: int, number: int) -> UInt8[np.ndarray, "height width 3"]:
    return _open_film(path, modified).frame(number)


def read_frame(path: Path, number: int) -> UInt8[np.ndarray, "height width 3"]:
    """One frame of a film, RGB. Films stay open: reading on from the last frame is cheap.

    Raises:
        UserError: the film is missing or damaged, or ends before that frame.
    """
    modified = path.stat().st_mtime_ns if path.is_file() else 0
    return _frame(path, modified, number)
