"""Losses of a regressed body, shared by the network, its head and its lifter."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.geometry.camera import Camera
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import camera_from_translation, translation_from_camera
from core.train.batches.truth import BodyTruth
from core.train.distributed import SINGLE_PROCESS, ProcessGroup
from core.train.losses.masked import masked_body_losses
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
    group: ProcessGroup = SINGLE_PROCESS,
) -> dict[str, Tensor]:
    """Weighted losses of regressed bodies by name.

    Args:
        camera: weak perspective, see `core.nets.network.translation_from_camera`.
        group: processes with an equal number of bodies each; the losses are this process's terms
            of the means.
    """
    transl = translation_from_camera(camera, truth.focal, truth.size)
    joints = volume.joints(rotations, betas, transl)
    if truth.supervision is not None:
        predicted = (rotations, betas, camera)
        return masked_body_losses(joints, predicted, truth, truth.supervision, weights, group)
    goal = volume.joints(truth.rotations, truth.betas, truth.transl)
    true_camera = camera_from_translation(truth.transl, truth.focal, truth.size)
    view = Camera.centered(truth.focal, truth.size)
    projected = keypoints2d_loss(view, joints, goal, truth.size, group=group)
    return {
        "keypoints3d": weights.keypoints3d * keypoints3d_loss(joints, goal) / group.world_size,
        "keypoints2d": weights.keypoints2d * projected,
        "pose": weights.pose * pose_loss(rotations, truth.rotations) / group.world_size,
        "betas": weights.betas * F.mse_loss(betas, truth.betas) / group.world_size,
        "camera": weights.camera * F.mse_loss(camera, true_camera) / group.world_size,
    }
