"""Augmentation on the fly that keeps the truth exact.

Geometry is a small rotation of the camera (pan, tilt, roll) and a change of its focal length, for
which the crop changes by a homography whatever the depth; and a mirror image. Body, depth and masks
follow exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Bool, Float, UInt8
from scipy.spatial.transform import Rotation

from core.body.names import JOINT_FLIP

PART_FLIP = np.concatenate([[0], np.asarray(JOINT_FLIP) + 1]).astype(np.uint8)
"""Part labels (0 background, 1 + joint) of the mirror image."""


@dataclass(frozen=True)
class AugmentSettings:
    """How much to change; angles in degrees, shifts in crops.

    ``patches`` is the chance of an additional occluding patch; off, as in the paper.
    """

    flip: float = 0.5
    roll: float = 12.0
    shift: float = 0.06
    zoom: float = 0.15
    colour: float = 0.2
    grey: float = 0.05
    patches: float = 0.0


@dataclass(frozen=True)
class Truth:
    """One crop and its truth, as NumPy arrays; S is its side."""

    image: UInt8[np.ndarray, "s s 3"]
    focal: float
    pose: Float[np.ndarray, "24 3"]
    """Axis-angle; the first is global, in the crop camera's frame."""
    betas: Float[np.ndarray, "10"]
    transl: Float[np.ndarray, "3"]
    parts: UInt8[np.ndarray, "s/4 s/4"]
    occluder: Bool[np.ndarray, "s/4 s/4"]
    depth: Float[np.ndarray, "s/2 s/2"]


@dataclass(frozen=True)
class View:
    """A turn of the camera and a change of its focal length."""

    shift: Float[np.ndarray, "2"]
    """Crops by which the middle moves."""
    roll: float
    """Radians."""
    zoom: float
    """Factor of the focal length."""

    def turn(self, truth: Truth) -> Float[np.ndarray, "3 3"]:
        """The rotation, new from old, for the camera of a crop."""
        shift = self.shift * len(truth.image) / truth.focal
        pan_tilt = Rotation.from_rotvec([-np.arctan(shift[1]), np.arctan(shift[0]), 0])
        return (Rotation.from_rotvec([0, 0, self.roll]) * pan_tilt).as_matrix()


@dataclass(frozen=True)
class Patch:
    """An occluding rectangle."""

    place: tuple[slice, slice]
    """Rows and columns of the crop."""
    colour: Float[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Change:
    """Everything random about one augmentation, whatever picture it is done to.

    Drawing is apart from doing so that a process can pass over the images of others.
    """

    flip: bool
    view: View
    patch: Patch | None
    colours: Float[np.ndarray, "3 4"]
    """Affine map of colours, 0..255."""


def draw_change(size: int, settings: AugmentSettings, random: np.random.Generator) -> Change:
    """A random change of crops of ``size`` pixels."""
    return Change(
        flip=random.random() < settings.flip,
        view=draw_view(settings, random),
        patch=draw_patch(size, random) if random.random() < settings.patches else None,
        colours=draw_colours(settings, random),
    )


def augment(truth: Truth, pelvis: Float[np.ndarray, "3"], change: Change) -> Truth:
    """The changed crop.

    Args:
        pelvis: rest pelvis of this shape, about which the global rotation turns the body.
    """
    if change.flip:
        truth = mirror(truth, pelvis)
    truth = change_view(truth, pelvis, change.view.turn(truth), change.view.zoom)
    if change.patch is not None:
        truth = cover_with_patch(truth, change.patch)
    return replace(truth, image=cv2.transform(truth.image, change.colours))


def mirror(truth: Truth, pelvis: Float[np.ndarray, "3"]) -> Truth:
    """The mirror image: left and right joints, parts and pixels change places."""
    sign = np.array([1.0, -1.0, -1.0])
    position = (truth.transl + pelvis) * [-1, 1, 1]
    return Truth(
        image=np.ascontiguousarray(truth.image[:, ::-1]),
        focal=truth.focal,
        pose=truth.pose[np.asarray(JOINT_FLIP)] * sign,
        betas=truth.betas,
        transl=position - pelvis,
        parts=PART_FLIP[truth.parts[:, ::-1]],
        occluder=truth.occluder[:, ::-1].copy(),
        depth=truth.depth[:, ::-1].copy(),
    )


def draw_view(settings: AugmentSettings, random: np.random.Generator) -> View:
    """A random view."""
    return View(
        shift=random.uniform(-settings.shift, settings.shift, 2),
        roll=float(np.deg2rad(random.uniform(-settings.roll, settings.roll))),
        zoom=float(np.exp(random.uniform(-settings.zoom, settings.zoom))),
    )


def change_view(
    truth: Truth, pelvis: Float[np.ndarray, "3"], turn: Float[np.ndarray, "3 3"], zoom: float
) -> Truth:
    """See the same scene with a camera that is turned (new from old) and zoomed."""
    size = len(truth.image)
    old, new = _intrinsics(truth.focal, size), _intrinsics(truth.focal * zoom, size)
    homography = new @ turn @ np.linalg.inv(old)
    root = (Rotation.from_matrix(turn) * Rotation.from_rotvec(truth.pose[0])).as_rotvec()
    return Truth(
        image=_warp(truth.image, homography, 1, cv2.INTER_LINEAR),
        focal=truth.focal * zoom,
        pose=np.concatenate([root[None], truth.pose[1:]]),
        betas=truth.betas,
        transl=turn @ (truth.transl + pelvis) - pelvis,
        parts=_warp(truth.parts, homography, 4, cv2.INTER_NEAREST),
        occluder=_warp(truth.occluder.astype(np.uint8), homography, 4, cv2.INTER_NEAREST, 1) > 0,
        depth=_turn_depth(truth, turn, homography),
    )


def _intrinsics(focal: float, size: int) -> Float[np.ndarray, "3 3"]:
    return np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1.0]])


