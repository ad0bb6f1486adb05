"""The pictures of a run, as pure functions of what the worker holds, and the thread to paint in."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import SimpleQueue
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from app.protocol.backend import Backend, Maps, Stance
from app.protocol.commands import BodyView, Command, Paint, Preview, Try, Turn
from app.protocol.events import Painted, Previewed, Tried, Turned, TurnedBody
from app.protocol.run import RunKey
from app.protocol.scene import Joint
from app.worker.body_picture import COLOR, body_middle, turned_body
from app.worker.runs import HeldRun
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


class Painter:
    """Paints recorded steps, and keeps the small things of those it has painted last."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._models: OrderedDict[tuple[RunKey, int], StepModel] = OrderedDict()

    def paint(self, held: HeldRun, command: Paint) -> Painted:
        """All pictures of a step."""
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
            "layer": self._layer(held, model, command.side, fine),
            "rendered": model.maps.rendered,
            "occlusion": model.maps.occlusion,
            "visible": model.maps.visible.astype(np.float32),
        }
        if model.maps.hits is not None:
            pictures["hits"] = model.maps.hits
        body = None
        if command.body is not None:
            body, pictures["body"] = self._turned(model, command.body, fine)
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
            pictures=pictures,
        )

    def turn(self, held: HeldRun, command: Turn) -> Turned:
        """The body as the mouse has turned it."""
        model = self._model(held, command.key, command.step)
        body, picture = self._turned(model, command.body, command.fine)
        return Turned(*command.key, command.step, body, pictures={"body": picture})

    def occluded(self, held: HeldRun, key: RunKey, step: int) -> float:
        """Share of the body's pixels called occluded at a step."""
        return self._model(held, key, step).maps.occluded

    def visible(self, held: HeldRun, key: RunKey, step: int) -> Float[np.ndarray, "height width"]:
        """p(z = 1) of a step; NaN where the body is not. The step is painted at once later."""
        return self._model(held, key, step).maps.visible

    def _model(self, held: HeldRun, key: RunKey, step: int) -> StepModel:
        """The model at a step, from memory if it is there: a recorded step never changes."""
        place = key, step
        model = self._models.get(place)
        if model is None:
            model = self._models[place] = self._modelled(held, step)
        self._models.move_to_end(place)
        while len(self._models) > POSES_KEPT:
            self._models.popitem(last=False)
        return model

    def _modelled(self, held: HeldRun, step: int) -> StepModel:
        """The model at a step."""
        params = held.fit.params(step)
        return StepModel(
            self._backend.maps(held.observed, held.run, params),
            self._backend.vertices(held.observed, params),
            self._backend.joints(held.observed, params),
            self._backend.stance(held.observed, params),
        )

    def _turned(
        self, model: StepModel, view: BodyView, fine: bool
    ) -> tuple[TurnedBody, UInt8[np.ndarray, "height width 4"]]:
        x, y, z = (float(v) for v in body_middle(model.vertices))
        faces, size = self._backend.faces, (view.width, view.height)
        picture = turned_body(model.vertices, faces, view.orbit, *size, fine)
        floor = float(model.vertices[:, 1].max())
        return TurnedBody(view, fine, (x, y, z), floor, model.stance.joints), picture

    def _layer(
        self, held: HeldRun, model: StepModel, side: int, fine: bool
    ) -> UInt8[np.ndarray, "height width 4"]:
        """The body as the photo's camera sees it, on nothing."""
        scene = held.observed.scene
        share = side / max(scene.size)
        width, height = (max(round(length * share), 1) for length in scene.size)
        center = width / 2, height / 2
        vertices, faces = model.vertices, self._backend.faces
        focal = scene.focal * share
        return body_layer(vertices, faces, focal, center, height, width, COLOR, fine)


def input_pictures(held: HeldRun) -> dict[str, np.ndarray]:
    """The image and its observed features."""
    return {"photo": held.thumbnail, "observed": held.observed.features}


class Turns:
    """A lock that goes to the thread that has waited longest.

    Two threads of Python that compute at the same time wait for the interpreter's lock at each
    small operation: an Adam step took six times as long while pictures were painted.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._given = self._served = 0

    def __enter__(self) -> None:
        with self._changed:
            mine, self._given = self._given, self._given + 1
            self._changed.wait_for(lambda: self._served == mine)

    def __exit__(self, *_error: object) -> None:
        with self._changed:
            self._served += 1
            self._changed.notify_all()


class PainterThread:
    """A thread that answers some kinds of commands, in order."""

    def __init__(
        self,
        answer: Callable[[Any], None],
        guard: Callable[[Command, Callable[[], None]], None],
    ) -> None:
        self.queue: SimpleQueue[Command] = SimpleQueue()
        self._answer = answer
        self._guard = guard
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            command = self.queue.get()
            try:
                self._guard(command, lambda command=command: self._answer(command))  # type: ignore[misc]
            except (BrokenPipeError, ConnectionError):
                return  # the window is gone
