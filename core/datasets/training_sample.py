"""Training samples from people in photos: the crop, and what is known of the body in it.

Data sets contain different annotations. Unknown values are filled with those of a stand-in (an
upright body in the middle of the crop), so that all arrays are finite, and `Has` or a confidence of
0 states that nothing may be learnt from them.

Pose, betas and translation are SMPL's. The joints of the trained body mean the same, so that its
pose and joints can be learnt from SMPL's; betas cannot. With the user's SMPL file the posed body
gives joints, parts and depth, and its rest joints give the betas of the trained body with the
nearest bones (`RestJoints.betas_of`). These suffice to place kernels, but bones do not determine
girth, so they are not marked as true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8

from core.body.model import Body
from core.datasets.crop import PhotoCrop, crop_person
from core.datasets.record import PhotoDataset, PhotoRecord
from core.geometry.crop import PADDING
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.render.mesh.raster import rasterize

FAR = 5000 / 224
"""Focal length that fits to crops (SPIN, EFT) assume, in crop sides: a distant camera."""
LEAST_POINTS = 6
"""Smallest number of 2D joints from which an unknown translation is computed."""
MISSES = 0.06
"""Largest median distance from these joints, as a share of the crop; else it stays unknown."""
_BONE_NOISE = 0.01  # metres; standard deviation of rest joints that betas do not explain
_UPRIGHT = (np.pi, 0.0, 0.0)
_STAND_IN_HEIGHT = 2.2  # metres across the crop at the stand-in's depth


@dataclass(frozen=True)
class Has:
    """What of a sample is true, beside joints, which have confidences.

    Attributes:
        pose: of all joints, and the body's rotation in the crop camera.
        shape: betas are those of the body that is trained.
        place: transl.
        parts: and depth; both amodal, of the body behind whatever hides it.
        occluder: it is known what hides the body. If not, its parts are known all the same, but not
            which of them are seen.
    """

    pose: bool
    shape: bool
    place: bool
    parts: bool
    occluder: bool


@dataclass(frozen=True)
class CropSample:
    """The training sample of one person, in the crop camera's frame.

    Attributes:
        pose, betas, transl: of the body that is trained.
        parts: 0 background, 1 + joint.
        occluder: True outside the photo; objects are not known.
        depth: metres; infinite outside the body.
        joints3d: x, y, z, confidence; metres, only relative to each other unless ``has.place``.
        joints2d: x, y, confidence in pixels of the crop.
    """

    image: UInt8[np.ndarray, "s s 3"]
    focal: float
    pose: Float[np.ndarray, "24 3"]
    betas: Float[np.ndarray, "10"]
    transl: Float[np.ndarray, "3"]
    parts: UInt8[np.ndarray, "s/4 s/4"]
    occluder: Bool[np.ndarray, "s/4 s/4"]
    depth: Float32[np.ndarray, "s/2 s/2"]
    joints3d: Float32[np.ndarray, "24 4"]
    joints2d: Float32[np.ndarray, "24 3"]
    has: Has


@dataclass(frozen=True)
class RestJoints:
    """Rest joints of the body that is trained: ``template + shapedirs @ betas``, metres."""

    template: Float[np.ndarray, "24 3"]
    shapedirs: Float[np.ndarray, "24 3 10"]

    @staticmethod
    def of_volume(volume: NeuralBodyVolume) -> RestJoints:
        """The rest joints of a volume's body."""
        tables = (volume.joint_template, volume.joint_shapedirs)
        return RestJoints(*(table.double().cpu().numpy() for table in tables))

    def pelvis(self, betas: Float[np.ndarray, "10"]) -> Float[np.ndarray, "3"]:
        """The rest pelvis, about which the root rotation acts."""
        return self.template[0] + self.shapedirs[0] @ betas

    def betas_of(self, joints: Float[np.ndarray, "24 3"]) -> Float[np.ndarray, "10"]:
        """Betas whose rest joints, relative to the pelvis, are nearest to given ones.

        They are the maximum a posteriori for standard normal betas and Gaussian noise of the
        joints with a standard deviation of a centimetre (ridge regression).
        """
        wanted = (joints - joints[0]) - (self.template - self.template[0])
        system = (self.shapedirs - self.shapedirs[0]).reshape(-1, 10)
        normal = system.T @ system + _BONE_NOISE**2 * np.eye(10)
        return np.linalg.solve(normal, system.T @ wanted.ravel())


