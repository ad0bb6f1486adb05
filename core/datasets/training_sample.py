"""From a person in a photo to a training sample: the crop and the labels that its data set has.

Data sets label different things. A missing label is filled with a placeholder (an upright body in
the middle of the crop), so that all arrays are finite; `SampleSupervision` or a confidence of 0
keeps the losses from using it.

Pose, betas and translation of a data set are SMPL's. Rotations and joints have the same meaning on
the trained body and are used as they are; betas do not. If the user has an SMPL file, the posed
SMPL body gives joints, parts and depth, and its rest joints give the nearest betas of the trained
body (`RestJoints.betas_of`). Those betas place the kernels well, but bone lengths say nothing about
girth, so the betas themselves are not used as labels.
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
"""Focal length over the crop's side that fits to crops (SPIN, EFT) assume: a distant camera."""
MIN_POINTS = 6
"""Fewest 2D joints from which a missing translation is estimated."""
MAX_MISS = 0.06
"""Median distance, over the crop's side, above which the estimated translation is rejected."""
_BONE_NOISE = 0.01  # metres, standard deviation of rest joints that betas cannot explain
_UPRIGHT = (np.pi, 0.0, 0.0)
_PLACEHOLDER_SPAN = 2.2  # metres that the crop's side spans at the placeholder's depth


@dataclass(frozen=True)
class SampleSupervision:
    """Which labels of a sample are known. Joints have confidences instead.

    Attributes:
        pose: all joint rotations, and the root's in the crop camera's frame.
        shape: betas of the trained body.
        place: transl.
        parts: parts and depth, both amodal.
        occluder: everything that hides the body. Without it parts may be known, but not which of
            them are visible.
    """

    pose: bool
    shape: bool
    place: bool
    parts: bool
    occluder: bool


@dataclass(frozen=True)
class CropSample:
    """One person as a training sample, in the crop camera's frame; S is the crop's side.

    Attributes:
        image: RGB.
        focal: pixels; the principal point is the middle of the crop.
        pose, betas, transl: of the trained body; axis-angle, metres.
        parts: 0 background, 1 + joint; amodal.
        occluder: outside the photo; objects are labelled only with ``supervision.occluder``.
        depth: metres, amodal; infinite where there is no body.
        joints3d: x, y, z in metres and confidence; absolute with ``supervision.place``, else
            relative to each other.
        joints2d: x, y in pixels of the crop and confidence.
        supervision: which labels are known.
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
    supervision: SampleSupervision


@dataclass(frozen=True)
class RestJoints:
    """Rest joints of the trained body: ``template + shapedirs @ betas``, metres."""

    template: Float[np.ndarray, "24 3"]
    shapedirs: Float[np.ndarray, "24 3 10"]

    @staticmethod
    def of_volume(volume: NeuralBodyVolume) -> RestJoints:
        """Rest joints of a volume's body."""
        tables = (volume.joint_template, volume.joint_shapedirs)
        return RestJoints(*(table.double().cpu().numpy() for table in tables))

    def pelvis(self, betas: Float[np.ndarray, "10"]) -> Float[np.ndarray, "3"]:
        """The rest pelvis, about which the root rotation turns the body."""
        return self.template[0] + self.shapedirs[0] @ betas

    def betas_of(self, joints: Float[np.ndarray, "24 3"]) -> Float[np.ndarray, "10"]:
        """Maximum-a-posteriori betas for the rest joints of another body, relative to the pelvis.

        ``argmin |S b - d|^2 / s^2 + |b|^2`` with the standard normal prior of betas and noise of
        s = 1 cm a coordinate.
        """
        wanted = (joints - joints[0]) - (self.template - self.template[0])
        system = (self.shapedirs - self.shapedirs[0]).reshape(-1, 10)
        normal = system.T @ system + _BONE_NOISE**2 * np.eye(10)
        return np.linalg.solve(normal, system.T @ wanted.ravel())


@dataclass(frozen=True)
class SmplBody:
    """A user's SMPL model with the tables for rendering.

    Attributes:
        is_trained: this is the trained body itself, so its betas are labels.
    """

    body: Body
    is_trained: bool

    @cached_property
    def faces(self) -> np.ndarray:
        """Triangles as int32, for the rasteriser."""
        return self.body.faces.numpy().astype(np.int32)

    @cached_property
    def labels(self) -> UInt8[np.ndarray, " faces"]:
        """Part label of each face: 1 + joint."""
        return (self.body.face_part.numpy() + 1).astype(np.uint8)


