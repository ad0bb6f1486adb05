"""Fit a body to the person in each photo, without a window.

Each photo gets a folder OUT/<name>/ with params.npz (pose, shape and translation in the photo's
camera), fit.nbf (every step, and all that is needed to open or resume the fit), body.glb,
panels.png, views.png (four lit views of the body), fit.mp4 and report.json. Exit code 1 if an
objective stopped being finite: the results are then those of the best step before.

Examples:
    nbf fit photo.jpg
    nbf fit a.jpg b.png --out runs
    nbf fit photo.jpg --bbox 120,40,200,460
    nbf fit photo.jpg --keypoints photo_keypoints.json --body SMPL_NEUTRAL.pkl
    nbf fit photo.jpg --weights prior=30 anchor=0
    nbf fit --resume out/photo/fit.nbf
    nbf fit skimage:camera --turntable --json
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from core.commands._checks import check_seed, check_threads
from core.commands._output import print_json

if TYPE_CHECKING:
    from core.body.params import BodyParams
    from core.fit.engine import Engine
    from core.fit.fitter import Fit
    from core.fit.observation import Observation
    from core.fit.recording import Recorder
    from core.fit.result import Origin
    from core.geometry.crop import Box
    from core.io.images import Photo
    from core.io.keypoints import DetectedPerson
    from core.io.report import FitReport


WITH_RESUME = ("resume", "backend", "turntable", "json")
"""Options that go together with ``--resume``."""


@dataclass(frozen=True)
class Options:
    """Options of ``nbf fit``."""

    images: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Photos; skimage:camera and the like are pictures of scikit-image."""
    out: Path = field(default_factory=lambda: Path("out"))
    """Folder for the results."""
    bbox: str | None = None
    """The person's box x,y,w,h in pixels of the photo (one photo only); found if not given."""
    focal: float | None = None
    """Focal length in pixels; from EXIF, else the photo's diagonal."""
    keypoints: Path | None = None
    """2D joints: OpenPose or COCO json; found if not given."""
    init: Path | None = None
    """Start from this params.npz instead of the network's guess."""
    resume: Path | None = None
    """Go on with the fit in this fit.nbf, as it was begun; results go to its folder."""
    body: Path | None = None
    """An SMPL, SMPL-H or SMPL-X file (.pkl, .npz) instead of the embedded body."""
    prior: Path | None = None
    """A pose prior (VPoser checkpoint) instead of the shipped one."""
    model: Path | None = None
    """A model of your own training instead of the shipped one."""
    preset: Literal["lite", "paper"] = "lite"
    """Network."""
    method: str = "nbf"
    """How to fit; nbf is 3D-aware neural body fitting."""
    weights: tuple[str, ...] = ()
    """Weights of terms in all stages, NAME=VALUE (nll, keypoints, joint_estimate, prior, ...)."""
    backend: Literal["auto", "torch", "cpu", "cuda"] = "auto"
    """Volume renderer; auto is the native one where it is built (see nbf doctor)."""
    threads: int = 0
    """Number of threads of PyTorch; 0 is PyTorch's default. The same bits need the same number."""
    leave_out_photo: bool = False
    """Do not put the photo's pixels into fit.nbf, only their digest and the photo's path."""
    seed: int = 0
    """Seed of everything random."""
    turntable: bool = False
    """Write turntable.mp4 too: once around the fitted body (takes longer than the fit)."""
    json: bool = False
    """Print the reports as JSON."""


