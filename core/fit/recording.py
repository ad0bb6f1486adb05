"""Between fits and their records: write one while it runs, and go on from one."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from core.errors import UserError
from core.fit.branch import cut
from core.fit.by_hand import with_wishes
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.observation import Observation
from core.fit.record import FitRecord, PhotoInfo, Run, RunInfo
from core.fit.schedule import Schedule
from core.fit.sources import Environment, differences
from core.fit.trace import StepRecord
from core.io.images import Photo, is_sample
from core.io.pixels import digest
from core.occlusion.occluder import Occluders
from core.render.backends import choose_backend

PERIOD = 2.0  # seconds between two states of a running fit on disk
SHARE = 0.05  # of the time may go into writing them: compressing a large photo takes a second


def photo_info(photo: Photo, observation: Observation, focal_source: str) -> PhotoInfo:
    """The description of a photo in a record."""
    height, width = observation.photo.shape[:2]
    path = Path(photo.source).expanduser()
    is_file = not is_sample(photo.source) and path.is_file()
    return PhotoInfo(
        source=photo.source,
        path=str(path.resolve()) if is_file else "",
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
    seed: int = 0,
    pixels: bool = True,
) -> FitRecord:
    """A record of one run.

    Args:
        pixels: False leaves the photo out of the file.
    """
    trace, occluders = fit.trace, observation.occluders
    info = RunInfo(0, method, fit.schedule, trace.candidates, occluders=occluders)
    return FitRecord(
        photo=photo,
        sources=engine.sources,
        environment=Environment.here(fit.schedule.render.backend),
        runs=(Run(info, trace),),
        pixels=observation.photo if pixels else None,
        keypoints=observation.keypoints,
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
    _due: float = 0.0

    def start(self) -> None:
        """Write the record as it is.

        Raises:
            UserError: the folder cannot be written to.
        """
        self._write()

    def after(self, _step: StepRecord) -> None:
        """Write the record from time to time."""
        if time.monotonic() >= self._due:
            self.save()

    def save(self) -> None:
        """Write the record with all steps so far."""
        info = self.record.run(self.run).info
        self.record = self.record.with_run(Run(info, self.fit.trace))
        self._write()

    def _write(self) -> None:
        begin = time.monotonic()
        self.record.save(self.path)
        end = time.monotonic()
        self._due = end + max(PERIOD, (end - begin) / SHARE)


def engine_of(record: FitRecord) -> Engine:
    """The engine that a record was made with; `replay_notes` lists what differs.

    A record of the shipped network gets the one that ships now, even of another preset.

    Raises:
        UserError: a file that the record names is not there.
    """
    sources = record.sources
    for path in filter(None, sources.files):
        if not path.is_file():
            raise UserError(f"the record was made with {path}, which is missing; put it back")
    preset = sources.preset if sources.model else None
    return Engine.load(preset, *sources.files, detectors=sources.detectors)


def observe_again(
    engine: Engine, record: FitRecord, occluders: Occluders | None = None
) -> Observation:
    """The record's person, seen as then.

    Args:
        occluders: those of a run; by default of the newest.

    Raises:
        UserError: the photo is not in the record, and not where it was.
    """
    photo = record.photo
    return engine.observe(
        record.photo_pixels(),
        photo.box,
        record.keypoints,
        photo.focal,
        occluders=record.runs[-1].info.occluders if occluders is None else occluders,
    )


def on_this_machine(run: Run, backend: str = "auto") -> Run:
    """The run with a renderer that is built here.

    Args:
        backend: the renderer; with "auto" the run keeps its own, if that is built here.

    Raises:
        UserError: the named backend is not built here.
    """
    if backend == "auto":
        with contextlib.suppress(UserError):
            backend = choose_backend(run.info.schedule.render.backend)
    schedule = run.info.schedule.with_backend(choose_backend(backend))
    return replace(run, info=replace(run.info, schedule=schedule))


def resume_run(engine: Engine, observation: Observation, run: Run) -> Fit:
    """The fit of a run, ready to go on after its last step (or to begin, if it has none).

    Its renderer is that of `on_this_machine`.

    Raises:
        UserError: there is no such method here.
    """
    run = on_this_machine(run)
    observation = with_wishes(observation, run.info.wishes)
    return engine.resume(observation, run.info.schedule, run.trace, run.info.method)


def branch(
    record: FitRecord, parent: int, at_step: int, name: str = "", schedule: Schedule | None = None
) -> Run:
    """A run that begins at a step of another one.

    Args:
        schedule: that of the other run by default; see `core.fit.branch.cut`.

    Raises:
        UserError: there is no such run or step.
    """
    run = record.run(parent)
    before = run.info.schedule
    after = schedule or before
    number = 1 + max(r.info.id for r in record.runs)
    info = replace(run.info, id=number, parent=parent, at_step=at_step, name=name)
    info = replace(info, schedule=after, moves=())
    return Run(info, cut(run.trace, at_step, before, after))


def replay_notes(engine: Engine, record: FitRecord, backend: str) -> list[str]:
    """What differs between the record and this engine; results may differ in the last bits.

    Raises:
        UserError: the backend is not built here.
    """
    now = engine.sources, Environment.here(backend)
    return differences((record.sources, record.environment), now)


def check_replay(recorded: StepRecord, again: StepRecord) -> str | None:
    """One line if a step evaluates to other numbers than the record says, None if not."""
    if _same(recorded.total, again.total) and all(
        _same(value, again.terms[name]) for name, value in recorded.terms.items()
    ):
        return None
    then, now = float(recorded.total[0]), float(again.total[0])
    return f"step {recorded.step} has a total of {now:.7g} here and {then:.7g} in the record"


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether all values are equal; NaN equals NaN."""
    return bool(((one == other) | (one.isnan() & other.isnan())).all())
