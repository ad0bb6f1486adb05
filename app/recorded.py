"""Records of fits (fit.nbf) as the worker reads and writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from app.protocol.backend import Kept, Observed
from app.protocol.run import RecordedRun
from core.fit.observation import Observation
from core.fit.record import Bookmark, FitRecord, RunInfo
from core.fit.record import Run as RecordRun
from core.fit.recording import photo_info
from core.fit.sources import Environment, Sources
from core.io.images import Photo


@dataclass(frozen=True)
class RecordedPhoto:
    """The photo of a record, with the record."""

    pixels: UInt8[np.ndarray, "height width 3"]
    record: FitRecord


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
    photo: Photo | RecordedPhoto,
    observed: Observed,
    runs: Sequence[Kept],
    methods: Sequence[str],
) -> None:
    """Write runs of one observation.

    Args:
        methods: names of the runs' fitters.

    Raises:
        UserError: the file cannot be written.
    """
    observation = observation_of(observed)
    if isinstance(photo, RecordedPhoto):
        info = replace(photo.record.photo, box=observation.box, focal=observation.focal)
    else:
        given = runs[0].run.changes.focal is not None
        source = "given" if given else "exif" if photo.focal_px else "diagonal"
        info = photo_info(photo, observation, source)
    written = tuple(_written(kept, method) for kept, method in zip(runs, methods, strict=True))
    FitRecord(
        photo=info,
        sources=sources,
        environment=Environment.here(written[0].info.schedule.render.backend),
        runs=written,
        pixels=observation.photo,
        keypoints=observation.keypoints,
    ).save(path)


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
