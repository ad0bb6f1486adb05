"""Films of several calibrated cameras with triangulated points, laid out as Pose2Sim does.

A trial is a file of points (``.trc`` or ``.npz``, see `core.datasets.trc`) with the films of its
cameras. In Pose2Sim's layout they are ``TRIAL/pose-3d/*.trc`` and ``TRIAL/videos/*.mp4``. Files
that lie in one folder belong together by the first word of their names: ``P00_balancing.trc``
and ``P00_cam01.mp4``. The calibration is the one ``*.toml`` that lies in the trial's folder, in a
folder "calibration" or in the nearest folder above. A camera's section (``cam_01``) and the end of
its film's name (``cam01``) are the same but for punctuation.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float64

from core.datasets.files import FIX, require_folder
from core.datasets.landmarks import PointLayout, sort_points
from core.datasets.record import Columns, PhotoDataset, without_bad_boxes
from core.datasets.trc import MarkerTrack, read_track
from core.errors import UserError
from core.io.files import printable, read_text, readable
from core.io.film import Film, is_film

TRACKS = (".trc", ".npz")
MARGIN = 0.05
"""Of a box around the points, at each side, as a share of its longer side."""
_MAX_CALIBRATION = 1 << 20

_NAMES = {
    "nose": "nose",
    "head": "head_top",
    **{f"{s}{n}": f"{s}_{n}" for s in "lr" for n in ("hip", "knee", "ankle", "shoulder", "elbow")},
    **{f"{s}{n}": f"{s}_{n}" for s in "lr" for n in ("wrist", "heel", "eye", "ear")},
    **{f"{s}bigtoe": f"{s}_big_toe" for s in "lr"},
    **{f"{s}smalltoe": f"{s}_small_toe" for s in "lr"},
}
"""Pose2Sim's names of points, in lower case, and this project's."""


@dataclass(frozen=True)
class LensCamera:
    """A calibrated camera of OpenCV's model: x_camera = R x_world + t.

    Attributes:
        matrix: intrinsics in pixels.
        distortion: k1, k2, p1, p2.
        rotation: axis times angle.
        translation: metres.
    """

    name: str
    matrix: Float64[np.ndarray, "3 3"]
    distortion: Float64[np.ndarray, "4"]
    rotation: Float64[np.ndarray, "3"]
    translation: Float64[np.ndarray, "3"]

    def place(self, points: Float64[np.ndarray, "*n 3"]) -> Float64[np.ndarray, "*n 3"]:
        """World points in the camera's frame."""
        return points @ cv2.Rodrigues(self.rotation)[0].T + self.translation

    def project(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 2"]:
        """Pixels of points in the camera's frame; the first pixel's middle is (0.5, 0.5)."""
        still = np.zeros(3)
        pixels = cv2.projectPoints(points, still, still, self.matrix, self.distortion)[0]
        return pixels[:, 0] + 0.5


@dataclass(frozen=True)
class _View:
    """One camera's film of one person."""

    subject: str
    sequence: str
    film: Path
    camera: LensCamera
    track: MarkerTrack


def open_multiview(folder: Path, split: str = "all") -> PhotoDataset:
    """The people of all trials in and below a folder: each camera, each frame.

    Raises:
        UserError: there is no trial, or a calibration or a film is missing or damaged.
    """
    require_folder(folder, "films, calibration and 3D points")
    files = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in TRACKS and p.is_file()]
    views = [view for path in files for view in _views(path, folder)]
    if not views:
        raise UserError(
            f"{printable(folder)} holds no 3D points (.trc, .npz); see docs/datasets.md"
        )
    columns = [_columns(view, folder) for view in views]
    merged = {name: [row for part in columns for row in part[name]] for name in columns[0]}
    arrays: Columns = {k: np.array(v, np.float32) for k, v in merged.items() if k not in _LISTS}
    dataset = PhotoDataset(
        name="multiview",
        split=split,
        root=folder,
        placed=True,
        images=merged["images"],
        sequences=merged["sequences"],
        subjects=merged["subjects"],
        numbers=np.array(merged["numbers"], np.int32),
        **arrays,
    )
    return without_bad_boxes(dataset)


_LISTS = ("images", "sequences", "subjects", "numbers")


def _views(path: Path, root: Path) -> list[_View]:
    """The films of the person whose points are in ``path``."""
    trial = path.parent.parent if path.parent.name == "pose-3d" else path.parent
    films = _films(path, trial)
    if not films:
        raise UserError(f"{printable(path)} has no films beside it; see docs/datasets.md")
    cameras = {_plain(c.name): c for c in read_calibration(_calibration(trial, root))}
    track = read_track(path)
    found = []
    for film in films:
        named = [name for name in cameras if _plain(film.stem).endswith(name)]
        if not named:
            raise UserError(f"the film {printable(film)} names no camera of {', '.join(cameras)}")
        found.append(_View(path.stem, f"{path.stem}_{named[0]}", film, cameras[named[0]], track))
    return found


