"""Where an occluder hurts a fit most: a textured patch is slid over a photo (AdvOcc).

The protocol is that of `core.eval.occluders`, on one photo: the patch slides over the square that
the person's crop shows (elsewhere it would change nothing), all evidence is computed anew at each
position, and a short fit begins where the fit without a patch began. Its error is the MPJPE against
the fit without a patch, or against the truth, over joints inside the photo and outside the patch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, Int
from torch import Tensor

from core.body.params import BodyParams
from core.errors import UserError
from core.eval.metrics import mpjpe
from core.eval.occluders import PAPER_SIZE, Patch, patch_grid, patch_seed, scored_joints
from core.fit.engine import Engine
from core.fit.fitter import Fit, finish
from core.fit.observation import Observation
from core.fit.photo_joints import photo_points
from core.fit.schedule import Schedule
from core.geometry.crop import Box, CropView
from core.io.archive import Archive, load_archive, save_archive
from core.io.pixels import digest
from core.io.records import from_plain, plain
from core.occlusion.fills import Texture
from core.occlusion.occluder import Occluder, drawn

FORMAT = "nbf-slide"
VERSION = 1
MAX_POSITIONS = 10_000
PIECE = 6  # steps
FAR = 1e5  # metres, farther than any joint
_WHAT = "search with a sliding patch"
_FIX = "give the slide.npz of nbf occlude"


@dataclass(frozen=True)
class SlideSettings:
    """What decides a search.

    Attributes:
        patch, stride: side of the patch, and pixels between its positions, in a crop of 224 pixels.
        steps: of the fit at each position.
        seed: of the textures.

    Raises:
        UserError: a number makes no sense.
    """

    patch: int = 80
    stride: int = 20
    steps: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.patch <= PAPER_SIZE:
            raise UserError(f"a patch has 1 to {PAPER_SIZE} pixels of the crop, not {self.patch}")
        if not (self.stride >= 1 and self.steps >= 1 and 0 <= self.seed < 2**63):
            raise UserError("a sliding patch needs a stride, steps of 1 or more and a seed >= 0")
        if ((PAPER_SIZE - self.patch) // self.stride + 1) ** 2 > MAX_POSITIONS:
            raise UserError(f"more than {MAX_POSITIONS} positions; take a larger stride")


@dataclass(frozen=True)
class SlideHeader:
    """The JSON part of a file.

    Attributes:
        photo_sha256: of the pixels under the patch, see `core.io.pixels.digest`.
        size: width and height of the photo in pixels.
        box: the person's box in pixels of the photo.
        against_truth: whether errors are against the truth.
    """

    format: str
    version: int
    settings: SlideSettings
    photo_sha256: str
    size: tuple[int, int]
    box: Box
    against_truth: bool


@dataclass(frozen=True)
class Slide:
    """A search, finished or not.

    Attributes:
        patches: all positions, in pixels of the photo.
        reference: joints without a patch (or the true ones), metres, in the crop camera's frame.
        joints: of the fit at each position, NaN where it has not been fitted yet.
        scored: joints that count at each position.
    """

    header: SlideHeader
    patches: tuple[Patch, ...]
    reference: Float32[np.ndarray, "24 3"]
    joints: Float32[np.ndarray, "patches 24 3"]
    scored: Bool[np.ndarray, "patches 24"]

    @property
    def waiting(self) -> list[int]:
        """Positions that have not been fitted yet."""
        return np.flatnonzero(np.isnan(self.joints).any((1, 2))).tolist()

    @cached_property
    def errors(self) -> Float64[np.ndarray, " patches"]:
        """MPJPE at each position, millimetres; NaN where there is none (yet)."""
        reference = torch.from_numpy(self.reference).expand(len(self.patches), 24, 3)
        values = mpjpe(torch.from_numpy(self.joints), reference, torch.from_numpy(self.scored))
        return values.numpy()

    @property
    def worst(self) -> int | None:
        """The position with the largest error so far; None before the first."""
        return int(np.nanargmax(self.errors)) if np.isfinite(self.errors).any() else None

    def after(self, index: int, joints: Float[Tensor, "24 3"]) -> Slide:
        """The same search with one more position."""
        known = self.joints.copy()
        known[index] = joints.float().numpy()
        return replace(self, joints=known)

    def save(self, path: Path) -> None:
        """Write the search, whole or not at all.

        Raises:
            UserError: the folder cannot be written to.
        """
        arrays = {
            "patches": np.array([(p.x, p.y, p.side) for p in self.patches], np.int64),
            "reference": self.reference,
            "joints": self.joints,
            "scored": self.scored,
        }
        save_archive(path, arrays, {"slide": plain(self.header)})

    @staticmethod
    def load(path: Path) -> Slide:
        """Read a search.

        Raises:
            UserError: the file is missing, damaged, no such search, or of a newer version.
        """
        path = Path(path)
        archive = load_archive(path, _WHAT, _FIX)
        document = archive.texts.get("slide")
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise UserError(f"{path} is not a {_WHAT}; {_FIX}")
        header = from_plain(SlideHeader, document, str(path))
        if header.version != VERSION:
            raise UserError(f"{path} has format {header.version}; this version reads {VERSION}")
        try:
            patches, reference, joints, scored = _checked(archive)
        except ValueError as error:
            raise UserError(f"{path} is damaged: {error}; {_FIX}") from error
        places = tuple(Patch(*place) for place in patches.tolist())
        return Slide(header, places, reference, joints, scored)


@dataclass(frozen=True)
class Search:
    """One person of one photo, and a patch that slides over it.

    Attributes:
        start: where all fits begin, in the crop camera's frame.
        schedule: of all fits.
        beginning: the search before its first position.
    """

    engine: Engine
    observation: Observation
    start: BodyParams
    schedule: Schedule
    beginning: Slide

    @staticmethod
    def of(
        engine: Engine,
        observation: Observation,
        settings: SlideSettings | None = None,
        truth: Float[Tensor, "24 3"] | None = None,
        schedule: Schedule | None = None,
    ) -> Search:
        """Fit the person without a patch.

        Args:
            truth: joints that errors are against, metres, in the crop camera's frame.
            schedule: shortened to the steps of the settings; `Schedule.standard()` by default.
        """
        settings = settings or SlideSettings()
        schedule = (schedule or Schedule.standard()).shortened(settings.steps)
        fit = engine.begin(observation, schedule)
        trace = finish(fit)
        reference = _joints(engine, trace.best(engine.volume)) if truth is None else truth
        height, width = observation.photo.shape[:2]
        patches = _patches(observation, settings)
        on_photo = photo_points(reference, observation.view)
        scored = [scored_joints(on_photo, (width, height), [patch]) for patch in patches]
        header = SlideHeader(
            format=FORMAT,
            version=VERSION,
            settings=settings,
            photo_sha256=digest(observation.seen),
            size=(width, height),
            box=observation.box,
            against_truth=truth is not None,
        )
        beginning = Slide(
            header,
            patches,
            reference.float().numpy(),
            np.full((len(patches), 24, 3), np.nan, np.float32),
            np.stack(scored),
        )
        again = replace(schedule, starts=("given",))
        return Search(engine, observation, trace.start, again, beginning)

    def run(self, before: Slide | None = None) -> Iterator[Slide]:
        """Fit position after position; the search so far after each.

        Args:
            before: an unfinished search, to go on with.

        Raises:
            UserError: it is the search of something else.
        """
        previous = before
        for slide in self.pieces(before):
            if slide is not previous and slide is not self.beginning:
                yield slide
            previous = slide

    def pieces(self, before: Slide | None = None) -> Iterator[Slide]:
        """`run` in small pieces, for callers that have other things to do: the search so far."""
        slide = self.beginning if before is None else self.taken_up(before)
        for index in slide.waiting:
            fit = self._fit_at(index)[1]
            yield slide
            while not fit.done:
                if fit.step().step % PIECE == PIECE - 1:
                    yield slide
            slide = slide.after(index, _joints(self.engine, fit.trace.best(self.engine.volume)))
            yield slide

    def taken_up(self, before: Slide) -> Slide:
        """An earlier search, if it is this one.

        Raises:
            UserError: it is of another photo, person or patch, or against something else.
        """
        begun = self.beginning
        if (before.header, before.patches) != (begun.header, begun.patches):
            raise UserError("that search is of another photo, person or patch; begin a new one")
        return before

    def at(self, index: int) -> tuple[Observation, BodyParams]:
        """What is seen with the patch at one position, and the fit to it (crop camera's frame)."""
        covered, fit = self._fit_at(index)
        return covered, finish(fit).best(self.engine.volume)

    def _fit_at(self, index: int) -> tuple[Observation, Fit]:
        """What is seen with the patch at one position, and a fit to it that has not begun."""
        seen, before = self.observation, self.observation.occluders
        patch = patch_occluder(self.beginning.patches[index], self.beginning.header.settings, index)
        covered = self.engine.observe_view(
            seen.photo, seen.box, seen.view, seen.keypoints, seen.focal, (*before, patch)
        )
        return covered, self.engine.begin(covered, self.schedule, self.start)


def patch_occluder(patch: Patch, settings: SlideSettings, index: int) -> Occluder:
    """The patch at a position as an occluder; every position has its own texture."""
    corners = [(patch.x, patch.y), (patch.x + patch.side, patch.y + patch.side)]
    return drawn("rectangle", corners, fill=Texture(patch_seed(settings.seed, index)))


def _patches(observation: Observation, settings: SlideSettings) -> tuple[Patch, ...]:
    """The positions over the part of the photo that the crop shows."""
    height, width = observation.photo.shape[:2]
    left, top, side = _square(observation.view)
    grid = patch_grid(side, settings.patch, settings.stride, (left, top))
    return tuple(p for p in grid if -p.side < p.x < width and -p.side < p.y < height)


def _square(view: CropView) -> tuple[int, int, int]:
    """Left, top and side of the square of the photo around a crop, in pixels."""
    corners = view.to_photo(view.size * np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
    low, high = corners.min(0), corners.max(0)
    side = round(float((high - low).max()))
    left, top = np.round((low + high - side) / 2).astype(int).tolist()
    return left, top, side


@torch.no_grad()
def _joints(engine: Engine, body: BodyParams) -> Float[Tensor, "24 3"]:
    return engine.volume.joints(body.rotations(), body.betas, body.transl)[0]


def _farthest(joints: Float32[np.ndarray, "patches 24 3"]) -> float:
    """Largest coordinate of the positions that have been fitted."""
    return float(np.abs(np.nan_to_num(joints, nan=0.0)).max())


def _checked(
    archive: Archive,
) -> tuple[
    Int[np.ndarray, "patches 3"],
    Float32[np.ndarray, "24 3"],
    Float32[np.ndarray, "patches 24 3"],
    Bool[np.ndarray, "patches 24"],
]:
    """The arrays of a file, if they belong together."""
    kinds = {"patches": np.int64, "reference": np.float32, "joints": np.float32, "scored": np.bool_}
    if missing := set(kinds) - set(archive.arrays):
        raise ValueError(f"no array {min(missing)!r}")
    patches, reference, joints, scored = (archive.arrays[name] for name in kinds)
    count = len(patches) if patches.ndim else 0
    shapes = ((count, 3), (24, 3), (count, 24, 3), (count, 24))
    found = (patches, reference, joints, scored)
    for (name, kind), array, shape in zip(kinds.items(), found, shapes, strict=True):
        if array.dtype != kind or array.shape != shape:
            raise ValueError(f"array {name!r} is {array.dtype} of {array.shape}")
    if not 1 <= count <= MAX_POSITIONS:
        raise ValueError(f"it has {count} positions")
    if (patches[:, 2] < 1).any() or (np.abs(patches) > 2**20).any():
        raise ValueError("a position is no square of a photo")
    if np.isnan(reference).any() or max(np.abs(reference).max(), _farthest(joints)) > FAR:
        raise ValueError("its joints are not finite")
    return patches, reference, joints, scored
