"""Losses of partially labelled people: each is a mean over the people with the label it needs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.geometry.camera import Camera, project
from core.nets.network import camera_from_translation
from core.train.batches.supervision import Supervision
from core.train.batches.truth import BodyTruth
from core.train.distributed import SINGLE_PROCESS, ProcessGroup
from core.train.losses.regression import REACH, RegressionWeights, masked_mean

_MIN_DEPTH = 0.2
"""Metres to which predicted joints are clamped: the gradient of a projection grows as 1 / depth^2,
and a joint that is predicted close to the camera would dominate the loss."""


def masked_body_losses(
    joints: Float[Tensor, "n 24 3"],
    predicted: tuple[Tensor, Tensor, Tensor],
    truth: BodyTruth,
    supervision: Supervision,
    weights: RegressionWeights,
    group: ProcessGroup = SINGLE_PROCESS,
) -> dict[str, Tensor]:
    """`core.train.losses.body.body_losses` of partially labelled people.

    Each loss is the mean over the people with the label it needs, so that its weight does not
    depend on how many there are; without such people it is 0.

    Args:
        joints: joints of the predicted bodies in metres, crop camera.
        predicted: rotations, betas and weak-perspective cameras of the predicted bodies.
    """
    rotations, betas, camera = predicted
    true_camera = camera_from_translation(truth.transl, truth.focal, truth.size)
    view = Camera.centered(truth.focal, truth.size)
    clamped = torch.cat([joints[..., :2], joints[..., 2:].clamp(min=_MIN_DEPTH)], -1)
    projected = project(view, clamped) / (truth.size / 2) - 1

    def mean(loss: Tensor, which: Bool[Tensor, " n"]) -> Tensor:
        return masked_mean(loss.flatten(1).mean(1), which, group)

    return {
        "keypoints3d": weights.keypoints3d * joints3d_loss(joints, supervision.joints3d, group),
        "keypoints2d": weights.keypoints2d
        * joints2d_loss(projected, supervision.joints2d, truth.size, group),
        "pose": weights.pose * mean((rotations - truth.rotations).square(), supervision.pose),
        "betas": weights.betas * mean((betas - truth.betas).square(), supervision.shape),
        "camera": weights.camera * mean((camera - true_camera).square(), supervision.place),
    }


def joints3d_loss(
    joints: Float[Tensor, "n 24 3"],
    truth: Float[Tensor, "n 24 4"],
    group: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Mean squared distance per coordinate (m^2), weighted by confidence.

    Both are relative to the pelvis, or to the mean of the labelled joints if the pelvis is not
    labelled.
    """
    confidence = truth[..., 3:]
    pelvis = torch.zeros_like(confidence)
    pelvis[:, 0] = 1
    origin = torch.where(confidence[:, :1] > 0, pelvis, confidence)
    origin = origin / origin.sum(1, keepdim=True).clamp(min=1e-6)

    def centred(points: Tensor) -> Tensor:
        return points - (origin * points).sum(1, keepdim=True)

    each = (centred(joints) - centred(truth[..., :3])).square().mean(-1)
    return masked_mean(each, confidence[..., 0], group)


def joints2d_loss(
    projected: Float[Tensor, "n 24 2"],
    truth: Float[Tensor, "n 24 3"],
    size: int,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """`core.train.losses.regression.keypoints2d_loss` of 2D labels, weighted by confidence.

    Args:
        projected: predicted joints, in half crops from the middle.
        truth: x, y in pixels of the crop, and confidence.
    """
    goal = truth[..., :2] / (size / 2) - 1
    each = F.huber_loss(projected, goal, reduction="none", delta=0.3).mean(-1)
    return 2 * masked_mean(each, truth[..., 2] * (goal.abs() < REACH).all(-1), group)
