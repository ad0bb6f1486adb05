"""The results of a finished fit: parameters, mesh, pictures, film and report."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.body.params import BodyParams
from core.body.unseen import unseen_words
from core.fit.animation import save_animation
from core.fit.engine import Engine
from core.fit.film import RATE, Film
from core.fit.fitter import Fit
from core.fit.frames import photo_from_crop
from core.fit.observation import Observation
from core.fit.pictures import StepMaps
from core.fit.sheet import LONGEST_SIDE, TILE
from core.io.images import save_image
from core.io.mesh import save_glb
from core.io.report import FitReport, JointReport, TermLoss
from core.io.video import save_video
from core.pictures.fitted_scene import FittedScene
from core.pictures.panels import shrink
from core.pictures.presentation import draw_views
from core.pictures.turntable import draw_turntable
from core.pictures.viewpoints import pitch
from core.render.shade.render import vertex_normals


@dataclass(frozen=True)
class Origin:
    """Where a fit came from, for its report; the fields are those of `FitReport`."""

    image: str
    focal_source: str
    preset: str
    backend: str
    seed: int
    warnings: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()


def save_result(
    folder: Path,
    engine: Engine,
    observation: Observation,
    fit: Fit,
    film: Film,
    origin: Origin,
    seconds: dict[str, float],
    turntable: bool = False,
    animation: bool = False,
) -> FitReport:
    """Write the `RESULTS` of one fit of one person into ``folder``, the report last.

    Where turntable.mp4 is wanted and cannot be drawn, a warning in the report says why.

    Args:
        film: of this fit.
        seconds: wall time by phase so far; the time of writing is added.
        turntable: write turntable.mp4 too.
        animation: write animation.glb too, see `core.fit.animation`.
    """
    begin = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    best = int(fit.trace.best_steps()[0])
    title = f"{Path(origin.image).name}: best step {best} of {fit.schedule.steps}"
    scene = fitted_scene(engine, observation, fit)
    with ThreadPoolExecutor(1, "views") as beside:
        views = beside.submit(lambda: save_image(folder / "views.png", draw_views(scene, title)))
        params = fit.trace.params(best, engine.volume)
        params = photo_from_crop(params, observation.view, engine.volume)
        params.save(folder / "params.npz")
        _save_surface(folder / "body.glb", engine.vertices(params)[0].numpy(), scene.faces)
        look = film.sheet.look(best, max(TILE))
        save_image(folder / "panels.png", film.sheet.draw(best, title, TILE, look))
        save_video(folder / "fit.mp4", film.frames(best), RATE)
        if look.maps.found is not None:
            save_image(folder / "occlusion.png", film.sheet.occlusion(look, title))
        views.result()
    if animation:
        save_animation(folder / "animation.glb", engine, observation, fit.trace, best)
    if turntable:
        with tempfile.TemporaryDirectory(prefix=".figure-", dir=folder) as beside_it:
            figure = Path(beside_it, "figure.glb")
            _save_surface(figure, scene.vertices, scene.faces)
            around = draw_turntable(figure, folder / "turntable.mp4", pitch(scene))
        origin = replace(origin, warnings=(*origin.warnings, *filter(None, [around])))
    seconds = seconds | {"write": time.perf_counter() - begin}
    report = make_report(observation, fit, origin, look.maps, seconds)
    report.save(folder / "report.json")
    return report


def _save_surface(path: Path, vertices: np.ndarray, faces: np.ndarray) -> None:
    """Write a GLB with smooth normals."""
    save_glb(path, vertices, vertex_normals(vertices, faces), faces)


def fitted_scene(engine: Engine, observation: Observation, fit: Fit) -> FittedScene:
    """The best step and the first one in the photo's camera frame, for presentation pictures."""
    trace, volume = fit.trace, engine.volume
    steps = [trace.params(step, volume) for step in (int(trace.best_steps()[0]), 0)]
    both = photo_from_crop(BodyParams.stack(steps), observation.view, volume)
    posed = engine.figures(both)
    photo = shrink(observation.seen, LONGEST_SIDE)
    return FittedScene(
        vertices=posed.vertices[0].numpy(),
        start=posed.vertices[1].numpy(),
        joints=posed.joints[0].numpy(),
        faces=engine.body.faces.numpy().astype(np.int32),
        photo=photo,
        focal=observation.focal_in(photo),
    )


def make_report(
    observation: Observation,
    fit: Fit,
    origin: Origin,
    maps: StepMaps,
    seconds: dict[str, float],
) -> FitReport:
    """The report of one fit of one person."""
    trace = fit.trace
    best = int(trace.best_steps()[0])
    names = [*trace.terms, "total"]
    at = {name: trace.losses(name)[[0, best, -1], 0] for name in names}
    found = maps.found
    tried, scores = trace.candidates, trace.scores[:, 0].tolist()
    height, width = observation.photo.shape[:2]
    unseen = unseen_words([j.joint for j in maps.joints if not j.seen])
    return FitReport(
        image=origin.image,
        image_size=(width, height),
        box=observation.box,
        focal_px=float(observation.focal),
        focal_source=origin.focal_source,
        preset=origin.preset,
        backend=origin.backend,
        seed=origin.seed,
        steps=len(trace) - 1,
        best_step=best,
        reason=fit.reason,
        seconds={name: round(value, 3) for name, value in seconds.items()},
        loss={name: TermLoss(*map(_finite, values)) for name, values in at.items()},
        initialisation=tried[int(trace.winner[0])],
        start_objective={n: _finite(v) for n, v in zip(tried, scores, strict=True)},
        detectors=list(origin.detectors),
        occluded_share=maps.occluded_share if maps.covers else None,
        warnings=[*origin.warnings, *filter(None, [unseen])],
        z_auroc=_finite(found.auroc) if found else None,
        z_iou=_finite(found.iou) if found else None,
        joints={j.joint: JointReport(j.seen, j.inside, round(j.spread_mm)) for j in maps.joints},
    )


def _finite(value: float) -> float | None:
    """A number, or None for what JSON cannot hold."""
    return float(value) if np.isfinite(value) else None