@dataclass(frozen=True)
class CropSettings:
    """How samples are made.

    Attributes:
        size: side of the crops in pixels.
        trained: rest joints of the trained body.
        bodies: the user's SMPL models by gender. A record whose model is missing gets no betas,
            parts or depth.
        unoccluded: the user states that no object hides the people of this data set.
    """

    size: int
    trained: RestJoints
    bodies: Mapping[str, SmplBody]
    unoccluded: bool = False

    def body_of(self, record: PhotoRecord) -> SmplBody | None:
        """The SMPL model of a record's gender, neutral if the record names none."""
        return self.bodies.get(record.gender or "neutral")


@dataclass(frozen=True)
class _TrueBody:
    """A posed SMPL body in the crop camera's frame, metres."""

    vertices: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]
    rest: Float32[np.ndarray, "24 3"]
    is_placed: bool


def crop_sample(dataset: PhotoDataset, index: int, settings: CropSettings) -> CropSample:
    """Read a person's photo and make the training sample.

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
    placeholder = np.array([0.0, 0.0, crop.view.focal * _PLACEHOLDER_SPAN / settings.size])
    parts, depth = _rasterized(crop, model, true)
    supervision = SampleSupervision(
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
        transl=(joints3d[0, :3] if is_placed else placeholder) - settings.trained.pelvis(betas),
        parts=parts,
        occluder=~crop.inside[2::4, 2::4],
        depth=depth,
        joints3d=joints3d,
        joints2d=_joints2d(crop, true),
        supervision=supervision,
    )


@torch.no_grad()
def _true_body(crop: PhotoCrop, model: SmplBody) -> _TrueBody | None:
    """The record's SMPL body, placed by the data set's translation, else by the 2D joints.

    None if the record has no pose or no betas.
    """
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
    """The translation t (metres) that projects joints onto 2D joints, by weighted least squares.

    A joint X seen at u (pixels from the middle) gives ``f (X + t)_xy = u (X + t)_z``: linear in t.

    Returns:
        None with fewer than `MIN_POINTS` 2D joints, for a body behind the camera, and for a
        reprojection error above `MAX_MISS`.
    """
    if points is None or (points[:, 2] > 0).sum() < MIN_POINTS:
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
    fits = np.median(apart[points[:, 2] > 0]) < MAX_MISS * size
    return place.astype(np.float32) if fits else None


def _betas(
    crop: PhotoCrop, model: SmplBody | None, true: _TrueBody | None, trained: RestJoints
) -> Float[np.ndarray, "10"]:
    """Betas of the trained body; the mean shape if there is no SMPL body."""
    if true is None or crop.betas is None:
        return np.zeros(10)
    if model is not None and model.is_trained:
        return crop.betas.astype(np.float64)
    return trained.betas_of(true.rest.astype(np.float64))


def _joints3d(crop: PhotoCrop, true: _TrueBody | None) -> Float32[np.ndarray, "24 4"]:
    """All 24 joints of the SMPL body; without one the joints that the data set labels."""
    if true is not None:
        return np.concatenate([true.joints, np.ones((24, 1), np.float32)], 1)
    return np.zeros((24, 4), np.float32) if crop.joints3d is None else crop.joints3d


def _joints2d(crop: PhotoCrop, true: _TrueBody | None) -> Float32[np.ndarray, "24 3"]:
    """Annotated 2D joints; the others projected from the placed SMPL body."""
    points = np.zeros((24, 3), np.float32) if crop.joints2d is None else crop.joints2d
    if true is None or not true.is_placed:
        return points
    pixels = crop.view.focal * true.joints[:, :2] / true.joints[:, 2:] + crop.view.size / 2
    projected = np.concatenate([pixels, np.ones((24, 1))], 1)
    return np.where(points[:, 2:] > 0, points, projected).astype(np.float32)


def _rasterized(
    crop: PhotoCrop, model: SmplBody | None, true: _TrueBody | None
) -> tuple[UInt8[np.ndarray, "side side"], Float32[np.ndarray, "2*side 2*side"]]:
    """Rasterised parts and depth of the placed SMPL body; empty maps without one."""
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
    """Pose of the placeholder: upright, facing the camera."""
    pose = np.zeros((24, 3))
    pose[0] = _UPRIGHT
    return pose