@dataclass(frozen=True)
class SmplBody:
    """A user's SMPL model with the tables for rendering.

    Attributes:
        is_trained: whether it is the body that is trained, so that its betas are true.
    """

    body: Body
    is_trained: bool

    @cached_property
    def faces(self) -> np.ndarray:
        """Triangles as the rasteriser takes them."""
        return self.body.faces.numpy().astype(np.int32)

    @cached_property
    def labels(self) -> UInt8[np.ndarray, " faces"]:
        """1 + joint of each face."""
        return (self.body.face_part.numpy() + 1).astype(np.uint8)


@dataclass(frozen=True)
class CropSettings:
    """How samples are made from people.

    Attributes:
        size: pixels of the crops.
        trained: rest joints of the body that is trained.
        bodies: the user's SMPL models by gender; betas of other genders are not used.
        unoccluded: the user asserts that nothing occludes the people of this data set.
    """

    size: int
    trained: RestJoints
    bodies: Mapping[str, SmplBody]
    unoccluded: bool = False

    def body_of(self, record: PhotoRecord) -> SmplBody | None:
        """The model of a record's pose and betas; neutral if its gender is unknown."""
        return self.bodies.get(record.gender or "neutral")


@dataclass(frozen=True)
class _TrueBody:
    """The posed SMPL body in the crop camera's frame, metres."""

    vertices: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]
    rest: Float32[np.ndarray, "24 3"]
    is_placed: bool


def crop_sample(dataset: PhotoDataset, index: int, settings: CropSettings) -> CropSample:
    """One person of a data set as a training sample; the photo is read.

    Raises:
        UserError: the photo cannot be read.
    """
    record = dataset[index]
    far = FAR * PADDING * max(record.box.width, record.box.height)
    focal = far if record.frame == "crop" else None
    crop = crop_person(dataset, index, settings.size, focal=focal)
    model = settings.body_of(record)
    true = None if model is None else _true_body(crop, model)
    betas = _betas(crop, model, true, settings.trained)
    joints3d = _joints3d(crop, true)
    is_placed = true.is_placed if true else crop.placed and joints3d[0, 3] > 0
    stand_in = np.array([0.0, 0.0, crop.view.focal * _STAND_IN_HEIGHT / settings.size])
    parts, depth = _rasterized(crop, model, true)
    has = Has(
        pose=crop.pose is not None,
        shape=true is not None and model is not None and model.is_trained,
        place=bool(is_placed),
        parts=true is not None and true.is_placed,
        occluder=settings.unoccluded,
    )
    return CropSample(
        image=crop.image,
        focal=crop.view.focal,
        pose=_upright() if crop.pose is None else crop.pose.astype(np.float64),
        betas=betas,
        transl=(joints3d[0, :3] if is_placed else stand_in) - settings.trained.pelvis(betas),
        parts=parts,
        occluder=~crop.inside[2::4, 2::4],
        depth=depth,
        joints3d=joints3d,
        joints2d=_joints2d(crop, true),
        has=has,
    )


@torch.no_grad()
def _true_body(crop: PhotoCrop, model: SmplBody) -> _TrueBody | None:
    """The record's body, translated by the data set or onto the 2D joints; None if unknown."""
    if crop.pose is None or crop.betas is None:
        return None
    rotations = rotation_from_axis_angle(torch.from_numpy(crop.pose)[None])
    betas = torch.from_numpy(crop.betas)[None]
    posed = model.body.pose(rotations, betas, torch.zeros(1, 3))
    rest = model.body.rest_joints(betas)[0].numpy()
    vertices, joints = posed.vertices[0].numpy(), posed.joints[0].numpy()
    place = crop.transl(rest[0])
    if place is None:
        place = place_on_points(joints, crop.joints2d, crop.view.focal, crop.view.size)
    if place is None or (vertices[:, 2] + place[2]).min() <= 0:
        return _TrueBody(vertices, joints, rest, False)
    return _TrueBody(vertices + place, joints + place, rest, True)


