"""Fit a body to the person in each photo, without a window.

Each photo gets a folder OUT/<name>/ with params.npz (pose, shape and translation in the photo's
camera), fit.nbf (every step, and all that is needed to open or resume the fit), body.glb,
panels.png, views.png (four lit views of the body), fit.mp4 and report.json; with --occluders also
occlusion.png. The folder appears when all of them are there; until then they are in
OUT/.<name>.unfinished/: --resume goes on from there.
A photo that fails does not stop the others: the exit code is 1 then, and 2 if all fail. It is 1,
too, if an objective stopped being finite: the results are those of the best step before.

Examples:
    nbf fit photo.jpg
    nbf fit a.jpg b.png --out runs
    nbf fit photo.jpg --bbox 120,40,200,460
    nbf fit photo.jpg --keypoints photo_keypoints.json --body SMPL_NEUTRAL.pkl
    nbf fit photo.jpg --weights prior=30 anchor=0
    nbf fit photo.jpg --occluders set.json
    nbf fit --resume out/.photo.unfinished/fit.nbf
    nbf fit skimage:camera --turntable --json
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from core.commands._checks import check_seed
from core.commands._output import print_json
from core.commands._photos import Failed, folder_names
from core.commands._threads import Threads
from core.io.files import printable
from core.processes import age

if TYPE_CHECKING:
    from core.body.params import BodyParams
    from core.fit.engine import Engine
    from core.fit.film import Film
    from core.fit.fitter import Fit
    from core.fit.observation import Observation
    from core.fit.recording import Recorder
    from core.fit.result import Origin
    from core.geometry.crop import Box
    from core.io.images import Photo
    from core.io.keypoints import DetectedPerson
    from core.io.report import FitReport
    from core.occlusion.occluder import Occluders


WITH_RESUME = ("resume", "backend", "turntable", "animation", "json")
"""Options that go together with ``--resume``."""
ROOM = 4 << 20
"""Bytes of results besides the photo, which the record holds."""


@dataclass(frozen=True)
class Options:
    """Options of ``nbf fit``."""

    images: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Photos; skimage:camera and the like are pictures of scikit-image."""
    out: Path = field(default_factory=lambda: Path("out"))
    """Folder for the results."""
    bbox: str | None = None
    """The person's box x,y,w,h in pixels of the photo (one photo only); found if not given."""
    at: str | None = None
    """A pixel x,y that shows the person who is meant, in place of a box (one photo only)."""
    focal: float | None = None
    """Focal length in pixels; from EXIF, else the photo's diagonal."""
    keypoints: Path | None = None
    """2D joints: OpenPose or COCO json; found if not given."""
    occluders: Path | None = None
    """Put these occluders (a JSON file, docs/occluders.md) before the photo, and say in the report
    how well the fit finds them."""
    init: Path | None = None
    """Start from this npz instead of the network's guess: params.npz of nbf fit, or the arrays of
    4D-Humans, PARE, SPIN, CameraHMR (core/body/regressed.py)."""
    resume: Path | None = None
    """Go on with the fit in this fit.nbf, as it was begun; results go to its folder."""
    body: Path | None = None
    """An SMPL, SMPL-H or SMPL-X file (.pkl, .npz) instead of the embedded body."""
    prior: Path | None = None
    """A pose prior (VPoser checkpoint) instead of the shipped one."""
    model: Path | None = None
    """A model of your own training instead of the shipped one."""
    preset: Literal["frozen", "lite", "paper"] | None = None
    """Network; by default that of --model, or the shipped one."""
    detector: tuple[str, ...] = ("fused",)
    """What finds the person's points: fused (three networks), blazepose, or of a package."""
    method: str = "nbf"
    """How to fit; nbf is 3D-aware neural body fitting."""
    weights: tuple[str, ...] = ()
    """Weights of terms in all stages, NAME=VALUE (nll, keypoints, joint_estimate, prior, ...)."""
    backend: Literal["auto", "torch", "cpu", "cuda"] = "auto"
    """Volume renderer; auto is the native one where it is built (see nbf doctor)."""
    threads: Threads = 0
    leave_out_photo: bool = False
    """Do not put the photo's pixels into fit.nbf, only their digest and the photo's path."""
    seed: int = 0
    """Seed of everything random."""
    turntable: bool = False
    """Write turntable.mp4 too: once around the fitted body (takes longer than the fit)."""
    animation: bool = False
    """Write animation.glb too: a body with skeleton and skin that goes through the fit's steps."""
    json: bool = False
    """Print the reports as JSON."""


def run(options: Options) -> int:
    """Fit all photos, each by itself: one that fails does not stop the others.

    Returns:
        0 if all were fitted, 2 if none was, 1 if some failed.
    """
    from core.render.backends import choose_backend

    _check(options)
    backend = choose_backend(options.backend)
    outcomes: list[FitReport | Failed] = []
    try:
        if options.resume:
            outcomes.append(_resume(options.resume, options))
        else:
            _fit_all(outcomes, backend, options)
    finally:  # an interrupt does not lose those that are done
        if options.json and outcomes:
            print_json([asdict(outcome) for outcome in outcomes])
    failed = [outcome.image for outcome in outcomes if isinstance(outcome, Failed)]
    if failed and len(outcomes) > 1:
        print(
            f"nbf: {len(failed)} of {len(outcomes)} photos failed: {', '.join(failed)}",
            file=sys.stderr,
        )
    if outcomes and len(failed) == len(outcomes):
        return 2
    return 0 if all(not isinstance(o, Failed) and o.finite for o in outcomes) else 1


