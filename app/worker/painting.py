"""The pictures of a run, as pure functions of what the worker holds."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from jaxtyping import Float, UInt8

from app.protocol.backend import Backend, Fit, Kernels, Maps, Stance
from app.protocol.commands import BodyView, Ink, Paint, Preview, Try, Turn
from app.protocol.events import Painted, Previewed, Tried, Turned, TurnedBody
from app.protocol.run import RunKey
from app.protocol.scene import Joint
from app.worker.body_picture import Figure, body_middle, turned_bodies, turned_kernels
from app.worker.runs import HeldRun
from app.worker.tints import PLAIN, face_colors, kernel_colors
from core.pictures.kernels import kernel_layer
from core.pictures.overlay import body_layer

PREVIEW_STEPS = 8
"""Steps of a fit while occluders are dragged."""
POSES_KEPT = 256
"""Steps, of all runs together, whose maps and vertices are kept: 130 kB each."""


@dataclass(frozen=True)
class StepModel:
    """The model at a recorded step: what all its pictures are made from."""

    maps: Maps
    vertices: Float[np.ndarray, "vertices 3"]
    joints: tuple[Joint, ...]
    stance: Stance
    kernels: Callable[[], Kernels]


class Painter:
    """Paints recorded steps, and keeps the small things of those it has painted last.

    Args:
        find: gives the run of a key, None if it is not held.
    """

    def __init__(self, backend: Backend, find: Callable[[RunKey], HeldRun | None]) -> None:
        self._backend, self._find = backend, find
        self._models: OrderedDict[tuple[RunKey, int], tuple[Fit, StepModel]] = OrderedDict()
        self._latest: Paint | None = None

    def prepare(self) -> bool:
        """Keep the model of one more step of the run that was painted last, the nearest first.

        Then a scrub only draws. Returns whether there was one.
        """
        latest = self._latest
        held = None if latest is None else self._find(latest.key)
        if latest is None or held is None:
            return False
        steps = range(held.fit.count)
        missing = [k for k in steps if self._kept(held, latest.key, k) is None]
        if not missing or held.fit.count > POSES_KEPT // 2:
            return False
        self._model(held, latest.key, min(missing, key=lambda k: abs(k - latest.step)))
        return True

    def paint(self, held: HeldRun, command: Paint) -> Painted:
        """All pictures of a step."""
        self._latest = command
        model = self._model(held, command.key, command.step)
        return self._painted(held, model, command, command.fine)

    def preview(self, held: HeldRun, command: Preview) -> Previewed:
        """All pictures of a few steps up to a recorded one, behind other occluders."""
        observed = self._backend.occlude(held.observed, command.occluders)
        first = max(command.step - PREVIEW_STEPS, 0)
        run = replace(held.run, parent=held.run.id, at_step=first, resumes=False)
        fit = self._backend.fit(observed, run, held.fit)
        step = first
        while step < first + PREVIEW_STEPS and not fit.done:
            step = fit.step().step
        tried = replace(held, observed=observed, run=run, fit=fit)
        model = self._modelled(tried, step)
        painted = self._painted(tried, model, command, fine=False)
        pictures = {**painted.pictures, **input_pictures(tried)}
        bare = replace(painted, pictures={})
        return Previewed(*command.key, bare, command.occluders, pictures=pictures)

    def attempt(self, held: HeldRun, command: Try) -> Tried:
        """A step as moves and changes would make it: moved, or after a few steps of fit."""
        run = replace(held.run, parent=held.run.id, at_step=command.step, resumes=False)
        run = replace(run, moves=command.moves, changes=command.changes)
        fit = self._backend.fit(held.observed, run, held.fit)
        taken = fit.step()
        while fit.wishes != held.fit.wishes and not fit.done:
            if taken.step >= command.step + PREVIEW_STEPS:
                break
            taken = fit.step()
        tried = replace(held, run=run, fit=fit)
        painted = self._painted(tried, self._modelled(tried, taken.step), command, command.fine)
        bare = replace(painted, pictures={})
        return Tried(*command.key, command, bare, taken.total, pictures=painted.pictures)

    def _painted(
        self, held: HeldRun, model: StepModel, command: Paint | Preview | Try, fine: bool
    ) -> Painted:
        """All pictures of a step."""
        pictures = {
            "layer": self._layer(held, model, command.side, fine, command.ink),
            "rendered": model.maps.rendered,
            "occlusion": model.maps.occlusion,
            "visible": model.maps.visible.astype(np.float32),
        }
        if model.maps.hits is not None:
            pictures["hits"] = model.maps.hits
        if command.ink.kernels:
            pictures["kernels"] = self._kernels(held, model, command.side, command.ink.kernels)
        body = None
        if command.body is not None:
            body, pictures["body"] = self._turned(held, model, command.body, fine)
        return Painted(
            *command.key,
            command.step,
            command.side,
            fine,
            model.maps.occluded,
            model.joints,
            body,
            model.maps.found,
            model.stance.numbers,
            command.ink,
            model.maps.certainty,
            pictures=pictures,
        )

    def turn(self, held: HeldRun, command: Turn) -> Turned:
        """The body as the mouse has turned it."""
        model = self._model(held, command.key, command.step)
        body, picture = self._turned(held, model, command.body, command.fine)
        return Turned(*command.key, command.step, body, pictures={"body": picture})

    def occluded(self, held: HeldRun, key: RunKey, step: int) -> float:
        """Share of the body's pixels called occluded at a step."""
        return self._model(held, key, step).maps.occluded

    def visible(self, held: HeldRun, key: RunKey, step: int) -> Float[np.ndarray, "height width"]:
        """p(z = 1) of a step; NaN where the body is not. The step is painted at once later."""
        return self._model(held, key, step).maps.visible

    def _model(self, held: HeldRun, key: RunKey, step: int) -> StepModel:
        """The model at a step, from memory if it is there: a recorded step never changes."""
        place, model = (key, step), self._kept(held, key, step)
        if model is None:
            model = self._modelled(held, step)
            self._models[place] = held.fit, model
        self._models.move_to_end(place)
        while len(self._models) > POSES_KEPT:
            self._models.popitem(last=False)
        return model

    def _kept(self, held: HeldRun, key: RunKey, step: int) -> StepModel | None:
        """The model from memory; another run of the same key has none there."""
        fit, model = self._models.get((key, step), (None, None))
        return model if fit is held.fit else None

    def _modelled(self, held: HeldRun, step: int) -> StepModel:
        """The model at a step."""
        params = held.fit.params(step)
        return StepModel(
            self._backend.maps(held.observed, held.run, params),
            self._backend.vertices(held.observed, params),
            self._backend.joints(held.observed, params),
            self._backend.stance(held.observed, params),
            cache(lambda: self._backend.kernels(held.observed, params)),
        )

    def _turned(
        self, held: HeldRun, model: StepModel, view: BodyView, fine: bool
    ) -> tuple[TurnedBody, UInt8[np.ndarray, "height width 4"]]:
        """The body, or its kernels, and other bodies, as the mouse has turned it."""
        middle, size = body_middle(model.vertices), (view.width, view.height)
        if view.ink.kernels:
            kernels = model.kernels()
            colors = kernel_colors(kernels, view.ink.kernels, model.maps, held.observed.scene)
            picture = turned_kernels(kernels, colors, middle, view.orbit, *size)
        else:
            figures = [Figure(model.vertices, self._color(view.ink)), *self._others(view)]
            picture = turned_bodies(figures, self._backend.faces, view.orbit, *size, fine)
        x, y, z = (float(v) for v in middle)
        floor, reach = float(model.vertices[:, 1].max()), float(np.ptp(model.vertices, 0).max())
        return TurnedBody(view, fine, (x, y, z), floor, model.stance.joints, reach), picture

    def _others(self, view: BodyView) -> list[Figure]:
        """The other bodies of a picture, as far as they are recorded."""
        figures = []
        for other in view.others:
            held = self._find(other.key)
            if held is not None:
                color = np.array(other.color, np.float32) / 255
                vertices = self._model(held, other.key, other.step).vertices
                figures.append(Figure(vertices, color))
        return figures

    def _color(self, ink: Ink) -> np.ndarray:
        """Of the body's triangles."""
        return face_colors(self._backend.limbs) if ink.parts else np.array(PLAIN, np.float32)

    def _layer(
        self, held: HeldRun, model: StepModel, side: int, fine: bool, ink: Ink
    ) -> UInt8[np.ndarray, "height width 4"]:
        """The body as the photo's camera sees it, on nothing."""
        focal, center, height, width = _camera(held, side)
        place, color = (focal, center, height, width), self._color(ink)
        return body_layer(model.vertices, self._backend.faces, *place, color, fine)

    def _kernels(
        self, held: HeldRun, model: StepModel, side: int, by: str
    ) -> UInt8[np.ndarray, "height width 4"]:
        """The kernels as the photo's camera sees them, on nothing."""
        kernels = model.kernels()
        colors = kernel_colors(kernels, by, model.maps, held.observed.scene)
        return kernel_layer(kernels.means, kernels.covariances, colors, *_camera(held, side))


def _camera(held: HeldRun, side: int) -> tuple[float, tuple[float, float], int, int]:
    """Focal length, principal point, height and width of the photo when it is so large."""
    scene = held.observed.scene
    share = side / max(scene.size)
    width, height = (max(round(length * share), 1) for length in scene.size)
    return scene.focal * share, (width / 2, height / 2), height, width


def input_pictures(held: HeldRun) -> dict[str, np.ndarray]:
    """The image and its observed features."""
    return {"photo": held.thumbnail, "observed": held.observed.features}
