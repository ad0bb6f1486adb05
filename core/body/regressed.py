"""Bodies that other programs have regressed, as starts of a fit: arrays of an npz.

Arrays are told by the last part of their names, with or without ``pred_``:

- pose: ``global_orient`` and ``body_pose`` (ours, 4D-Humans, CameraHMR), or ``rotmat`` (SPIN) or
  ``pose`` (PARE) of all joints; axis-angle or matrices;
- shape: ``betas`` or ``shape``;
- place: ``transl`` or ``trans`` in the photo's camera, ``cam_t_full`` or ``cam_t`` with the focal
  length that it belongs to (``scaled_focal_length``, ``focal_length``, ``focal``), or a weak
  perspective camera s, tx, ty (``cam``, ``camera``) of a square crop: ``box_center`` and
  ``box_size`` (4D-Humans), ``bboxes`` (PARE: middle, width, height), or ``center`` and ``scale``
  (SPIN: in 200 pixels).

A camera of another focal length sees the same picture if the depth is scaled with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64

from core.body.params import BodyParams, check_params
from core.errors import UserError
from core.geometry.crop import Box
from core.geometry.rotations import axis_angle_from_rotation
from core.io.files import printable
from core.io.npz import NpzReader

MAX_BYTES = 256 * 2**20
MAX_PEOPLE = 100_000
LARGEST, LEAST = 1e7, 1e-4
"""Of numbers; and of focal lengths and sizes, which are divided by."""
_FIX = "save the arrays of the regressor with numpy.savez (no pickled objects)"
_POSES = ("rotmat", "poses", "pose", "thetas", "theta")
_SHAPES = ("betas", "shape")
_PLACES = ("transl", "trans")
_FULL = ("cam_t_full", "cam_t")
_FOCALS = ("scaled_focal_length", "focal_length", "focal")
_WEAK = ("cam", "camera")
_UNIT = 200.0  # pixels of SPIN's scale
_Arrays = Mapping[str, np.ndarray]


def load_start(
    path: Path, size: tuple[int, int], focal: float, box: Box | None = None
) -> BodyParams:
    """One body of a file, in the photo's camera.

    Args:
        size: width and height of the photo in pixels.
        focal: of the photo's camera, pixels.
        box: of the person who is meant; by default the first body is taken.

    Raises:
        UserError: the file is missing, damaged, holds no body, or one that cannot be.
    """
    path = Path(path)
    label = printable(path)
    arrays = _numbers(path, label)
    pose = _pose(arrays, label)
    betas = _found(arrays, _SHAPES)
    betas = np.zeros((len(pose), 10)) if betas is None else _tenfold(betas, label)
    place = _place(arrays, size, focal, label)
    if len({len(pose), len(betas), len(place)}) > 1:
        raise UserError(f"{label}: pose, shape and place are of different numbers of people")
    if not 1 <= len(pose) <= MAX_PEOPLE:
        raise UserError(f"{label} holds {len(pose)} bodies; give 1 to {MAX_PEOPLE}")
    number = 0 if box is None else _nearest(place, size, focal, box)
    chosen = (pose[number, 0], pose[number, 1:], betas[number], place[number])
    return check_params(BodyParams(*(torch.from_numpy(v[None]) for v in chosen)), f"{label}: ")


def _numbers(path: Path, label: str) -> _Arrays:
    """Arrays of numbers by the last parts of their names."""
    reader = NpzReader(path, "npz of regressed bodies", _FIX, MAX_BYTES)
    known = {*_POSES, *_SHAPES, *_PLACES, *_FULL, *_FOCALS, *_WEAK, "global_orient", "body_pose"}
    known |= {"box_center", "box_size", "bboxes", "center", "scale"}
    names: dict[str, str] = {}
    for name in reader.names:
        short = name.replace(".", "/").split("/")[-1].removeprefix("pred_")
        if short in known:
            names.setdefault(short, name)
    arrays = {}
    for short, array in zip(names, reader.arrays(list(names.values())).values(), strict=True):
        if array.dtype.kind not in "fiu" or array.size == 0:
            raise UserError(f"{label}: {names[short]} does not hold numbers")
        arrays[short] = np.atleast_1d(array).astype(np.float64)
        if not (np.abs(arrays[short]) <= LARGEST).all():
            raise UserError(f"{label}: {names[short]} must hold finite numbers up to {LARGEST:g}")
    return arrays


def _found(arrays: _Arrays, names: tuple[str, ...]) -> np.ndarray | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _pose(arrays: _Arrays, label: str) -> Float64[np.ndarray, "people 24 3"]:
    """Axis-angle of all joints."""
    if "global_orient" in arrays and "body_pose" in arrays:
        body = _turns(arrays["body_pose"], (23, 21), f"{label}: body_pose")
        root = _turns(arrays["global_orient"], (1,), f"{label}: global_orient")
        if len(root) != len(body):
            raise UserError(f"{label}: global_orient and body_pose are of different people")
        hands = np.zeros((len(body), 23 - body.shape[1], 3))  # SMPL-X has none of SMPL's
        return np.concatenate([root, body, hands], 1)
    whole = _found(arrays, _POSES)
    if whole is None:
        raise UserError(f"{label} holds no pose: global_orient and body_pose, rotmat, or pose")
    return _turns(whole, (24,), f"{label}: the pose")


def _turns(
    values: np.ndarray, joints: tuple[int, ...], label: str
) -> Float64[np.ndarray, "people joints 3"]:
    """Axis-angle of so many joints a person, from axis-angle or matrices."""
    matrices = values.ndim >= 2 and values.shape[-2:] == (3, 3)
    width = 9 if matrices else 3
    for count in joints:
        row = count * width
        alone = values.size == row
        if not alone and (values.ndim < 2 or values[0].size != row):
            continue
        if not matrices:
            return values.reshape(-1, count, 3)
        rotations = torch.from_numpy(values.reshape(-1, count, 3, 3).copy())
        square = rotations @ rotations.mT - torch.eye(3, dtype=torch.float64)
        if not bool((square.abs() < 1e-2).all()):
            raise UserError(f"{label} holds matrices that are no rotations")
        return axis_angle_from_rotation(rotations).numpy()
    raise UserError(f"{label} is {values.shape}: no {' or '.join(map(str, joints))} joints")


def _tenfold(betas: np.ndarray, label: str) -> Float64[np.ndarray, "people 10"]:
    """The first ten coefficients."""
    rows = betas.reshape(1, -1) if betas.ndim == 1 else betas.reshape(len(betas), -1)
    if rows.shape[1] < 10:
        raise UserError(f"{label}: {rows.shape[1]} coefficients of shape; ten are needed")
    return rows[:, :10]


def _place(
    arrays: _Arrays, size: tuple[int, int], focal: float, label: str
) -> Float64[np.ndarray, "people 3"]:
    """Translations in the photo's camera."""
    given = _found(arrays, _PLACES)
    if given is not None:
        return _threes(given, f"{label}: transl")
    weak = _found(arrays, _WEAK)
    box = _square(arrays, label) if weak is not None else None
    full, theirs = arrays.get("cam_t_full"), _found(arrays, _FOCALS)
    if full is None and box is None and theirs is not None:
        full = arrays.get("cam_t")
    if full is not None and theirs is not None:
        place = _threes(full, f"{label}: cam_t")
        theirs = theirs.reshape(len(theirs), -1)[:, :1]
        if len(theirs) not in (1, len(place)) or not (theirs > LEAST).all():
            raise UserError(f"{label}: the focal length does not fit the bodies")
        scale = focal / theirs
        return place * np.concatenate([np.ones_like(scale).repeat(2, 1), scale], 1)
    if weak is None or box is None:
        raise UserError(
            f"{label} does not say where the body is: transl, cam_t_full with focal_length, or cam "
            "with its box (see core/body/regressed.py)"
        )
    camera, (width, height) = _threes(weak, f"{label}: cam"), size
    if len(box) != len(camera) or not (box[:, 2] * camera[:, 0] > LEAST).all():
        raise UserError(f"{label}: cameras and boxes do not fit")
    reach = box[:, 2] * camera[:, 0]
    middle = 2 * (box[:, :2] - [width / 2, height / 2]) / reach[:, None]
    return np.concatenate([camera[:, 1:] + middle, 2 * focal / reach[:, None]], 1)


