"""Between fits and their records: write one while it runs, and go on from one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from core.errors import UserError
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.observation import Observation
from core.fit.record import FitRecord, PhotoInfo, Run, RunInfo
from core.fit.sources import Environment, differences
from core.fit.trace import StepRecord
from core.geometry.keypoints import Keypoints
from core.io.images import Photo, is_sample
from core.io.pixels import digest

PERIOD = 2.0  # seconds between two states of a running fit on disk


def photo_info(photo: Photo, observation: Observation, focal_source: str) -> PhotoInfo:
    """What a record says of a photo."""
    height, width = observation.photo.shape[:2]
    return PhotoInfo(
        source=photo.source,
        path="" if is_sample(photo.source) else str(Path(photo.source).expanduser().resolve()),
        sha256=digest(observation.photo),
        size=(width, height),
        box=observation.box,
        focal=observation.focal,
        focal_source=focal_source,
    )


def new_record(
    engine: Engine,
    observation: Observation,
    fit: Fit,
    photo: PhotoInfo,
    method: str = "nbf",
    keypoints: Keypoints | None = None,
    seed: int = 0,
    pixels: bool = True,
) -> FitRecord:
    """A record of one run.

    Args:
        keypoints: joints in photo pixels that the user gave.
        pixels: False leaves the photo out of the file.
    """
    info = RunInfo(0, method, fit.schedule, fit.trace.candidates)
    return FitRecord(
        photo=photo,
        sources=engine.sources,
        environment=Environment.here(fit.schedule.render.backend),
        runs=(Run(info, fit.trace),),
        pixels=observation.photo if pixels else None,
        keypoints=keypoints,
        seed=seed,
    )


@dataclass
class Recorder:
    """Keeps the record of a running fit on disk, so that a killed fit can be resumed.

    Attributes:
        run: number of the run in the record.
    """

    path: Path
    record: FitRecord
    fit: Fit
    run: int = 0
    _saved: float = field(default_factory=time.monotonic)

    def start(self) -> None:
        """Write the record as it is."""
        self.record.save(self.path)

    def after(self, _step: StepRecord) -> None:
        """Write the record from time to time, and when the fit is done."""
        if self.fit.done or time.monotonic() - self._saved > PERIOD:
            info = self.record.run(self.run).info
            self.record = self.record.with_run(Run(info, self.fit.trace))
            self.record.save(self.path)
            self._saved = time.monotonic()


def engine_of(record: FitRecord) -> Engine:
    """The engine that a record was made with; `replay_notes` says what differs.

    Raises:
        UserError: a file that the record names is not there.
    """
    sources = record.sources
    for path in filter(None, sources.files):
        if not path.is_file():
            raise UserError(f"the record was made with {path}, which is not there")
    return Engine.load(sources.preset, *sources.files, detectors=sources.detectors)


def observe_again(engine: Engine, record: FitRecord) -> Observation:
    """The record's person, seen as then.

    Raises:
        UserError: the photo is not in the record, and not where it was.
    """
    photo = record.photo
    return engine.observe(record.photo_pixels(), photo.box, record.keypoints, photo.focal)


def resume_run(engine: Engine, observation: Observation, run: Run) -> Fit:
    """The fit of a run, ready to go on after its last step (or to begin, if it has none).

    Raises:
        UserError: its method or a term is not known here.
    """
    return engine.resume(observation, run.info.schedule, run.trace, run.info.method)


def branch(record: FitRecord, parent: int, at_step: int, name: str = "") -> Run:
    """A run that begins at a step of another one, with the same schedule.

    Raises:
        UserError: there is no such run or step.
    """
    run = record.run(parent)
    if not 0 <= at_step < len(run.trace):
        raise UserError(f"run {parent} has steps 0 to {len(run.trace) - 1}, not {at_step}")
    number = 1 + max(r.info.id for r in record.runs)
    info = replace(run.info, id=number, parent=parent, at_step=at_step, name=name)
    return Run(info, run.trace.upto(at_step + 1))


def replay_notes(engine: Engine, record: FitRecord, backend: str) -> list[str]:
    """What differs between the record and this engine; results may differ in the last bits."""
    now = engine.sources, Environment.here(backend)
    return differences((record.sources, record.environment), now)


def check_replay(recorded: StepRecord, again: StepRecord) -> str | None:
    """One line if a step evaluates to other numbers than the record says, None if not."""
    same = torch.equal(recorded.total, again.total) and all(
        torch.equal(value, again.terms[name]) for name, value in recorded.terms.items()
    )
    if same:
        return None
    then, now = float(recorded.total[0]), float(again.total[0])
    return f"step {recorded.step} has a total of {now:.7g} here and {then:.7g} in the record"
