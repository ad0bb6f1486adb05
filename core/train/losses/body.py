"""The regressor's losses on a body, shared by everything that trains it."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.geometry.camera import Camera
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import camera_from_translation, translation_from_camera
from core.train.batches.truth import BodyTruth
from core.train.distributed import ALONE, ProcessGroup
from core.train.losses.masked import known_losses
from core.train.losses.regression import (
    RegressionWeights,
    keypoints2d_loss,
    keypoints3d_loss,
    pose_loss,
)


def body_losses(
    rotations: Float[Tensor, "n 24 3 3"],
    betas: Float[Tensor, "n 10"],
    camera: Float[Tensor, "n 3"],
    truth: BodyTruth,
    volume: NeuralBodyVolume,
    weights: RegressionWeights,
    group: ProcessGroup = ALONE,
) -> dict[str, Tensor]:
    """Weighted losses of regressed bodies by name.

    Args:
        camera: weak perspective, see `core.nets.network.translation_from_camera`.
        group: processes with as many bodies each; the losses are this one's part of the means.
    """
    transl = translation_from_camera(camera, truth.focal, truth.size)
    joints = volume.joints(rotations, betas, transl)
    if truth.known is not None:
        predicted = (rotations, betas, camera)
        return known_losses(joints, predicted, truth, truth.known, weights, group)
    goal = volume.joints(truth.rotations, truth.betas, truth.transl)
    place = camera_from_translation(truth.transl, truth.focal, truth.size)
    view = Camera.centered(truth.focal, truth.size)
    projected = keypoints2d_loss(view, joints, goal, truth.size, group=group)
    return {
        "keypoints3d": weights.keypoints3d * keypoints3d_loss(joints, goal) / group.count,
        "keypoints2d": weights.keypoints2d * projected,
        "pose": weights.pose * pose_loss(rotations, truth.rotations) / group.count,
        "betas": weights.betas * F.mse_loss(betas, truth.betas) / group.count,
        "camera": weights.camera * F.mse_loss(camera, place) / group.count,
    }
