"""Fit a body to the person in each photo, without a window.

Each photo gets a folder OUT/<name>/ with params.npz (pose, shape and place in the photo's camera),
trace.npz (every step), body.glb, panels.png, fit.mp4 and report.json.

Examples:
    nbf fit photo.jpg
    nbf fit a.jpg b.png --out runs
    nbf fit photo.jpg --bbox 120,40,200,460
    nbf fit photo.jpg --keypoints photo_keypoints.json --body SMPL_NEUTRAL.pkl
    nbf fit skimage:camera --json
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from core.commands._output import print_json

if TYPE_CHECKING:
    from core.body.params import BodyParams
    from core.fit.engine import Engine
    from core.geometry.crop import Box
    from core.io.images import Photo
    from core.io.keypoints import DetectedPerson
    from core.io.report import FitReport


@dataclass(frozen=True)
class Options:
    """Options of ``nbf fit``."""

    images: Annotated[tuple[str, ...], tyro.conf.Positional]
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
    body: Path | None = None
    """An SMPL model file (.pkl, .npz) instead of the embedded body."""
    prior: Path | None = None
    """A pose prior (VPoser checkpoint) instead of the shipped one."""
    weights: Path | None = None
    """A model of your own training instead of the shipped one."""
    preset: Literal["lite", "paper"] = "lite"
    """Network."""
    backend: Literal["auto", "torch", "cpu", "cuda"] = "auto"
    """Volume renderer; auto is the native one where it is built (see nbf doctor)."""
    seed: int = 0
    """Seed of everything random."""
    json: bool = False
    """Print the reports as JSON."""


def run(options: Options) -> int:
    """Fit all photos; bad input stops before any fit begins."""
    import torch

    from core.errors import NobodyFoundError, UserError
    from core.fit.engine import Engine
    from core.render.backends import choose_backend

    if not options.images:
        raise UserError("no photo given; try: nbf fit photo.jpg")
    if options.bbox and len(options.images) > 1:
        raise UserError("--bbox is for one photo; fit the photos one by one")
    torch.manual_seed(options.seed)
    backend = choose_backend(options.backend)
    tasks = _read(options)
    engine = Engine.load(options.preset, options.weights, options.body, options.prior)
    reports, failures = [], []
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
    return 0


@dataclass(frozen=True)
class _Task:
    """One photo, and what the options say about it."""

    photo: Photo
    box: Box | None
    person: DetectedPerson | None
    start: BodyParams | None
    folder: Path


def _read(options: Options) -> list[_Task]:
    """Everything that is to be read; two photos of one name get folders with numbers."""
    from core.body.params import BodyParams
    from core.errors import UserError
    from core.io.boxes import check_box, parse_box
    from core.io.images import load_image
    from core.io.keypoints import load_keypoints

    if options.focal is not None and not 1 <= options.focal < 1e6:
        raise UserError(f"focal length {options.focal} px makes no sense; give pixels, e.g. 1200")
    start = BodyParams.load(options.init).select(0) if options.init else None
    tasks, taken = [], set()
    for source in options.images:
        photo = load_image(source)
        box = check_box(parse_box(options.bbox), *photo.size) if options.bbox else None
        person = load_keypoints(options.keypoints, photo.name, box) if options.keypoints else None
        name, count = photo.name, 2
        while name in taken:
            name, count = f"{photo.name}-{count}", count + 1
        taken.add(name)
        tasks.append(_Task(photo, box, person, start, options.out / name))
    return tasks


def _fit(engine: Engine, task: _Task, backend: str, options: Options) -> FitReport:
    """One photo: look, solve with a progress bar, write."""
    from time import perf_counter

    from rich.console import Console
    from rich.progress import track

    from core.fit.frames import crop_from_photo
    from core.fit.result import Origin, save_result
    from core.fit.schedule import Schedule

    begin = perf_counter()
    photo, person = task.photo, task.person
    focal = options.focal or photo.focal_px
    source = "given" if options.focal else "exif" if photo.focal_px else "diagonal"
    warnings = [] if focal else ["focal length unknown: the photo's diagonal is taken"]
    box = task.box or (person.box if person else None)
    keypoints = person.keypoints if person else None
    observation = engine.observe(photo.pixels, box, keypoints, focal)
    start = task.start and crop_from_photo(task.start, observation.view, engine.volume)
    looked = perf_counter()
    solver = engine.solver(observation, Schedule.standard().with_backend(backend), start)
    console = Console(stderr=True, quiet=options.json)
    for _ in track(
        solver.run(), f"fitting {photo.name}", solver.schedule.steps + 1, console=console
    ):
        pass
    seconds = engine.seconds | {"look": looked - begin, "fit": perf_counter() - looked}
    origin = Origin(
        photo.source,
        source,
        options.preset,
        backend,
        options.seed,
        start is not None,
        tuple(warnings),
    )
    report = save_result(task.folder, engine, observation, solver, origin, seconds)
    if not options.json:
        occluded = f", {report.occluded_share:.0%} occluded" if report.occluded_share else ""
        print(
            f"{task.folder}  best step {report.best_step}{occluded}, {report.seconds['fit']:.1f} s"
        )
    return report