def _warp(
    image: np.ndarray,
    homography: Float[np.ndarray, "3 3"],
    stride: int,
    flags: int,
    fill: float = 0,
) -> np.ndarray:
    """Warp a map whose cells are ``stride`` crop pixels; OpenCV's cell centres are integers."""
    cell = np.array([[stride, 0, 0.5 * stride], [0, stride, 0.5 * stride], [0, 0, 1.0]])
    matrix = np.linalg.inv(cell) @ homography @ cell
    size = (image.shape[1], image.shape[0])
    return cv2.warpPerspective(image, matrix, size, flags=flags, borderValue=[fill] * 4)


def _turn_depth(
    truth: Truth, turn: Float[np.ndarray, "3 3"], homography: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "s/2 s/2"]:
    """Depth along the new camera's axis, resampled."""
    cells = len(truth.depth)
    ticks = ((np.arange(cells) + 0.5) / cells - 0.5) * len(truth.image) / truth.focal
    along = turn[2, 0] * ticks[None, :] + turn[2, 1] * ticks[:, None] + turn[2, 2]
    depth = (truth.depth * along).astype(np.float32)
    return _warp(depth, homography, 2, cv2.INTER_NEAREST, np.inf)


def draw_patch(size: int, random: np.random.Generator) -> Patch:
    """A random rectangle with a random colour and noise."""
    height, width = (random.uniform(0.15, 0.4, 2) * size).astype(int)
    top, left = random.integers(size - height), random.integers(size - width)
    colour = random.integers(0, 256, 3) + random.normal(0, 20, (height, width, 3))
    return Patch((slice(top, top + height), slice(left, left + width)), colour.clip(0, 255))


def cover_with_patch(truth: Truth, patch: Patch) -> Truth:
    """Put the patch before the picture."""
    image, covered = truth.image.copy(), np.zeros(truth.image.shape[:2], bool)
    image[patch.place], covered[patch.place] = patch.colour, True
    return replace(truth, image=image, occluder=truth.occluder | covered[2::4, 2::4])


def draw_colours(
    settings: AugmentSettings, random: np.random.Generator
) -> Float[np.ndarray, "3 4"]:
    """Random contrast, brightness, colour balance, saturation; sometimes no colour at all."""
    strength = settings.colour
    gain = 1 + strength * random.uniform(-1, 1) + 0.3 * strength * random.uniform(-1, 1, 3)
    offset = 80 * strength * random.uniform(-1, 1)
    saturation = 0.0 if random.random() < settings.grey else 1 + strength * random.uniform(-1, 1)
    weights = np.array([0.299, 0.587, 0.114])
    # one 3x3 matrix: saturation about the grey value, then gain
    matrix = gain[:, None] * (saturation * np.eye(3) + (1 - saturation) * weights)
    return np.concatenate([matrix, np.full((3, 1), offset)], 1)
