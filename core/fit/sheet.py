"""The pictures of a fit's steps, side by side on a sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from jaxtyping import Float, UInt8

from core.body.params import BodyParams
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.observation import Observation
from core.fit.pictures import StepMaps, draw_features, draw_maps, draw_overlay, feature_colors
from core.pictures.colors import HITS_LEGEND, OCCLUSION_LEGEND
from core.pictures.loss_plot import LossPlot
from core.pictures.palette import OCCLUDED
from core.pictures.panels import Panel, compose_panels, shrink

LONGEST_SIDE = 1280  # of the photo in pictures
TILE = (420, 420)

Picture = UInt8[np.ndarray, "_ _ 3"]


@dataclass(frozen=True)
class Look:
    """What a step looks like; nothing in it depends on other steps."""

    photo: Picture
    body: Picture
    maps: StepMaps


@dataclass(frozen=True)
class Sheet:
    """The pictures of a fit's steps, side by side."""

    observation: Observation
    fit: Fit
    photo: Picture
    features: Picture
    maps: Callable[[int], StepMaps]
    overlay: Callable[[int, Picture], Picture]
    _plots: dict[tuple[int, ...], LossPlot] = field(default_factory=dict)

    @staticmethod
    def of(engine: Engine, observation: Observation, fit: Fit) -> Sheet:
        """The sheet of one fit of one person."""
        colors = feature_colors(engine.model.bank)

        @lru_cache(maxsize=4)  # overlay and maps of a step follow each other
        def params(step: int) -> BodyParams:
            return fit.trace.params(step, engine.volume)

        return Sheet(
            observation,
            fit,
            photo=shrink(observation.seen, LONGEST_SIDE),
            features=draw_features(observation, colors),
            maps=lambda s: draw_maps(engine, observation, params(s), colors, fit.schedule),
            overlay=lambda s, photo: draw_overlay(engine, observation, params(s), photo),
        )

    def look(self, step: int, longest: int) -> Look:
        """What a step looks like, in pictures of at most ``longest`` pixels a side."""
        photo = shrink(self.photo, longest)  # first: a body is drawn at once in small pictures
        return Look(photo, self.overlay(step, photo), self.maps(step))

    def draw(
        self,
        step: int,
        title: str = "",
        tile: tuple[int, int] = TILE,
        look: Look | None = None,
    ) -> Picture:
        """One step: photo, body, features, rendered features, occlusion, losses.

        Args:
            look: the step's, if it has been drawn already.
        """
        look = look or self.look(step, max(tile))
        share = f"{look.maps.occluded_share:.0%} occluded"
        panels = [
            Panel("photo", look.photo, "{} x {} px".format(*self.observation.photo.shape[1::-1])),
            Panel("body", look.body, f"step {step}"),
            Panel("losses", self._losses(tile).marked(step), "each term on its own scale"),
            Panel("observed features", self.features, "principal components of the model"),
            Panel("rendered features", look.maps.rendered, "the same colours"),
            Panel("occlusion", look.maps.occlusion, share, OCCLUSION_LEGEND),
        ]
        return compose_panels(panels, title=title, columns=3, tile=tile)

    def occlusion(self, look: Look, title: str) -> Picture:
        """What is hidden by hand against what is called occluded at a step.

        Raises:
            ValueError: nothing is hidden by hand.
        """
        found, hidden = look.maps.found, self.observation.hidden
        if found is None or hidden is None:
            raise ValueError("nothing is hidden by hand")
        truth = self.observation.crop.copy()
        truth[hidden] = OCCLUDED
        count = sum(occluder.on for occluder in self.observation.occluders)
        figures = f"AUROC {found.auroc:.3f}, IoU {found.iou:.3f}"
        panels = [
            Panel("hidden by hand", truth, f"{count} occluder{'s' * (count > 1)}"),
            Panel("occlusion", look.maps.occlusion, "p(z = 1)", OCCLUSION_LEGEND),
            Panel("hits and misses", found.hits, figures, HITS_LEGEND),
        ]
        return compose_panels(panels, title=title, columns=3, tile=TILE)

    def curves(self) -> dict[str, Float[np.ndarray, " steps"]]:
        """The total and every weighted term by step; terms that never count are left out."""
        trace, schedule = self.fit.trace, self.fit.schedule
        weights = [schedule.stages[r.stage].weights for r in trace.records]
        curves = {"total": trace.losses("total")[:, 0]}
        for name in trace.terms:
            weight = np.array([w.get(name, 0.0) for w in weights])
            if weight.any():
                with np.errstate(over="ignore", invalid="ignore"):  # a fit may end in infinity
                    curve = trace.losses(name)[:, 0] * weight
                if curve.any():  # else there is no evidence for it
                    curves[name] = curve
        return curves

    def _losses(self, tile: tuple[int, int]) -> LossPlot:
        """The curves as a plot, drawn once for each size and number of steps."""
        key = (*tile, len(self.fit.trace))
        if key not in self._plots:
            marks = [(span.start, stage.name) for stage, span in self.fit.schedule.spans]
            self._plots[key] = LossPlot(self.curves(), *tile, stages=marks)
        return self._plots[key]
