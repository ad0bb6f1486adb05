"""What ``import nbf`` offers: fit a person in a photo, look at every step, reopen records of fits.

Pictures are RGB arrays as `core.io.pixels.as_rgb` takes them, or paths. Bodies are in metres in the
photo's camera (OpenCV axes: x right, y down, z forward) unless a name says otherwise. What comes in
is checked and converted here or in `Engine.observe`; the caller's settings of PyTorch do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from core.body.params import BodyParams, check_params
from core.errors import NobodyFoundError, UserError
from core.fit.animation import save_animation
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.frames import crop_from_photo, photo_from_crop
from core.fit.misfit import doubt
from core.fit.observation import Observation
from core.fit.pictures import StepMaps, draw_maps, draw_overlay, feature_colors
from core.fit.record import FitRecord
from core.fit.recording import (
    engine_of,
    new_record,
    observe_again,
    photo_info,
    resume_run,
)
from core.fit.schedule import Schedule, Stage
from core.fit.term import TERMS, Term
from core.fit.trace import StepRecord, Trace
from core.geometry.crop import Box
from core.geometry.keypoints import Keypoints
from core.io.boxes import as_box
from core.io.images import Photo, load_image
from core.io.mesh import save_mesh
from core.occlusion.files import load_occluders
from core.occlusion.occluder import Occluder, Occluders
from core.render.shade.render import vertex_normals

__all__ = [
    "TERMS",
    "BodyParams",
    "Box",
    "Engine",
    "FitRecord",
    "Fitted",
    "Keypoints",
    "NobodyFoundError",
    "Observation",
    "Occluder",
    "Photo",
    "Schedule",
    "Stage",
    "StepMaps",
    "StepRecord",
    "Term",
    "Trace",
    "UserError",
    "fit",
    "load",
    "load_occluders",
    "observe",
    "open_record",
    "read_photo",
    "render",
]

Source = str | Path | np.ndarray | Photo
"""A photo: a path, ``skimage:camera`` and the like, an array as `as_rgb` takes it, or a `Photo`."""


@contextmanager
def _usual_torch() -> Iterator[None]:
    """PyTorch with float32 and gradients, whatever the caller's program has set.

    Under `torch.no_grad` a fit would not move, and a default of float64 does not fit the networks.
    The default type is one for all threads, so that other threads see float32 in the meantime.
    """
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True)
class Fitted:
    """A fit of one person, finished or stopped.

    Attributes:
        fit: the fit, with the trace of every step.
        source: the photo as the user named it, or "array".
        method: name of the way of fitting.
    """

    engine: Engine
    observation: Observation
    fit: Fit
    source: str = "array"
    method: str = "nbf"

    @property
    def trace(self) -> Trace:
        """Every step: parameters, optimiser state and losses."""
        return self.fit.trace

    @property
    def best_step(self) -> int:
        """The step with the smallest objective among those of the last stage.

        Raises:
            UserError: there is no step yet.
        """
        return int(self.trace.best_steps()[0])

    @property
    @_usual_torch()
    def doubt(self) -> str:
        """Why the best step may be wrong, in words (`core.fit.misfit`); empty if nothing says so.

        Raises:
            UserError: there is no step yet.
        """
        return doubt(self.fit, self.observation.problem, self.engine.model)

    @_usual_torch()
    def params(self, step: int | None = None) -> BodyParams:
        """Pose, shape and translation of a step in the photo's camera; the best one by default."""
        chosen = self.trace.params(self._number(step), self.engine.volume)
        return photo_from_crop(chosen, self.observation.view, self.engine.volume)

    @cached_property
    @_usual_torch()
    def vertices(self) -> Float[np.ndarray, "vertices 3"]:
        """The body's surface at the best step, metres."""
        return np.asarray(self.engine.vertices(self.params())[0])

    @property
    def faces(self) -> Int[np.ndarray, "faces 3"]:
        """Triangles of the surface."""
        return np.asarray(self.engine.body.faces)

    @cached_property
    @_usual_torch()
    def joints(self) -> Float[np.ndarray, "24 3"]:
        """SMPL's joints at the best step, metres."""
        body = self.params()
        return np.asarray(self.engine.volume.joints(body.rotations(), body.betas, body.transl)[0])

    @property
    def losses(self) -> dict[str, Float[np.ndarray, " steps"]]:
        """Unweighted value of each term at each step, and the weighted ``"total"``."""
        return {name: self.trace.losses(name)[:, 0] for name in (*self.trace.terms, "total")}

    @_usual_torch()
    def overlay(self, step: int | None = None) -> UInt8[np.ndarray, "height width 3"]:
        """The photo with the body of a step drawn over it."""
        return draw_overlay(self.engine, self.observation, self._in_crop(step))

    @_usual_torch()
    def maps(self, step: int | None = None) -> StepMaps:
        """Rendered feature map and occlusion (z) of a step."""
        return render(self.engine, self.observation, self._in_crop(step), self.fit.schedule)

    def save(self, path: str | Path) -> None:
        """Write a record (``fit.nbf``), which `open_record` and the debugger open.

        Raises:
            UserError: the folder cannot be written to.
        """
        photo = Photo.of_array(self.observation.photo, self.source)
        info = photo_info(photo, self.observation, "given")
        record = new_record(self.engine, self.observation, self.fit, info, self.method)
        record.save(Path(path))

    def save_mesh(self, path: str | Path) -> None:
        """Write the body at the best step as .glb, .obj, .ply or .stl, in glTF's frame.

        That is metres, y up, the photo's camera at the origin looking along -z: `vertices` with y
        and z turned round.

        Raises:
            UserError: another suffix, or the folder cannot be written to.
        """
        normals = vertex_normals(self.vertices, self.faces)
        save_mesh(Path(path), self.vertices, normals, self.faces)

    @_usual_torch()
    def save_animation(self, path: str | Path) -> None:
        """Write all steps as a .glb: a body with skeleton and skin, and an animation.

        It is in glTF's frame, and stands at the best step where it is not played.

        Raises:
            UserError: another suffix, or the folder cannot be written to.
        """
        save_animation(Path(path), self.engine, self.observation, self.trace, self.best_step)

    def _in_crop(self, step: int | None) -> BodyParams:
        return self.trace.params(self._number(step), self.engine.volume)

    def _number(self, step: int | None) -> int:
        number = self.best_step if step is None else step
        if not -len(self.trace) <= number < len(self.trace):
            raise UserError(f"no step {number}; there are 0 to {len(self.trace) - 1}")
        return number


