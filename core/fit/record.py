"""One self-contained file for each fit: the observation, the model files, every step of its runs.

``fit.nbf`` is an archive of arrays and JSON (`core.io.archive`); ``numpy.load`` reads it, and
docs/record.md lists its members. A fit can be resumed, shown and branched from the file alone: the
photo's pixels are in it, or its path and digest if the pixels were left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from core.body.moves import Moves, Wishes, check_by_hand
from core.errors import UserError
from core.fit.schedule import Schedule
from core.fit.sources import Environment, Sources
from core.fit.trace import Trace
from core.fit.truth import Truth
from core.geometry.crop import Box
from core.geometry.keypoints import Keypoints
from core.io.archive import Archive, load_archive, save_archive
from core.io.images import load_image
from core.io.pixels import digest
from core.io.records import from_plain, plain
from core.occlusion.occluder import Occluders, check_occluders

SUFFIX = ".nbf"
FORMAT = "nbf-fit"
VERSION = 3
_WHAT = "record of a fit"
_FIX = "give the fit.nbf of a fit"
_PICTURES = "pictures/"
_KEYPOINTS = ("keypoints/xy", "keypoints/confidence")


@dataclass(frozen=True)
class PhotoInfo:
    """A photo and what is taken from it.

    Attributes:
        source: as the user named it.
        path: where it was, empty if it was not a file.
        sha256: of its pixels, see `core.io.pixels.digest`.
        size: width and height in pixels.
        box: the person's box in pixels.
        focal: focal length in pixels.
        focal_source: "exif", "diagonal" (nothing known) or "given".
    """

    source: str
    path: str
    sha256: str
    size: tuple[int, int]
    box: Box
    focal: float
    focal_source: str


@dataclass(frozen=True)
class Bookmark:
    """A step of a run that the user wants to find again; the name may be empty."""

    step: int
    name: str = ""


@dataclass(frozen=True)
class RunInfo:
    """One run: a fit from a start, or a branch from a step of another run.

    Attributes:
        id: unique in the record.
        parent, at_step: the run it branched from and the step it began at, None for a root.
        name: given by the user, may be empty.
        method: name of its `core.fit.fitter.Fitter`.
        candidates: names of the starts that were tried.
        occluders: put before the photo, see `core.occlusion.occluder`.
        moves: what a hand did to the body at the step it began at, see `core.body.moves`. The
            trace has the moved body: nothing needs to do it again.
        wishes: where a person wants joints to be.
        bookmarks: at most one a step.

    Raises:
        UserError: there are more occluders or moves than a run can have.
    """

    id: int
    method: str
    schedule: Schedule
    candidates: tuple[str, ...]
    parent: int | None = None
    at_step: int | None = None
    name: str = ""
    occluders: Occluders = ()
    moves: Moves = ()
    wishes: Wishes = ()
    bookmarks: tuple[Bookmark, ...] = ()

    def __post_init__(self) -> None:
        check_occluders(self.occluders)
        check_by_hand(self.moves, self.wishes)


@dataclass(frozen=True)
class Run:
    """A run with its trace."""

    info: RunInfo
    trace: Trace


@dataclass(frozen=True)
class Header:
    """The JSON part of a record.

    Attributes:
        seed: of everything random.
    """

    format: str
    version: int
    written_by: str
    photo: PhotoInfo
    sources: Sources
    environment: Environment
    runs: tuple[RunInfo, ...]
    seed: int = 0


@dataclass(frozen=True)
class FitRecord:
    """A record of fits of one person in one photo.

    Attributes:
        pixels: the photo without occluders, None to leave it out of the file.
        keypoints: joints in photo pixels that the user gave, one row; None if they were detected.
        runs: a tree by `RunInfo.parent`; parents come first.
        truth: about the person, for measuring; None if nothing is known. No fit looks at it.
    """

    photo: PhotoInfo
    sources: Sources
    environment: Environment
    runs: tuple[Run, ...]
    pixels: UInt8[np.ndarray, "height width 3"] | None = field(default=None, repr=False)
    keypoints: Keypoints | None = None
    seed: int = 0
    truth: Truth | None = field(default=None, repr=False)

    def save(self, path: Path) -> None:
        """Write the record, whole or not at all.

        Raises:
            UserError: the folder cannot be written to.
        """
        header = Header(
            format=FORMAT,
            version=VERSION,
            written_by=self.environment.versions.get("nbf", ""),
            photo=self.photo,
            sources=self.sources,
            environment=self.environment,
            runs=tuple(run.info for run in self.runs),
            seed=self.seed,
        )
        arrays = {
            f"runs/{run.info.id}/{name}": array
            for run in self.runs
            for name, array in run.trace.arrays().items()
        }
        if self.pixels is not None:
            arrays["photo"] = self.pixels
        if self.keypoints is not None:
            given = (self.keypoints.xy, self.keypoints.confidence)
            arrays |= {n: value.numpy() for n, value in zip(_KEYPOINTS, given, strict=True)}
        if self.truth is not None:
            arrays |= self.truth.arrays()
        document = plain(header)
        arrays |= _taken_out(document)
        save_archive(path, arrays, {"record": document})

    @staticmethod
    def load(path: Path) -> FitRecord:
        """Read a record.

        Raises:
            UserError: the file is missing, damaged, no record, or of a newer version.
        """
        path = Path(path)
        archive = load_archive(path, _WHAT, _FIX)
        header = _header(path, archive.texts.get("record"), archive)
        try:
            record = FitRecord(
                photo=header.photo,
                sources=header.sources,
                environment=header.environment,
                runs=tuple(Run(info, _trace(archive, info)) for info in header.runs),
                pixels=_photo(archive, header.photo),
                keypoints=_keypoints(archive),
                seed=header.seed,
                truth=Truth.of_arrays(archive.arrays),
            )
            _check_tree(record.runs)
        except ValueError as error:
            raise UserError(f"{path} is damaged: {error}") from error
        return record

    def run(self, id: int) -> Run:  # noqa: A002 (the field's name)
        """A run by its number.

        Raises:
            UserError: there is none.
        """
        for run in self.runs:
            if run.info.id == id:
                return run
        raise UserError(f"no run {id}; there are {', '.join(str(r.info.id) for r in self.runs)}")

    def with_run(self, run: Run) -> FitRecord:
        """The same record with a run added, or replaced if it has one of that number."""
        if any(run.info.id == other.info.id for other in self.runs):
            return replace(
                self, runs=tuple(run if r.info.id == run.info.id else r for r in self.runs)
            )
        return replace(self, runs=(*self.runs, run))

    def photo_pixels(self) -> UInt8[np.ndarray, "height width 3"]:
        """The photo, from the record or from where it was.

        Raises:
            UserError: it is neither here nor there, or it has changed.
        """
        if self.pixels is not None:
            return self.pixels
        pixels = load_image(self.photo.path or self.photo.source).pixels
        if digest(pixels) != self.photo.sha256:
            raise UserError(f"{self.photo.source} is another picture than the one that was fitted")
        return pixels


def _header(path: Path, document: Any, archive: Archive) -> Header:
    """The JSON part, checked."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UserError(f"{path} is not a {_WHAT}; {_FIX}")
    version = document.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise UserError(f"{path} is damaged: it has no version")
    if version > VERSION:
        by = document.get("written_by")
        raise UserError(
            f"{path} has format {version}, written by nbf {by!s:.20}; this version reads up to "
            f"{VERSION}: update nbf"
        )
    if version == 1:
        document.pop("occluders", None)  # of the record, and always empty
    _put_back(document, archive)
    header = from_plain(Header, document, str(path))
    if not -(2**63) <= header.seed < 2**63:
        raise UserError(f"{path} is damaged: its seed has more than 64 bits")
    return header


