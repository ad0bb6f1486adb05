"""Training crops with some labels missing: augmented and batched with fully labelled ones."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_FLIP
from core.datasets.training_sample import CropSample, SampleSupervision
from core.geometry.camera import project
from core.nbv.volume import NeuralBodyVolume
from core.train.batches.augment import Augmentation, Truth, augment
from core.train.batches.batch import UNKNOWN_PART, Batch
from core.train.batches.loader import collate
from core.train.batches.supervision import Supervision

_ALL = SampleSupervision(pose=True, shape=True, place=True, parts=True, occluder=True)
_FLIP = np.asarray(JOINT_FLIP)
_MIN_DEPTH = 0.01  # of a rotated ray (z = 1 before): flatter rays are not projected


@dataclass(frozen=True)
class PartiallyLabelledCrop:
    """One crop with placeholders for the labels that are missing.

    Attributes:
        supervision: which fields of ``truth`` are labels.
        joints3d, joints2d: as in `CropSample`; unused where place and shape are known.
    """

    truth: Truth
    supervision: SampleSupervision
    joints3d: Float[np.ndarray, "24 4"]
    joints2d: Float[np.ndarray, "24 3"]


def fully_labelled(truth: Truth) -> PartiallyLabelledCrop:
    """A crop with all labels; `collate_partially_labelled` computes its joints from the body."""
    return PartiallyLabelledCrop(truth, _ALL, np.ones((24, 4)), np.ones((24, 3)))


def partially_labelled(sample: CropSample) -> PartiallyLabelledCrop:
    """A person of a data set."""
    truth = Truth(**{field.name: getattr(sample, field.name) for field in fields(Truth)})
    return PartiallyLabelledCrop(truth, sample.supervision, sample.joints3d, sample.joints2d)


def augment_partially_labelled(
    sample: PartiallyLabelledCrop, pelvis: Float[np.ndarray, "3"], augmentation: Augmentation
) -> PartiallyLabelledCrop:
    """The augmented crop, joints included.

    Args:
        pelvis: rest pelvis of this shape, metres.
    """
    size, focal = len(sample.truth.image), sample.truth.focal
    joints3d, rays = sample.joints3d, _rays(sample.joints2d, focal, size)
    if augmentation.flip:
        joints3d, rays = (points[_FLIP] * [-1, 1, 1, 1] for points in (joints3d, rays))
    rotation = np.eye(4)
    rotation[:3, :3] = augmentation.view.rotation(sample.truth)
    return PartiallyLabelledCrop(
        truth=augment(sample.truth, pelvis, augmentation),
        supervision=sample.supervision,
        joints3d=joints3d @ rotation.T,
        joints2d=_pixels(rays @ rotation.T, focal * augmentation.view.zoom, size),
    )


def _rays(points: Float[np.ndarray, "24 3"], focal: float, size: int) -> Float[np.ndarray, "24 4"]:
    """Rays through pixels, with their confidence in the last column."""
    plane = (points[:, :2] - size / 2) / focal
    return np.concatenate([plane, np.ones((24, 1)), points[:, 2:]], 1)


def _pixels(rays: Float[np.ndarray, "24 4"], focal: float, size: int) -> Float[np.ndarray, "24 3"]:
    """Inverse of `_rays`; the confidence is 0 for joints behind the rotated camera."""
    in_front = rays[:, 2:3] > _MIN_DEPTH
    plane = focal * rays[:, :2] / np.where(in_front, rays[:, 2:3], 1) + size / 2
    return np.concatenate([plane, rays[:, 3:] * in_front], 1)


@torch.no_grad()
def collate_partially_labelled(
    samples: list[PartiallyLabelledCrop], volume: NeuralBodyVolume
) -> Batch:
    """Stack crops into a batch with a `Supervision`.

    Args:
        volume: of the trained body, from which the joints of fully labelled crops are computed; on
            the CPU.
    """
    batch = collate([sample.truth for sample in samples])
    masks = {
        field.name: torch.tensor([getattr(sample.supervision, field.name) for sample in samples])
        for field in fields(SampleSupervision)
    }
    joints = _joints_one_by_one(volume, batch)
    pixels = project(batch.camera, joints)
    body_known = (masks["shape"] & masks["place"])[:, None, None]
    joints3d, joints2d = (_stack([vars(s)[n] for s in samples]) for n in ("joints3d", "joints2d"))
    supervision = Supervision(
        **masks,
        joints3d=torch.where(body_known, _with_full_confidence(joints), joints3d),
        joints2d=torch.where(body_known, _with_full_confidence(pixels), joints2d),
    )
    batch.parts[~masks["parts"]] = UNKNOWN_PART
    return replace(batch, supervision=supervision)


def _joints_one_by_one(volume: NeuralBodyVolume, batch: Batch) -> Float[Tensor, "batch 24 3"]:
    """Joints of the bodies, one body a call: rounding must not depend on the rest of the batch."""
    rows = zip(*(t.split(1) for t in (batch.rotations, batch.betas, batch.transl)), strict=True)
    return torch.cat([volume.joints(*row) for row in rows])


def _with_full_confidence(points: Float[Tensor, "batch 24 n"]) -> Float[Tensor, "batch 24 n+1"]:
    return torch.cat([points, torch.ones_like(points[..., :1])], -1)


def _stack(tables: list[np.ndarray]) -> Float[Tensor, "batch 24 n"]:
    return torch.from_numpy(np.stack(tables).astype(np.float32))
