"""Training samples of which not everything is known: augmented and stacked beside whole ones."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_FLIP
from core.datasets.training_sample import CropSample, Has
from core.geometry.camera import project
from core.nbv.volume import NeuralBodyVolume
from core.train.batches.augment import Change, Truth, augment
from core.train.batches.batch import UNKNOWN_PART, Batch
from core.train.batches.loader import collate
from core.train.batches.supervision import Known

_ALL = Has(pose=True, shape=True, place=True, parts=True, occluder=True)
_FLIP = np.asarray(JOINT_FLIP)


@dataclass(frozen=True)
class PartialBatch(Batch):
    """A batch that says what of it is true."""

    marks: Known

    @property
    def known(self) -> Known:
        """What of this is true."""
        return self.marks


@dataclass(frozen=True)
class PartialTruth:
    """One crop, with stand-ins for what is not known; see `CropSample`."""

    truth: Truth
    has: Has
    joints3d: Float[np.ndarray, "24 4"]
    joints2d: Float[np.ndarray, "24 3"]


def whole(truth: Truth) -> PartialTruth:
    """A crop of which everything is known; its joints follow from the body (`collate_partial`)."""
    return PartialTruth(truth, _ALL, np.ones((24, 4)), np.ones((24, 3)))


def partial(sample: CropSample) -> PartialTruth:
    """A person of a data set."""
    truth = Truth(**{field.name: getattr(sample, field.name) for field in fields(Truth)})
    return PartialTruth(truth, sample.has, sample.joints3d, sample.joints2d)


def augment_partial(
    sample: PartialTruth, pelvis: Float[np.ndarray, "3"], change: Change
) -> PartialTruth:
    """The changed crop, joints included.

    Args:
        pelvis: rest pelvis of this shape.
    """
    size, focal = len(sample.truth.image), sample.truth.focal
    joints3d, rays = sample.joints3d, _rays(sample.joints2d, focal, size)
    if change.flip:
        joints3d, rays = (points[_FLIP] * [-1, 1, 1, 1] for points in (joints3d, rays))
    turn = np.eye(4)
    turn[:3, :3] = change.view.turn(sample.truth)
    return PartialTruth(
        truth=augment(sample.truth, pelvis, change),
        has=sample.has,
        joints3d=joints3d @ turn.T,
        joints2d=_pixels(rays @ turn.T, focal * change.view.zoom, size),
    )


def _rays(points: Float[np.ndarray, "24 3"], focal: float, size: int) -> Float[np.ndarray, "24 4"]:
    """Rays through pixels, and their confidence."""
    plane = (points[:, :2] - size / 2) / focal
    return np.concatenate([plane, np.ones((24, 1)), points[:, 2:]], 1)


def _pixels(rays: Float[np.ndarray, "24 4"], focal: float, size: int) -> Float[np.ndarray, "24 3"]:
    """Inverse of `_rays`; a joint that has turned behind the camera is not known."""
    ahead = rays[:, 2:3] > 0.01
    plane = focal * rays[:, :2] / np.where(ahead, rays[:, 2:3], 1) + size / 2
    return np.concatenate([plane, rays[:, 3:] * ahead], 1)


@torch.no_grad()
def collate_partial(samples: list[PartialTruth], volume: NeuralBodyVolume) -> PartialBatch:
    """Stack samples into tensors.

    Args:
        volume: of the trained body, whose joints whole samples have; on the CPU.
    """
    batch = collate([sample.truth for sample in samples])
    has = {
        field.name: torch.tensor([getattr(sample.has, field.name) for sample in samples])
        for field in fields(Has)
    }
    joints = _posed_alone(volume, batch)
    pixels = project(batch.camera, joints)
    is_whole = (has["shape"] & has["place"])[:, None, None]
    marks = Known(
        **has,
        joints3d=torch.where(is_whole, _sure(joints), _stack([s.joints3d for s in samples])),
        joints2d=torch.where(is_whole, _sure(pixels), _stack([s.joints2d for s in samples])),
    )
    batch.parts[~has["parts"]] = UNKNOWN_PART
    return PartialBatch(**vars(batch), marks=marks)


def _posed_alone(volume: NeuralBodyVolume, batch: Batch) -> Float[Tensor, "batch 24 3"]:
    """Joints of the bodies, one by one: rounding must not depend on who else is in the batch."""
    rows = zip(*(t.split(1) for t in (batch.rotations, batch.betas, batch.transl)), strict=True)
    return torch.cat([volume.joints(*row) for row in rows])


def _sure(points: Float[Tensor, "batch 24 n"]) -> Float[Tensor, "batch 24 n+1"]:
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)


def _stack(tables: list[np.ndarray]) -> Float[Tensor, "batch 24 n"]:
    return torch.from_numpy(np.stack(tables).astype(np.float32))