def _square(arrays: _Arrays, label: str) -> Float64[np.ndarray, "people 3"] | None:
    """Middle and side of the crops, pixels of the photo."""
    if "box_center" in arrays and "box_size" in arrays:
        middle, side = arrays["box_center"], arrays["box_size"].reshape(-1, 1)
    elif "bboxes" in arrays:
        boxes = arrays["bboxes"].reshape(-1, arrays["bboxes"].shape[-1])
        if boxes.shape[1] < 3:
            raise UserError(f"{label}: bboxes holds {boxes.shape[1]} numbers a person")
        middle, side = boxes[:, :2], boxes[:, 2:4].max(1, keepdims=True)
    elif "center" in arrays and "scale" in arrays:
        middle, side = arrays["center"], _UNIT * arrays["scale"].reshape(-1, 1)
    else:
        return None
    middle = middle.reshape(-1, 2) if middle.size == 2 * len(side) else middle
    if middle.shape != (len(side), 2):
        raise UserError(f"{label}: middles and sizes of boxes are of different people")
    return np.concatenate([middle, side], 1)


def _threes(values: np.ndarray, label: str) -> Float64[np.ndarray, "people 3"]:
    if values.size % 3 or values.shape[-1] != 3:
        raise UserError(f"{label} is {values.shape}, not three numbers a person")
    return values.reshape(-1, 3)


def _nearest(
    place: Float64[np.ndarray, "people 3"], size: tuple[int, int], focal: float, box: Box
) -> int:
    """The body that is nearest to the middle of a box in the photo."""
    depth = np.where(place[:, 2:] > LEAST, place[:, 2:], np.nan)
    pixels = focal * place[:, :2] / depth + np.array(size) / 2
    middle = [box.x + box.width / 2, box.y + box.height / 2]
    away = np.linalg.norm(pixels - middle, axis=1)
    return int(np.nanargmin(away)) if np.isfinite(away).any() else 0