@cache
@_usual_torch()
def load(
    preset: str | None = None,
    model: str | Path | None = None,
    body: str | Path | None = None,
    prior: str | Path | None = None,
    device: str = "cpu",
) -> Engine:
    """Networks, body and prior; loaded once for each set of arguments.

    Args:
        preset: that the model must have; None: any.
        model: a model file of ``nbf train``.
        body: an SMPL model file.
        prior: a pose prior, such as a VPoser checkpoint.
        device: of the networks, "cpu" or "cuda".

    Raises:
        UserError: a file is missing, damaged, or does not fit the others.
    """
    files = [None if path is None else Path(path) for path in (model, body, prior)]
    return Engine.load(preset, files[0], files[1], files[2], device=device)


def read_photo(source: Source) -> Photo:
    """Decode a photo: upright RGB, and the focal length if EXIF has it.

    Raises:
        UserError: the file is missing or not a picture.
    """
    if isinstance(source, Photo):
        return source
    if isinstance(source, str | Path):
        return load_image(source)
    try:
        picture = np.asarray(source)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor on a GPU, rows of two lengths
        raise UserError(f"a {type(source).__name__} is no picture; give an array") from error
    return Photo.of_array(picture)


@_usual_torch()
def observe(
    photo: Source,
    box: Box | tuple[float, float, float, float] | None = None,
    keypoints: Keypoints | None = None,
    focal: float | None = None,
    engine: Engine | None = None,
    at: tuple[float, float] | None = None,
    occluders: Occluders = (),
) -> Observation:
    """Evidence of the networks about one person in a photo.

    Args:
        box: x, y, width and height of the person in pixels; the most prominent person by default.
        keypoints: 2D joints in photo pixels, one row in SMPL's order; detected by default.
        focal: focal length in pixels; EXIF's, or else the photo's diagonal, by default.
        at: a pixel (x, y) that shows the person who is meant, in place of a box.
        occluders: put before the photo, see `load_occluders` and docs/occluders.md.

    Raises:
        NobodyFoundError: no box was given and nobody was found, or nobody at that pixel.
        UserError: the photo cannot be read, or box or focal length make no sense.
    """
    engine = engine or load()
    read = read_photo(photo)
    chosen = None if box is None else as_box(box)
    focal = read.focal_px if focal is None else focal
    return engine.observe(read.pixels, chosen, keypoints, focal, at, occluders)


@_usual_torch()
def fit(
    photo: Source | Observation,
    schedule: Schedule | None = None,
    start: BodyParams | None = None,
    method: str = "nbf",
    engine: Engine | None = None,
    each: Callable[[StepRecord], object] | None = None,
) -> Fitted:
    """Fit the body to a person.

    Args:
        photo: a photo, whose most prominent person is fitted, or the result of `observe`.
        schedule: stages and weights; `Schedule.standard()` by default.
        start: a body in the photo's camera to start from, instead of the network's.
        method: a way of fitting, see ``nbf fit --method``.
        each: called after each step.

    Raises:
        UserError: see `observe`; or there is no such method.
    """
    engine = engine or load()
    seen = photo if isinstance(photo, Observation) else observe(photo, engine=engine)
    begin = None
    if start is not None:
        begin = crop_from_photo(check_params(start), seen.view, engine.volume)
    running = engine.begin(seen, schedule, begin, method)
    while not running.done:
        step = running.step()
        if each is not None:
            each(step)
    named = isinstance(photo, str | Path)
    return Fitted(engine, seen, running, str(photo) if named else "array", method)


@_usual_torch()
def open_record(path: str | Path, run: int | None = None) -> Fitted:
    """A fit from its ``fit.nbf``.

    Args:
        run: number of the run; the newest by default.

    Raises:
        UserError: the file is not a record, or a file that it was made with is missing.
    """
    record = FitRecord.load(Path(path))
    chosen = record.runs[-1] if run is None else record.run(run)
    engine = engine_of(record)
    seen = observe_again(engine, record, chosen.info.occluders)
    resumed = resume_run(engine, seen, chosen)
    if chosen.trace.records:
        resumed.step()  # evaluates the last recorded step again
    return Fitted(engine, seen, resumed, record.photo.source, chosen.info.method)


@_usual_torch()
@torch.no_grad()
def render(
    engine: Engine, observation: Observation, body: BodyParams, schedule: Schedule | None = None
) -> StepMaps:
    """Rendered feature map and occlusion (z) of a body.

    Args:
        body: in the crop's camera, as `Trace.params` gives it.
    """
    return draw_maps(engine, observation, body, feature_colors(engine.model.bank), schedule)
