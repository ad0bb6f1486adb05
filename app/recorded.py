"""Photos with more than pixels, as the worker opens them, and records of fits as it writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from app.protocol.backend import Kept, Observed
from app.protocol.run import RecordedRun
from core.body.regressed import load_start
from core.errors import UserError
from core.eval.subjects import Subject
from core.fit.observation import Observation
from core.fit.record import Bookmark, FitRecord, PhotoInfo, RunInfo
from core.fit.record import Run as RecordRun
from core.fit.recording import photo_info
from core.fit.sources import Environment, Sources
from core.fit.truth import Truth
from core.geometry.crop import Box, iou
from core.io.images import Photo


@dataclass(frozen=True)
class RecordedPhoto:
    """The photo of a record, with the record."""

    pixels: UInt8[np.ndarray, "height width 3"]
    record: FitRecord


AnyPhoto = Photo | RecordedPhoto | Subject
"""A photo, that of a record, or that of a person of a table (`core.eval.subjects`)."""
SAME_PERSON = 0.3
"""Overlap (intersection over union) from which two boxes are taken to be around one person."""


@dataclass(frozen=True)
class Recorded:
    """An observation of a record's photo, with the record of its fits."""

    observation: Observation
    record: FitRecord

    def run(self, number: int | None) -> RecordRun:
        """A run of the record, the newest without a number."""
        return self.record.runs[-1] if number is None else self.record.run(number)


def observation_of(observed: Observed) -> Observation:
    """The observation behind what the window knows."""
    handle: Observation | Recorded = observed.handle
    return handle.observation if isinstance(handle, Recorded) else handle


def truth_of(photo: AnyPhoto, observation: Observation, path: str = "") -> Truth | None:
    """The truth about the person an observation looks at; None if nothing is known.

    Args:
        path: of a file with the person's body; empty for what the photo brings along.

    Raises:
        UserError: the file cannot be read, or holds no body.
    """
    if path:
        height, width = observation.photo.shape[:2]
        size, focal = (width, height), observation.focal
        return Truth(body=load_start(Path(path), size, focal, observation.box))
    box, truth = _brought(photo)
    same = box is not None and iou(observation.box, box) >= SAME_PERSON
    return truth if same else None


def known_truth(photo: AnyPhoto, observation: Observation, path: str) -> Truth:
    """The same, where something must be known.

    Raises:
        UserError: nothing is.
    """
    truth = truth_of(photo, observation, path)
    if truth is None:
        raise UserError("nothing is known to be true of this person")
    return truth


def _brought(photo: AnyPhoto) -> tuple[Box | None, Truth | None]:
    """The box of the person whom a photo is about, and what it says is true of them."""
    match photo:
        case RecordedPhoto():
            return photo.record.photo.box, photo.record.truth
        case Subject():
            return photo.box, photo.truth
    return None, None


def recorded_runs(record: FitRecord) -> tuple[RecordedRun, ...]:
    """The runs of a record as messages carry them."""
    return tuple(
        RecordedRun(
            about.id,
            about.parent,
            about.at_step or 0,
            about.name,
            about.occluders,
            tuple((mark.step, mark.name) for mark in about.bookmarks),
        )
        for about in (run.info for run in record.runs)
    )


def write_record(
    path: Path,
    sources: Sources,
    photo: AnyPhoto,
    observed: Observed,
    runs: Sequence[Kept],
    methods: Sequence[str],
    truth: str = "",
) -> None:
    """Write runs of one observation.

    Args:
        methods: names of the runs' fitters.
        truth: file of the person's body; empty for what the photo brings along.

    Raises:
        UserError: the file cannot be written.
    """
    observation = observation_of(observed)
    if isinstance(photo, RecordedPhoto):
        info = replace(photo.record.photo, box=observation.box, focal=observation.focal)
    else:
        info = _described(photo, observation, runs[0].run.changes.focal is not None)
    written = tuple(_written(kept, method) for kept, method in zip(runs, methods, strict=True))
    FitRecord(
        photo=info,
        sources=sources,
        environment=Environment.here(written[0].info.schedule.render.backend),
        runs=written,
        pixels=observation.photo,
        keypoints=observation.keypoints,
        truth=truth_of(photo, observation, truth),
    ).save(path)


def _described(photo: Photo | Subject, observation: Observation, given: bool) -> PhotoInfo:
    """A photo as a record describes it.

    Args:
        given: the user has given a focal length.
    """
    if isinstance(photo, Subject):
        bare = Photo(photo.pixels, photo.focal, photo.name, photo.name)
        return photo_info(bare, observation, "given" if given or photo.focal else "diagonal")
    source = "given" if given else "exif" if photo.focal_px else "diagonal"
    return photo_info(photo, observation, source)


def _written(kept: Kept, method: str) -> RecordRun:
    """A run as a record describes it."""
    place, fit = kept.place, kept.fit.fit
    about = RunInfo(
        place.number,
        method,
        fit.schedule,
        fit.trace.candidates,
        place.parent,
        at_step=None if place.parent is None else place.at_step,
        name=place.name,
        occluders=place.occluders,
        moves=kept.fit.moves,
        wishes=kept.fit.wishes,
        bookmarks=tuple(Bookmark(step, name) for step, name in place.bookmarks),
    )
    return RecordRun(about, fit.trace)