def run(options: Options) -> int:
    """Fit all photos; bad input stops before any fit begins."""
    import torch

    from core.errors import NobodyFoundError, UserError
    from core.fit.engine import Engine
    from core.render.backends import choose_backend

    _check(options)
    torch.manual_seed(options.seed)
    if options.threads:
        torch.set_num_threads(options.threads)
    backend = choose_backend(options.backend)
    reports, failures = [], []
    if options.resume:
        reports.append(_resume(options.resume, options))
    else:
        tasks = _read(options)
        engine = Engine.load(options.preset, options.model, options.body, options.prior)
        for task in tasks:
            try:
                reports.append(_fit(engine, task, backend, options))
            except NobodyFoundError as error:  # the other photos are fitted all the same
                failures.append(f"{task.photo.source}: {error}")
    if options.json:
        import dataclasses

        print_json([dataclasses.asdict(report) for report in reports])
    if failures:
        raise UserError("; ".join(failures))
    return 0 if all(report.finite for report in reports) else 1


def _check(options: Options) -> None:
    """Refuse options that contradict each other, and names that do not exist."""
    from core.errors import UserError
    from core.fit.fitter import FITTERS
    from core.fit.schedule import parse_weights
    from core.io.boxes import check_focal

    if options.resume and (fixed := _fixed_options(options)):
        raise UserError(f"--resume goes on with the fit as it was begun: leave out {fixed}")
    if not options.images and not options.resume:
        raise UserError("no photo given; try: nbf fit photo.jpg")
    if options.bbox and len(options.images) > 1:
        raise UserError("--bbox is for one photo; fit the photos one by one")
    if options.focal is not None:
        check_focal(options.focal)
    FITTERS.get(options.method)
    check_threads(options.threads)
    check_seed(options.seed)
    parse_weights(options.weights)


def _fixed_options(options: Options) -> str:
    """The given options that a fit can only be begun with."""
    standard = Options()
    names = [f.name for f in fields(options) if f.name not in WITH_RESUME]
    given = [name for name in names if getattr(options, name) != getattr(standard, name)]
    return ", ".join("photos" if n == "images" else f"--{n.replace('_', '-')}" for n in given)


@dataclass(frozen=True)
class _Task:
    """One photo, and the options that concern it."""

    photo: Photo
    box: Box | None
    person: DetectedPerson | None
    start: BodyParams | None
    folder: Path


def _read(options: Options) -> list[_Task]:
    """Everything that is to be read; two photos of one name get folders with numbers."""
    from core.body.params import BodyParams
    from core.io.boxes import check_box, parse_box
    from core.io.images import load_image
    from core.io.keypoints import load_keypoints

    start = BodyParams.load(options.init).select(0) if options.init else None
    tasks, taken = [], set()
    for source in options.images:
        photo = load_image(source)
        box = check_box(parse_box(options.bbox), *photo.size) if options.bbox else None
        person = None
        if options.keypoints:
            several = len(options.images) > 1
            person = load_keypoints(options.keypoints, photo.name, box, photo.size, several)
        stem = photo.name if photo.name.strip(".") else "photo"  # "...png" has the stem ".."
        name, count = stem, 2
        while name in taken:
            name, count = f"{stem}-{count}", count + 1
        taken.add(name)
        tasks.append(_Task(photo, box, person, start, options.out / name))
    return tasks


def _fit(engine: Engine, task: _Task, backend: str, options: Options) -> FitReport:
    """One photo: observe it, fit, and write the results."""
    from time import perf_counter

    from core.fit.frames import crop_from_photo
    from core.fit.recording import Recorder, new_record, photo_info
    from core.fit.result import Origin
    from core.fit.result_files import RECORD
    from core.fit.schedule import Schedule, parse_weights

    begin = perf_counter()
    photo, person = task.photo, task.person
    focal = options.focal or photo.focal_px
    source = "given" if options.focal else "exif" if photo.focal_px else "diagonal"
    warnings = [] if focal else ["focal length unknown: the photo's diagonal is taken"]
    box = task.box or (person.box if person else None)
    keypoints = person.keypoints if person else None
    observation = engine.observe(photo.pixels, box, keypoints, focal)
    given = task.start
    start = None if given is None else crop_from_photo(given, observation.view, engine.volume)
    looked = perf_counter() - begin
    schedule = Schedule.standard().with_backend(backend)
    schedule = schedule.with_weights(**parse_weights(options.weights))
    fit = engine.begin(observation, schedule, start, options.method)
    info = photo_info(photo, observation, source)
    record = new_record(
        engine,
        observation,
        fit,
        info,
        method=options.method,
        seed=options.seed,
        pixels=not options.leave_out_photo,
    )
    recorder = Recorder(task.folder / RECORD, record, fit)
    recorder.start()
    origin = Origin(photo.source, source, options.preset, backend, options.seed, tuple(warnings))
    return _finish(engine, observation, recorder, origin, options, looked)