def _fit_all(outcomes: list[FitReport | Failed], backend: str, options: Options) -> None:
    """Read and fit one photo after the other."""
    from core.errors import UserError
    from core.io.atomic import check_folder

    check_folder(options.out, ROOM)
    engine = None
    for task in _tasks(outcomes, options):
        if engine is None:
            engine = _engine(options)
        try:
            outcomes.append(_fit(engine, task, backend, options))
        except UserError as error:
            outcomes.append(Failed.of(task.source, error))


def _engine(options: Options) -> Engine:
    """The engine with the files and detectors of the options."""
    from core.fit.engine import Engine

    files = options.model, options.body, options.prior
    started = age()
    engine = Engine.load(options.preset, *files, detectors=options.detector)
    engine.seconds["start"] = started
    return engine


def _check(options: Options) -> None:
    """Refuse options that contradict each other, and names that do not exist."""
    from core.errors import UserError
    from core.fit.detector import DETECTORS
    from core.fit.fitter import FITTERS
    from core.fit.schedule import parse_weights
    from core.io.boxes import check_focal

    if options.resume and (fixed := _fixed_options(options)):
        raise UserError(f"--resume goes on with the fit as it was begun: leave out {fixed}")
    if not options.images and not options.resume:
        raise UserError("no photo given; try: nbf fit photo.jpg")
    for name, given in (("--bbox", options.bbox), ("--at", options.at)):
        if given and len(options.images) > 1:
            raise UserError(f"{name} is for one photo; fit the photos one by one")
    if options.at and (options.bbox or options.keypoints):
        other = "--bbox" if options.bbox else "--keypoints"
        raise UserError(f"--at and {other} both say who is meant; leave one out")
    if options.focal is not None:
        check_focal(options.focal)
    FITTERS.get(options.method)
    for name in options.detector:
        DETECTORS.get(name)
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

    source: str
    photo: Photo
    box: Box | None
    at: tuple[float, float] | None
    person: DetectedPerson | None
    start: BodyParams | None
    occluders: Occluders
    folder: Path


def _tasks(outcomes: list[FitReport | Failed], options: Options) -> Iterator[_Task]:
    """The photos that can be read, each when it is asked for; the others are failures."""
    from core.body.regressed import load_start
    from core.errors import UserError
    from core.geometry.crop import default_focal
    from core.io.boxes import check_box, check_place, parse_box, parse_place
    from core.io.images import load_image
    from core.io.keypoints import load_keypoints
    from core.occlusion.files import load_occluders

    occluders = load_occluders(options.occluders) if options.occluders else ()
    for source, name in zip(options.images, folder_names(options.images), strict=True):
        try:
            photo = load_image(source)
            box = check_box(parse_box(options.bbox), *photo.size) if options.bbox else None
            at = check_place(parse_place(options.at), *photo.size) if options.at else None
            person = None
            if options.keypoints:
                several = len(options.images) > 1
                person = load_keypoints(options.keypoints, photo.name, box, photo.size, several)
            start = None
            if options.init:
                focal = options.focal or photo.focal_px or default_focal(*photo.size)
                start = load_start(options.init, photo.size, focal, box)
        except UserError as error:
            outcomes.append(Failed.of(source, error))
            continue
        yield _Task(source, photo, box, at, person, start, occluders, options.out / name)


def _fit(engine: Engine, task: _Task, backend: str, options: Options) -> FitReport:
    """One photo: observe it, fit, and write the results."""
    from time import perf_counter

    import torch

    from core.fit.frames import crop_from_photo
    from core.fit.recording import Recorder, new_record, photo_info
    from core.fit.result import Origin
    from core.fit.result_files import RECORD, RESULTS
    from core.fit.schedule import Schedule, parse_weights
    from core.io.atomic import check_folder
    from core.io.folders import whole_folder

    begin = perf_counter()
    check_folder(task.folder, ROOM)
    torch.manual_seed(options.seed)  # for each anew: no photo depends on those before it
    photo, person = task.photo, task.person
    focal = options.focal or photo.focal_px
    source = "given" if options.focal else "exif" if photo.focal_px else "diagonal"
    warnings = [] if focal else ["focal length unknown: the photo's diagonal is taken"]
    box = task.box or (person.box if person else None)
    keypoints = person.keypoints if person else None
    observation = engine.observe(photo.pixels, box, keypoints, focal, task.at, task.occluders)
    given = task.start
    start = None if given is None else crop_from_photo(given, observation.view, engine.volume)
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
    used = () if keypoints else engine.sources.detectors
    origin = Origin(
        photo.source, source, engine.sources.preset, backend, options.seed, tuple(warnings), used
    )
    with whole_folder(task.folder, (RECORD, *RESULTS), kept=(RECORD,)) as folder:
        recorder = Recorder(folder / RECORD, record, fit)
        recorder.start()
        looked = perf_counter() - begin
        report = _finish(engine, observation, recorder, origin, options, looked)
    _say(report, task.folder, options)
    return report


