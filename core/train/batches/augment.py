"""Augmentation of training crops that keeps the labels exact.

The geometric part is a small rotation of the camera (pan, tilt, roll), a change of its focal
length, and a mirror image. Rotation and focal length change the crop by a homography that does not
depend on depth, so body, depth and masks are transformed exactly.
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
    """Strength of the augmentation.

    Attributes:
        flip: probability of a mirror image.
        roll: largest roll, degrees.
        shift: largest shift of the crop's middle, as a share of the crop's side.
        zoom: largest change of the logarithm of the focal length.
        colour: strength of the changes of contrast, brightness, colour balance and saturation.
        grey: probability of a grey image.
        patches: probability of an additional occluding patch; 0, as in the paper.
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
    """One crop and its ground truth, as NumPy arrays; S is the crop's side."""

    image: UInt8[np.ndarray, "s s 3"]
    """RGB."""
    focal: float
    """Pixels; the principal point is the middle of the crop."""
    pose: Float[np.ndarray, "24 3"]
    """Axis-angle; the first is the root rotation in the crop camera's frame."""
    betas: Float[np.ndarray, "10"]
    transl: Float[np.ndarray, "3"]
    """Metres, crop camera."""
    parts: UInt8[np.ndarray, "s/4 s/4"]
    """0 background, 1 + joint; amodal."""
    occluder: Bool[np.ndarray, "s/4 s/4"]
    depth: Float[np.ndarray, "s/2 s/2"]
    """Metres, amodal; infinite where there is no body."""


@dataclass(frozen=True)
class ViewChange:
    """A rotation of the camera and a change of its focal length."""

    shift: Float[np.ndarray, "2"]
    """Shift of the crop's middle, as a share of the crop's side."""
    roll: float
    """Radians."""
    zoom: float
    """Factor of the focal length."""

    def rotation(self, truth: Truth) -> Float[np.ndarray, "3 3"]:
        """Rotation from the old to the new frame of a crop's camera."""
        shift = self.shift * len(truth.image) / truth.focal
        pan_tilt = Rotation.from_rotvec([-np.arctan(shift[1]), np.arctan(shift[0]), 0])
        return (Rotation.from_rotvec([0, 0, self.roll]) * pan_tilt).as_matrix()


@dataclass(frozen=True)
class Patch:
    """An occluding rectangle."""

    region: tuple[slice, slice]
    """Rows and columns of the crop."""
    colour: Float[np.ndarray, "height width 3"]
    """RGB, 0..255."""


@dataclass(frozen=True)
class Augmentation:
    """The random numbers of one augmentation; they do not depend on the image.

    They are drawn apart from their application, so that a process can skip the images of other
    processes and still draw the same numbers.
    """

    flip: bool
    view: ViewChange
    patch: Patch | None
    colours: Float[np.ndarray, "3 4"]
    """Affine map of RGB values, 0..255."""


def draw_augmentation(
    size: int, settings: AugmentSettings, random: np.random.Generator
) -> Augmentation:
    """A random augmentation of crops of ``size`` pixels."""
    return Augmentation(
        flip=random.random() < settings.flip,
        view=draw_view(settings, random),
        patch=draw_patch(size, random) if random.random() < settings.patches else None,
        colours=draw_colours(settings, random),
    )


def augment(truth: Truth, pelvis: Float[np.ndarray, "3"], augmentation: Augmentation) -> Truth:
    """The augmented crop.

    Args:
        pelvis: rest pelvis of this shape in metres, about which the root rotation turns the body.
    """
    if augmentation.flip:
        truth = mirror(truth, pelvis)
    view = augmentation.view
    truth = change_view(truth, pelvis, view.rotation(truth), view.zoom)
    if augmentation.patch is not None:
        truth = cover_with_patch(truth, augmentation.patch)
    return replace(truth, image=cv2.transform(truth.image, augmentation.colours))


def mirror(truth: Truth, pelvis: Float[np.ndarray, "3"]) -> Truth:
    """The mirror image: left and right joints, parts and pixels are swapped."""
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