def place_on_points(
    joints: Float[np.ndarray, "24 3"],
    points: Float[np.ndarray, "24 3"] | None,
    focal: float,
    size: int,
) -> Float32[np.ndarray, "3"] | None:
    """The translation by which joints project onto 2D joints; None if it is not determined.

    A joint X at the pixel u, relative to the middle, requires ``f (X + t)_xy = u (X + t)_z``, which
    is linear in t. The least-squares solution, weighted by confidence, is refused if joints are
    behind the camera or far from their pixels.
    """
    if points is None or (points[:, 2] > 0).sum() < LEAST_POINTS:
        return None
    weight, seen = points[:, 2, None], points[:, :2] - size / 2
    rows = np.zeros((24, 2, 3))
    rows[:, 0, 0] = rows[:, 1, 1] = focal
    rows[:, :, 2] = -seen
    goal = seen * joints[:, 2:] - focal * joints[:, :2]
    system = (rows * weight[..., None]).reshape(-1, 3)
    place = np.linalg.lstsq(system, (goal * weight).ravel(), rcond=None)[0]
    moved = joints + place
    if moved[:, 2].min() <= 0:
        return None
    apart = np.linalg.norm(focal * moved[:, :2] / moved[:, 2:] - seen, axis=1)
    fits = np.median(apart[points[:, 2] > 0]) < MISSES * size
    return place.astype(np.float32) if fits else None


def _betas(
    crop: PhotoCrop, model: SmplBody | None, true: _TrueBody | None, trained: RestJoints
) -> Float[np.ndarray, "10"]:
    """Betas of the trained body; the mean shape where nothing is known."""
    if true is None or crop.betas is None:
        return np.zeros(10)
    if model is not None and model.is_trained:
        return crop.betas.astype(np.float64)
    return trained.betas_of(true.rest.astype(np.float64))


def _joints3d(crop: PhotoCrop, true: _TrueBody | None) -> Float32[np.ndarray, "24 4"]:
    """All joints of the body, or else those that the data set contains."""
    if true is not None:
        return np.concatenate([true.joints, np.ones((24, 1), np.float32)], 1)
    return np.zeros((24, 4), np.float32) if crop.joints3d is None else crop.joints3d


def _joints2d(crop: PhotoCrop, true: _TrueBody | None) -> Float32[np.ndarray, "24 3"]:
    """Annotated joints; the others are projected from the body if its translation is known."""
    points = np.zeros((24, 3), np.float32) if crop.joints2d is None else crop.joints2d
    if true is None or not true.is_placed:
        return points
    pixels = crop.view.focal * true.joints[:, :2] / true.joints[:, 2:] + crop.view.size / 2
    projected = np.concatenate([pixels, np.ones((24, 1))], 1)
    return np.where(points[:, 2:] > 0, points, projected).astype(np.float32)


def _rasterized(
    crop: PhotoCrop, model: SmplBody | None, true: _TrueBody | None
) -> tuple[UInt8[np.ndarray, "s/4 s/4"], Float32[np.ndarray, "s/2 s/2"]]:
    """Parts and depth of the body, empty if it or its translation is unknown."""
    size, focal = crop.view.size, crop.view.focal
    if model is None or true is None or not true.is_placed:
        return np.zeros((size // 4,) * 2, np.uint8), np.full((size // 2,) * 2, np.inf, np.float32)
    coarse, fine = (
        rasterize(
            true.vertices,
            model.faces,
            focal / stride,
            (size / stride / 2,) * 2,
            size // stride,
            size // stride,
        )
        for stride in (4, 2)
    )
    return model.labels[coarse.face_ids] * coarse.mask, fine.depth


def _upright() -> Float[np.ndarray, "24 3"]:
    """The stand-in's pose: upright, facing the camera."""
    pose = np.zeros((24, 3))
    pose[0] = _UPRIGHT
    return pose