def _resume(path: Path, options: Options) -> FitReport:
    """Go on with the newest run of a record."""
    from time import perf_counter

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
    from core.fit.result_files import RESULTS
    from core.io.folders import finished, whole_folder

    record = FitRecord.load(path)
    torch.manual_seed(record.seed)
    newest = on_this_machine(record.runs[-1], options.backend)
    record = record.with_run(newest)
    started = age()
    engine = engine_of(record)
    engine.seconds["start"] = started
    begin = perf_counter()
    backend = newest.info.schedule.render.backend
    warnings = replay_notes(engine, record, backend)
    observation = observe_again(engine, record)
    fit = resume_run(engine, observation, newest)
    photo, seed = record.photo, record.seed
    home = finished(path.absolute().parent)
    with whole_folder(home, (path.name, *RESULTS), kept=(path.name,)) as folder:
        recorder = Recorder(folder / path.name, record, fit, newest.info.id)
        recorder.start()
        # The step that a branch begins at is another run's: its schedule may have been another.
        if len(newest.trace) > (newest.info.at_step or 0) + (newest.info.parent is not None):
            difference = check_replay(newest.trace.records[-1], fit.step())
            warnings += [difference] if difference else []
        for line in warnings:
            print(f"nbf: {printable(path)}: {line}", file=sys.stderr)
        origin = Origin(
            photo.source,
            photo.focal_source,
            record.sources.preset,
            backend,
            seed,
            tuple(warnings),
            () if record.keypoints else record.sources.detectors,
        )
        looked = perf_counter() - begin
        report = _finish(engine, observation, recorder, origin, options, looked)
    _say(report, home, options)
    return report


def _finish(
    engine: Engine,
    observation: Observation,
    recorder: Recorder,
    origin: Origin,
    options: Options,
    looked: float,
) -> FitReport:
    """Take the remaining steps, and write the results beside the record."""
    from time import perf_counter

    begin = perf_counter()  # imports take time, too
    from core.errors import UserError
    from core.fit.film import Film
    from core.fit.misfit import doubt
    from core.fit.result import save_result
    from core.fit.sheet import Sheet
    from core.io.folders import finished

    folder = recorder.path.parent
    resume = f"nbf fit --resume {quote(str(recorder.path))}"
    name = printable(finished(folder))
    try:
        with Film(Sheet.of(engine, observation, recorder.fit)) as film:
            _take_steps(recorder, film, options.json)
            seconds = {"start": 0.0} | engine.seconds  # in the order of time
            seconds |= {"look": looked, "fit": perf_counter() - begin}
            doubtful = doubt(recorder.fit, observation.problem, engine.model)
            for warning in filter(None, (_failure(recorder.fit), doubtful)):
                print(f"nbf: {name}: {warning}", file=sys.stderr)
                origin = replace(origin, warnings=(*origin.warnings, warning))
            also = options.turntable, options.animation
            return save_result(
                folder, engine, observation, recorder.fit, film, origin, seconds, *also
            )
    except KeyboardInterrupt:
        recorder.save()
        print(f"nbf: to go on: {resume}", file=sys.stderr)
        raise
    except UserError as error:
        raise UserError(f"{error}; then go on with: {resume}") from error


def _say(report: FitReport, folder: Path, options: Options) -> None:
    """One line for a person, and one if a good part of the body is not seen."""
    from core.body.unseen import unseen_words

    if not options.json:
        occluded = f", {report.occluded_share:.0%} occluded" if report.occluded_share else ""
        if report.z_iou is not None:
            occluded += f", occluders found with an IoU of {report.z_iou:.2f}"
        seconds = f"{report.seconds['fit']:.1f} s"
        lines = [f"{printable(folder)}  best step {report.best_step}{occluded}, {seconds}"]
        unseen = unseen_words(name for name, joint in report.joints.items() if not joint.seen)
        print("\n    ".join(filter(None, [*lines, unseen])), flush=True)


def _take_steps(recorder: Recorder, film: Film, quiet: bool) -> None:
    """All remaining steps with a progress bar, each recorded and filmed."""
    from rich.console import Console
    from rich.progress import Progress

    from core.io.folders import finished

    fit = recorder.fit
    name, total = finished(recorder.path.parent).name, fit.schedule.steps + 1
    with Progress(console=Console(stderr=True, quiet=quiet)) as progress:
        task = progress.add_task(f"fitting {name}", total=total, completed=len(fit.trace))
        while not fit.done:
            record = fit.step()
            recorder.after(record)
            film.after(record)
            progress.update(task, completed=len(fit.trace))
    recorder.save()


def _failure(fit: Fit) -> str:
    """One line if the fit ended without a finite objective, else nothing."""
    if bool(fit.trace.records[-1].total.isfinite()):
        return ""
    return f"{fit.reason}; the results are those of the best step before"