def _resume(path: Path, options: Options) -> FitReport:
    """Go on with the newest run of a record."""
    import torch

    from core.fit.record import FitRecord
    from core.fit.recording import (
        Recorder,
        check_replay,
        engine_of,
        observe_again,
        on_this_machine,
        replay_notes,
        resume_run,
    )
    from core.fit.result import Origin

    record = FitRecord.load(path)
    torch.manual_seed(record.seed)
    newest = on_this_machine(record.runs[-1], options.backend)
    record = record.with_run(newest)
    engine = engine_of(record)
    backend = newest.info.schedule.render.backend
    warnings = replay_notes(engine, record, backend)
    observation = observe_again(engine, record)
    fit = resume_run(engine, observation, newest)
    recorder = Recorder(path, record, fit, newest.info.id)
    recorder.start()
    # The step that a branch begins at is another run's: its schedule may have been another.
    if len(newest.trace) > (newest.info.at_step or 0) + (newest.info.parent is not None):
        difference = check_replay(newest.trace.records[-1], fit.step())
        warnings += [difference] if difference else []
    for line in warnings:
        print(f"nbf: {path}: {line}", file=sys.stderr)
    photo, seed = record.photo, record.seed
    origin = Origin(
        photo.source, photo.focal_source, record.sources.preset, backend, seed, tuple(warnings)
    )
    return _finish(engine, observation, recorder, origin, options)


def _finish(
    engine: Engine,
    observation: Observation,
    recorder: Recorder,
    origin: Origin,
    options: Options,
    looked: float = 0.0,
) -> FitReport:
    """Take the remaining steps, and write the results beside the record."""
    from core.fit.result import save_result

    folder = recorder.path.parent
    try:
        seconds = engine.seconds | {"look": looked, "fit": _take_steps(recorder, options.json)}
        if warning := _failure(recorder.fit):
            print(f"nbf: {folder}: {warning}", file=sys.stderr)
            origin = replace(origin, warnings=(*origin.warnings, warning))
        report = save_result(
            folder, engine, observation, recorder.fit, origin, seconds, options.turntable
        )
    except KeyboardInterrupt:
        recorder.save()
        print(f"nbf: to go on: nbf fit --resume {quote(str(recorder.path))}", file=sys.stderr)
        raise
    if not options.json:
        occluded = f", {report.occluded_share:.0%} occluded" if report.occluded_share else ""
        print(f"{folder}  best step {report.best_step}{occluded}, {report.seconds['fit']:.1f} s")
    return report


def _take_steps(recorder: Recorder, quiet: bool) -> float:
    """All remaining steps with a progress bar, each kept in the record; the seconds it took."""
    from time import perf_counter

    from rich.console import Console
    from rich.progress import Progress

    begin, fit = perf_counter(), recorder.fit
    name, total = recorder.path.resolve().parent.name, fit.schedule.steps + 1
    with Progress(console=Console(stderr=True, quiet=quiet)) as progress:
        task = progress.add_task(f"fitting {name}", total=total, completed=len(fit.trace))
        while not fit.done:
            recorder.after(fit.step())
            progress.update(task, completed=len(fit.trace))
    recorder.save()
    return perf_counter() - begin


def _failure(fit: Fit) -> str:
    """One line if the fit ended without a finite objective, else nothing."""
    if bool(fit.trace.records[-1].total.isfinite()):
        return ""
    return f"{fit.reason}; the results are those of the best step before"
