"""The runs that the worker holds: each with its image, its observation and its fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import UInt8

from app.geometry.people import Person
from app.geometry.plane import Rect
from app.protocol.backend import Backend, Fit, Kept, Observed
from app.protocol.commands import Begin, BeginAt, Open, Save
from app.protocol.run import Run, RunInfo, RunKey
from app.shared import PHOTO_SIDE
from core.errors import UserError
from core.pictures.panels import shrink


@dataclass(frozen=True)
class OpenImage:
    """A decoded image.

    Attributes:
        photo: what `Backend.read` gave.
        thumbnail: the photo, no side longer than `PHOTO_SIDE`.
        people: who was found in it.
    """

    id: int
    path: str
    photo: Any
    thumbnail: UInt8[np.ndarray, "height width 3"]
    people: tuple[Person, ...]


@dataclass(frozen=True)
class HeldRun:
    """A run with all that its pictures are made from."""

    image: OpenImage
    run: Run
    observed: Observed
    fit: Fit

    @property
    def thumbnail(self) -> UInt8[np.ndarray, "height width 3"]:
        """The photo as the run sees it, no side longer than `PHOTO_SIDE`."""
        return thumbnail(self.image, self.observed)

    @property
    def info(self) -> RunInfo:
        """What the window gets to know when it begins."""
        fit = self.fit
        return RunInfo(self.run, fit.stages, fit.terms, fit.winner, fit.wishes)


def _look(held: HeldRun) -> tuple[Rect, float, str]:
    """What two runs of an image share if they can be in one record."""
    scene = held.observed.scene
    return scene.box, scene.focal, held.run.keypoints


def thumbnail(image: OpenImage, observed: Observed) -> UInt8[np.ndarray, "height width 3"]:
    """A photo as it is seen, with occluders if there are any."""
    return image.thumbnail if observed.seen is None else shrink(observed.seen, PHOTO_SIDE)


class HeldRuns:
    """All runs that the worker holds.

    A run is added when it is complete, so that other threads never see half of one. An image lives
    as long as one of its runs.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._runs: dict[RunKey, HeldRun] = {}

    def find(self, key: RunKey) -> HeldRun | None:
        """A run, None if it is not held."""
        return self._runs.get(key)

    def forget(self, key: RunKey) -> None:
        """Drop a run, if it is there."""
        self._runs.pop(key, None)

    def begin(self, command: Begin) -> HeldRun:
        """Read the image if the command opens one, observe it if need be, and start the fit.

        Nothing is kept if that fails.

        Raises:
            UserError: the image cannot be read, or is not open, or nobody is at the pixel, or the
                engine refuses the run.
        """
        run = command.run
        image = self._read(command) if isinstance(command, Open) else self._image(command.image)
        if isinstance(command, BeginAt):
            run = replace(run, box=self._backend.person_at(image.photo, command.at))
        parent = None if run.resumes else self._parent(command)
        observed = parent.observed if parent else self._observed(image, run)
        if not (isinstance(command, Open) or observed.scene.occluders == run.occluders):
            observed = self._backend.occlude(observed, run.occluders)
        fit = self._backend.fit(observed, run, parent.fit if parent else None)
        held = HeldRun(image, run, observed, fit)
        self._runs[command.key] = held
        return held

    def save(self, command: Save) -> int:
        """Write runs as a record, without those that look elsewhere or are gone.

        Returns:
            How many were written.

        Raises:
            UserError: the run is gone, or the file cannot be written.
        """
        main = self.find(command.key)
        if main is None:
            raise UserError("the run is no longer there; nothing was saved")
        kept: dict[int, Kept] = {}
        for run in command.runs:
            held = self.find((command.image, run.number))
            if held is not None and _look(held) == _look(main):
                parent = run.parent if run.parent in kept else None
                bare = replace(
                    run,
                    parent=parent,
                    at_step=run.at_step if parent else 0,
                    occluders=held.observed.scene.occluders,
                )
                kept[run.number] = Kept(bare, held.fit, held.run)
        photo, runs = main.image.photo, list(kept.values())
        self._backend.save(command.path, photo, main.observed, runs, command.truth)
        return len(kept)

    def _read(self, command: Open) -> OpenImage:
        photo = self._backend.read(command.path)
        shown, people = shrink(photo.pixels, PHOTO_SIDE), self._backend.people(photo)
        return OpenImage(command.image, command.path, photo, shown, people)

    def _image(self, number: int) -> OpenImage:
        """An image that is open."""
        for held in self._runs.values():
            if held.image.id == number:
                return held.image
        raise UserError("the photo is no longer open; open it again")

    def _parent(self, command: Begin) -> HeldRun | None:
        """The run that a branch starts from."""
        parent = command.run.parent
        if parent is None:
            return None
        held = self.find((command.image, parent))
        if held is None:
            raise UserError("the run to branch from has been dropped; branch from another")
        return held

    def _observed(self, image: OpenImage, run: Run) -> Observed:
        """What another run saw in this box, if possible behind these occluders, else a new look."""
        others = [held for held in self._runs.values() if held.image is image]
        wanted = run.box, run.changes.focal, run.keypoints
        runs = [held.run for held in others]
        looks = [(other.box, other.changes.focal, other.keypoints) for other in runs]
        seen = [h.observed for h, look in zip(others, looks, strict=True) if look == wanted]
        if not seen:
            focal, keypoints = run.changes.focal, run.keypoints
            return self._backend.observe(image.photo, run.box, image.people, focal, keypoints)
        return next((one for one in seen if one.scene.occluders == run.occluders), seen[0])