def draw_view(settings: AugmentSettings, random: np.random.Generator) -> ViewChange:
    """A random change of the view."""
    return ViewChange(
        shift=random.uniform(-settings.shift, settings.shift, 2),
        roll=float(np.deg2rad(random.uniform(-settings.roll, settings.roll))),
        zoom=float(np.exp(random.uniform(-settings.zoom, settings.zoom))),
    )


def change_view(
    truth: Truth, pelvis: Float[np.ndarray, "3"], rotation: Float[np.ndarray, "3 3"], zoom: float
) -> Truth:
    """The same scene in a camera that is rotated (new from old) and zoomed.

    Pixels move by the homography ``K' R K^-1``.
    """
    size = len(truth.image)
    old, new = _intrinsics(truth.focal, size), _intrinsics(truth.focal * zoom, size)
    homography = new @ rotation @ np.linalg.inv(old)
    root = (Rotation.from_matrix(rotation) * Rotation.from_rotvec(truth.pose[0])).as_rotvec()
    return Truth(
        image=_warp(truth.image, homography, 1, cv2.INTER_LINEAR),
        focal=truth.focal * zoom,
        pose=np.concatenate([root[None], truth.pose[1:]]),
        betas=truth.betas,
        transl=rotation @ (truth.transl + pelvis) - pelvis,
        parts=_warp(truth.parts, homography, 4, cv2.INTER_NEAREST),
        occluder=_warp(truth.occluder.astype(np.uint8), homography, 4, cv2.INTER_NEAREST, 1) > 0,
        depth=_rotate_depth(truth, rotation, homography),
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
    """Warp a map with cells of ``stride`` crop pixels; OpenCV puts cell centres at integers."""
    cell = np.array([[stride, 0, 0.5 * stride], [0, stride, 0.5 * stride], [0, 0, 1.0]])
    matrix = np.linalg.inv(cell) @ homography @ cell
    size = (image.shape[1], image.shape[0])
    return cv2.warpPerspective(image, matrix, size, flags=flags, borderValue=[fill] * 4)


def _rotate_depth(
    truth: Truth, rotation: Float[np.ndarray, "3 3"], homography: Float[np.ndarray, "3 3"]
) -> Float[np.ndarray, "side side"]:
    """Depth along the rotated camera's axis, resampled."""
    cells = len(truth.depth)
    ticks = ((np.arange(cells) + 0.5) / cells - 0.5) * len(truth.image) / truth.focal
    along = rotation[2, 0] * ticks[None, :] + rotation[2, 1] * ticks[:, None] + rotation[2, 2]
    depth = (truth.depth * along).astype(np.float32)
    return _warp(depth, homography, 2, cv2.INTER_NEAREST, np.inf)


def draw_patch(size: int, random: np.random.Generator) -> Patch:
    """A random rectangle of a random colour with noise."""
    height, width = (random.uniform(0.15, 0.4, 2) * size).astype(int)
    top, left = random.integers(size - height), random.integers(size - width)
    colour = random.integers(0, 256, 3) + random.normal(0, 20, (height, width, 3))
    return Patch((slice(top, top + height), slice(left, left + width)), colour.clip(0, 255))


def cover_with_patch(truth: Truth, patch: Patch) -> Truth:
    """Draw the patch onto the image and add it to the occluder mask."""
    image, covered = truth.image.copy(), np.zeros(truth.image.shape[:2], bool)
    image[patch.region], covered[patch.region] = patch.colour, True
    return replace(truth, image=image, occluder=truth.occluder | covered[2::4, 2::4])


def draw_colours(
    settings: AugmentSettings, random: np.random.Generator
) -> Float[np.ndarray, "3 4"]:
    """Random contrast, brightness, colour balance and saturation; sometimes grey."""
    strength = settings.colour
    gain = 1 + strength * random.uniform(-1, 1) + 0.3 * strength * random.uniform(-1, 1, 3)
    offset = 80 * strength * random.uniform(-1, 1)
    saturation = 0.0 if random.random() < settings.grey else 1 + strength * random.uniform(-1, 1)
    weights = np.array([0.299, 0.587, 0.114])  # luma of ITU-R BT.601
    # one 3x3 matrix: saturation about the grey value, then gain
    matrix = gain[:, None] * (saturation * np.eye(3) + (1 - saturation) * weights)
    return np.concatenate([matrix, np.full((3, 1), offset)], 1)
