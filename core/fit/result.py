"""The results of a finished fit: parameters, mesh, pictures, film and report."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8

from core.body.params import BodyParams
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.frames import photo_from_crop
from core.fit.observation import Observation
from core.fit.pictures import StepMaps, draw_features, draw_maps, draw_overlay, feature_colors
from core.io.images import save_image
from core.io.mesh import save_glb
from core.io.report import FitReport, TermLoss
from core.io.video import save_video
from core.pictures.colors import OCCLUSION_LEGEND
from core.pictures.fitted_scene import FittedScene
from core.pictures.loss_plot import LossPlot
from core.pictures.panels import Panel, compose_panels, shrink
from core.pictures.presentation import TURN_RATE, draw_turntable, draw_views
from core.render.shade.render import vertex_normals

FILM_STRIDE = 3  # steps between two frames
FILM_TILE = (300, 300)
FILM_RATE = 12.0
LONGEST_SIDE = 1280  # of the photo in pictures

Picture = UInt8[np.ndarray, "_ _ 3"]


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
    origin: Origin,
    seconds: dict[str, float],
    turntable: bool = False,
) -> FitReport:
    """Write the `RESULTS` of one fit of one person into ``folder``, the report last.

    Args:
        seconds: wall time by phase so far; the time of writing is added.
        turntable: write turntable.mp4 too.
    """
    begin = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    best = int(fit.trace.best_steps()[0])
    title = f"{Path(origin.image).name}: best step {best} of {fit.schedule.steps}"
    scene = fitted_scene(engine, observation, fit)
    with ThreadPoolExecutor(1, "views") as beside:
        views = beside.submit(lambda: save_image(folder / "views.png", draw_views(scene, title)))
        params = fit.trace.params(best, engine.volume)
        photo_from_crop(params, observation.view, engine.volume).save(folder / "params.npz")
        normals = vertex_normals(scene.vertices, scene.faces)
        save_glb(folder / "body.glb", scene.vertices, normals, scene.faces)
        sheet = Sheet.of(engine, observation, fit)
        save_image(folder / "panels.png", sheet.draw(best, title))
        save_video(folder / "fit.mp4", sheet.film(best), FILM_RATE)
        if turntable:
            save_video(folder / "turntable.mp4", draw_turntable(scene), TURN_RATE)
        views.result()
    seconds = seconds | {"write": time.perf_counter() - begin}
    report = make_report(observation, fit, origin, sheet.maps(best), seconds)
    report.save(folder / "report.json")
    return report


def fitted_scene(engine: Engine, observation: Observation, fit: Fit) -> FittedScene:
    """The best step and the first one in the photo's camera frame, for presentation pictures."""
    trace, volume = fit.trace, engine.volume
    steps = [trace.params(step, volume) for step in (int(trace.best_steps()[0]), 0)]
    both = photo_from_crop(BodyParams.stack(steps), observation.view, volume)
    posed = engine.body.pose(both.rotations(), both.betas, both.transl)
    photo = shrink(observation.photo, LONGEST_SIDE)
    return FittedScene(
        vertices=posed.vertices[0].numpy(),
        start=posed.vertices[1].numpy(),
        joints=posed.joints[0].numpy(),
        faces=engine.body.faces.numpy().astype(np.int32),
        photo=photo,
        focal=observation.focal_in(photo),
    )


@dataclass(frozen=True)
class Sheet:
    """The pictures of a fit's steps, side by side."""

    observation: Observation
    fit: Fit
    photo: Picture
    features: Picture
    maps: Callable[[int], StepMaps]
    overlay: Callable[[int, Picture], Picture]
    _plots: dict[tuple[int, int], LossPlot] = field(default_factory=dict)

    @staticmethod
    def of(engine: Engine, observation: Observation, fit: Fit) -> Sheet:
        """The sheet of one fit of one person."""
        colors = feature_colors(engine.model.bank)

        def params(step: int) -> BodyParams:
            return fit.trace.params(step, engine.volume)

        return Sheet(
            observation,
            fit,
            photo=shrink(observation.photo, LONGEST_SIDE),
            features=draw_features(observation, colors),
            maps=lambda s: draw_maps(engine, observation, params(s), colors, fit.schedule),
            overlay=lambda s, photo: draw_overlay(engine, observation, params(s), photo),
        )

    def draw(self, step: int, title: str = "", tile: tuple[int, int] = (420, 420)) -> Picture:
        """One step: photo, body, features, rendered features, occlusion, losses."""
        maps = self.maps(step)
        share = f"{maps.occluded_share:.0%} occluded"
        photo = shrink(self.photo, max(tile))  # first: a body is drawn at once in small pictures
        panels = [
            Panel("photo", photo, "{} x {} px".format(*self.observation.photo.shape[1::-1])),
            Panel("body", self.overlay(step, photo), f"step {step}"),
            Panel("losses", self._losses(tile).marked(step), "each term on its own scale"),
            Panel("observed features", self.features, "principal components of the model"),
            Panel("rendered features", maps.rendered, "the same colours"),
            Panel("occlusion", maps.occlusion, share, OCCLUSION_LEGEND),
        ]
        return compose_panels(panels, title=title, columns=3, tile=tile)

    def film(self, best: int) -> Iterator[Picture]:
        """Every few steps, then the best one for a second."""
        small = replace(self, photo=shrink(self.photo, max(FILM_TILE)))
        for step in range(0, len(self.fit.trace), FILM_STRIDE):
            yield small.draw(step, tile=FILM_TILE)
        last = small.draw(best, tile=FILM_TILE)
        yield from [last] * round(FILM_RATE)

    def curves(self) -> dict[str, Float[np.ndarray, " steps"]]:
        """The total and every weighted term by step; terms that no stage weighs are left out."""
        trace, schedule = self.fit.trace, self.fit.schedule
        weights = [schedule.stages[r.stage].weights for r in trace.records]
        curves = {"total": trace.losses("total")[:, 0]}
        for name in trace.terms:
            weight = np.array([w.get(name, 0.0) for w in weights])
            if weight.any():
                with np.errstate(over="ignore", invalid="ignore"):  # a fit may end in infinity
                    curves[name] = trace.losses(name)[:, 0] * weight
        return curves

    def _losses(self, tile: tuple[int, int]) -> LossPlot:
        """The curves as a plot, drawn once for each size."""
        if tile not in self._plots:
            marks = [(span.start, stage.name) for stage, span in self.fit.schedule.spans]
            self._plots[tile] = LossPlot(self.curves(), *tile, stages=marks)
        return self._plots[tile]


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
    tried, scores = trace.candidates, trace.scores[:, 0].tolist()
    height, width = observation.photo.shape[:2]
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
        warnings=list(origin.warnings),
    )


def _finite(value: float) -> float | None:
    """A number, or None for what JSON cannot hold."""
    return float(value) if np.isfinite(value) else None