def _picture_fills(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The fills of a header that are pasted pictures."""
    runs = document.get("runs")
    for run in runs if isinstance(runs, list) else []:
        occluders = run.get("occluders") if isinstance(run, dict) else None
        for occluder in occluders if isinstance(occluders, list) else []:
            fill = occluder.get("fill") if isinstance(occluder, dict) else None
            if isinstance(fill, dict) and isinstance(fill.get("png"), str):
                yield fill


def _taken_out(document: dict[str, Any]) -> dict[str, np.ndarray]:
    """Take the pasted pictures out of a header, each once: many runs may have the same."""
    arrays: dict[str, np.ndarray] = {}
    for fill in _picture_fills(document):
        content = fill["png"].encode("ascii")
        name = _PICTURES + hashlib.sha256(content).hexdigest()
        arrays[name], fill["png"] = np.frombuffer(content, np.uint8), name
    return arrays


def _put_back(document: dict[str, Any], archive: Archive) -> None:
    """Put the pasted pictures back into a header; what is not there is refused as no picture."""
    for fill in _picture_fills(document):
        content = archive.arrays.get(fill["png"])
        if content is not None and content.dtype == np.uint8:
            fill["png"] = content.tobytes().decode("latin-1")


def _trace(archive: Archive, info: RunInfo) -> Trace:
    prefix = f"runs/{info.id}/"
    arrays = {n.removeprefix(prefix): a for n, a in archive.arrays.items() if n.startswith(prefix)}
    trace = Trace.of_arrays(arrays, info.candidates)
    if len(trace.winner) != 1:
        raise ValueError(f"run {info.id} is of {len(trace.winner)} people, not of one")
    if len(trace) > info.schedule.steps + 1:
        raise ValueError(f"run {info.id} has more steps than its schedule")
    if any(not 0 <= record.stage < len(info.schedule.stages) for record in trace.records):
        raise ValueError(f"run {info.id} has other stages than its schedule")
    marked = [mark.step for mark in info.bookmarks]
    if len(set(marked)) < len(marked) or not all(0 <= step < len(trace) for step in marked):
        raise ValueError(f"run {info.id} has bookmarks that are not one to a step of its own")
    if trace.records and set(trace.terms) != set(info.schedule.terms):
        raise ValueError(f"run {info.id} has other terms than its schedule")
    return trace


def _photo(archive: Archive, info: PhotoInfo) -> UInt8[np.ndarray, "height width 3"] | None:
    pixels = archive.arrays.get("photo")
    if pixels is None:
        return None
    if pixels.dtype != np.uint8 or pixels.shape != (info.size[1], info.size[0], 3):
        raise ValueError(f"its photo is {pixels.dtype} of {pixels.shape}")
    if digest(pixels) != info.sha256:
        raise ValueError("its photo is not the one it names")
    return pixels


def _keypoints(archive: Archive) -> Keypoints | None:
    if _KEYPOINTS[0] not in archive.arrays:
        return None
    xy, confidence = (archive.arrays.get(name) for name in _KEYPOINTS)
    if xy is None or confidence is None or xy.shape != (1, 24, 2) or confidence.shape != (1, 24):
        raise ValueError("its keypoints are not those of one person")
    if not (np.isfinite(xy).all() and np.isfinite(confidence).all()):
        raise ValueError("its keypoints are not finite")
    values = (np.array(value, np.float32) for value in (xy, confidence))
    return Keypoints(*(torch.from_numpy(value) for value in values))


def _check_tree(runs: tuple[Run, ...]) -> None:
    """Parents come before their children and have the step these begin at."""
    lengths: dict[int, int] = {}
    for run in runs:
        info = run.info
        if info.id in lengths:
            raise ValueError(f"two runs {info.id}")
        if info.parent is not None and not 0 <= (info.at_step or 0) < lengths.get(info.parent, 0):
            raise ValueError(f"run {info.id} branches from a step that is not there")
        lengths[info.id] = len(run.trace)
    if not runs:
        raise ValueError("it has no run")
