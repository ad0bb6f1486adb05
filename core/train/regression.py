"""The regressor's losses on a body, shared by everything that trains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.body.kinematics import forward_kinematics
from core.geometry.camera import Camera
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import camera_from_translation, translation_from_camera
from core.train.batch import Batch
from core.train.known import Known, known_losses
from core.train.losses import RegressionWeights, keypoints2d_loss, keypoints3d_loss, pose_loss
from core.train.ranks import ALONE, Ranks

_TENSORS = ("focal", "rotations", "betas", "transl")


@dataclass(frozen=True)
class BodyTruth:
    """Bodies in square crops of ``size`` pixels, in the crop camera's frame."""

    size: int
    focal: Float[Tensor, " n"]
    """Pixels; the principal point is the middle."""
    rotations: Float[Tensor, "n 24 3 3"]
    betas: Float[Tensor, "n 10"]
    transl: Float[Tensor, "n 3"]
    known: Known | None = None
    """What of this is true; None: everything."""

    @staticmethod
    def of(batch: Batch) -> BodyTruth:
        """The bodies of a batch."""
        bodies = (batch.focal, batch.rotations, batch.betas, batch.transl)
        return BodyTruth(batch.size, *bodies, batch.known)

    @staticmethod
    def join(truths: Sequence[BodyTruth]) -> BodyTruth:
        """The bodies of many batches, on the CPU."""
        columns = {
            name: torch.cat([vars(truth)[name].cpu() for truth in truths]) for name in _TENSORS
        }
        known = Known.join([truth.known for truth in truths])
        return BodyTruth(truths[0].size, **columns, known=known)

    def select(self, index: Tensor) -> BodyTruth:
        """The bodies at ``index``."""
        chosen = {name: vars(self)[name][index] for name in _TENSORS}
        known = None if self.known is None else self.known.select(index)
        return BodyTruth(self.size, **chosen, known=known)


def body_losses(
    rotations: Float[Tensor, "n 24 3 3"],
    betas: Float[Tensor, "n 10"],
    camera: Float[Tensor, "n 3"],
    truth: BodyTruth,
    volume: NeuralBodyVolume,
    weights: RegressionWeights,
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Weighted losses of regressed bodies by name.

    Args:
        camera: weak perspective, see `core.nets.network.translation_from_camera`.
        ranks: processes with as many bodies each; the losses are this one's part of the means.
    """
    transl = translation_from_camera(camera, truth.focal, truth.size)
    joints = posed_joints(volume, rotations, betas, transl)
    if truth.known is not None:
        predicted = (rotations, betas, camera)
        return known_losses(joints, predicted, truth, truth.known, weights, ranks)
    goal = posed_joints(volume, truth.rotations, truth.betas, truth.transl)
    place = camera_from_translation(truth.transl, truth.focal, truth.size)
    view = Camera.centered(truth.focal, truth.size)
    projected = keypoints2d_loss(view, joints, goal, truth.size, ranks=ranks)
    return {
        "keypoints3d": weights.keypoints3d * keypoints3d_loss(joints, goal) / ranks.count,
        "keypoints2d": weights.keypoints2d * projected,
        "pose": weights.pose * pose_loss(rotations, truth.rotations) / ranks.count,
        "betas": weights.betas * F.mse_loss(betas, truth.betas) / ranks.count,
        "camera": weights.camera * F.mse_loss(camera, place) / ranks.count,
    }


def posed_joints(
    volume: NeuralBodyVolume,
    rotations: Float[Tensor, "batch 24 3 3"],
    betas: Float[Tensor, "batch 10"],
    transl: Float[Tensor, "batch 3"],
) -> Float[Tensor, "batch 24 3"]:
    """Joints in the camera frame, without posing any kernel."""
    rest = volume.joint_template + torch.einsum("jcl,bl->bjc", volume.joint_shapedirs, betas)
    return forward_kinematics(rotations, rest).joints + transl[:, None]