def _films(path: Path, trial: Path) -> list[Path]:
    """The films of a trial: of its folder, or of the same first word."""
    inside = sorted(p for p in (trial / "videos").glob("*") if is_film(p))
    beside = sorted(p for p in path.parent.glob("*") if is_film(p))
    word = path.stem.split("_")[0]
    return inside or [p for p in beside if p.stem.split("_")[0] == word]


def _calibration(trial: Path, root: Path) -> Path:
    """The calibration of a trial, in its folder or above, up to the data set's folder."""
    above = [trial, *(p for p in trial.parents if p.is_relative_to(root))]
    for place in above:
        beside = [
            d for d in sorted(place.glob("*")) if d.is_dir() and "calibration" in d.name.lower()
        ]
        for holder in (place, *beside):
            found = sorted(p for p in holder.glob("*.toml") if "calib" in p.name.lower())
            if len(found) > 1:
                names = ", ".join(p.name for p in found)
                raise UserError(f"{printable(holder)} has several calibrations ({names}); keep one")
            if found:
                return found[0]
    raise UserError(f"no calibration (Calib*.toml) for {printable(trial)}; see docs/datasets.md")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def read_calibration(path: Path) -> list[LensCamera]:
    """The cameras of a calibration of Pose2Sim.

    Raises:
        UserError: it is missing, damaged, or holds no camera.
    """
    with readable(path, "calibration", FIX):
        sections = tomllib.loads(read_text(path, _MAX_CALIBRATION))
        cameras = [
            _camera(name, section)
            for name, section in sections.items()
            if isinstance(section, dict) and "matrix" in section
        ]
    if not cameras:
        raise UserError(f"{printable(path)} holds no camera; {FIX}")
    return cameras


def _camera(name: str, section: dict) -> LensCamera:
    wanted = (("matrix", (3, 3)), ("distortions", (4,)), ("rotation", (3,)), ("translation", (3,)))
    if missing := [key for key, _ in wanted if key not in section]:
        raise ValueError(f"camera {name} has no {missing[0]!r}")
    return LensCamera(name, *(_numbers(section[key], shape) for key, shape in wanted))


def _numbers(values: object, shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(values, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"numbers of shape {array.shape} in place of {shape}")
    return array


def _columns(view: _View, root: Path) -> dict[str, list]:
    """The columns of one view, with the frames in which the person is inside the picture."""
    width, height = Film(view.film).size
    layout: PointLayout = tuple(_NAMES.get(_plain(name)) for name in view.track.names)
    rows: dict[str, list] = {name: [] for name in _COLUMNS}
    lens = view.camera.matrix
    for number, points in zip(view.track.frames, view.track.points, strict=True):
        placed = view.camera.place(points)
        known = np.isfinite(placed).all(1) & (placed[:, 2] > 0.1)
        if known.sum() < 6:
            continue
        pixels = np.full((len(points), 2), np.nan)
        pixels[known] = view.camera.project(placed[known])
        box = _box(pixels[known], width, height)
        if box is None:
            continue
        sure = known.astype(np.float64)[:, None]
        joints3d, landmarks3d = sort_points(np.concatenate([placed, sure], 1)[None], layout)
        joints2d, landmarks2d = sort_points(np.concatenate([pixels, sure], 1)[None], layout)
        values = (
            str(view.film.relative_to(root)),
            view.sequence,
            view.subject,
            number,
            box,
            joints2d[0],
            landmarks2d[0],
            joints3d[0],
            landmarks3d[0],
            [lens[0, 0], lens[1, 1], lens[0, 2] + 0.5, lens[1, 2] + 0.5],
        )
        for name, value in zip(_COLUMNS, values, strict=True):
            rows[name].append(value)
    return rows


_COLUMNS = (
    *("images", "sequences", "subjects", "numbers", "boxes"),
    *("joints2d", "landmarks2d", "joints3d", "landmarks3d", "intrinsics"),
)


def _box(pixels: np.ndarray, width: int, height: int) -> list[float] | None:
    """Box of the points with a margin; None if fewer than half of them are inside the picture."""
    inside = ((pixels >= 0) & (pixels <= [width, height])).all(1)
    if inside.mean() < 0.5:
        return None
    low, high = pixels.min(0), pixels.max(0)
    margin = MARGIN * (high - low).max()
    low, high = low - margin, high + margin
    return [*low.tolist(), *(high - low).tolist()]
