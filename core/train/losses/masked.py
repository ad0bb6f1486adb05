"""Losses that learn from nothing but what is known about people."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.geometry.camera import Camera, project
from core.nets.network import camera_from_translation
from core.train.batches.supervision import Known
from core.train.batches.truth import BodyTruth
from core.train.distributed import ALONE, ProcessGroup
from core.train.losses.regression import REACH, RegressionWeights, mean_over

_NEAR = 0.2
"""Metres: a joint that is guessed nearer, as in a portrait, would drown all others by its slope."""


def known_losses(
    joints: Float[Tensor, "n 24 3"],
    predicted: tuple[Tensor, Tensor, Tensor],
    truth: BodyTruth,
    known: Known,
    weights: RegressionWeights,
    group: ProcessGroup = ALONE,
) -> dict[str, Tensor]:
    """`core.train.losses.body.body_losses` of people of whom not everything is known.

    Every loss is the mean over those whose truth it needs, so that its weight means the same
    however few they are; of nobody it is 0.

    Args:
        joints: of the predicted bodies, in the crop camera.
        predicted: their rotations, betas and weak cameras.
    """
    rotations, betas, camera = predicted
    place = camera_from_translation(truth.transl, truth.focal, truth.size)
    view = Camera.centered(truth.focal, truth.size)
    ahead = torch.cat([joints[..., :2], joints[..., 2:].clamp(min=_NEAR)], -1)
    projected = project(view, ahead) / (truth.size / 2) - 1

    def mean(loss: Tensor, which: Bool[Tensor, " n"]) -> Tensor:
        return mean_over(loss.flatten(1).mean(1), which, group)

    return {
        "keypoints3d": weights.keypoints3d * joints3d_loss(joints, known.joints3d, group),
        "keypoints2d": weights.keypoints2d
        * joints2d_loss(projected, known.joints2d, truth.size, group),
        "pose": weights.pose * mean((rotations - truth.rotations).square(), known.pose),
        "betas": weights.betas * mean((betas - truth.betas).square(), known.shape),
        "camera": weights.camera * mean((camera - place).square(), known.place),
    }


def joints3d_loss(
    joints: Float[Tensor, "n 24 3"], truth: Float[Tensor, "n 24 4"], group: ProcessGroup = ALONE
) -> Tensor:
    """Mean squared distance per coordinate (m^2), weighted by confidence.

    Both are relative to the pelvis; where the data set does not mark it, to the mean of the joints
    that it does.
    """
    confidence = truth[..., 3:]
    pelvis = torch.zeros_like(confidence)
    pelvis[:, 0] = 1
    origin = torch.where(confidence[:, :1] > 0, pelvis, confidence)
    origin = origin / origin.sum(1, keepdim=True).clamp(min=1e-6)

    def centred(points: Tensor) -> Tensor:
        return points - (origin * points).sum(1, keepdim=True)

    each = (centred(joints) - centred(truth[..., :3])).square().mean(-1)
    return mean_over(each, confidence[..., 0], group)


def joints2d_loss(
    projected: Float[Tensor, "n 24 2"],
    truth: Float[Tensor, "n 24 3"],
    size: int,
    group: ProcessGroup = ALONE,
) -> Tensor:
    """`core.train.losses.regression.keypoints2d_loss` of marked joints, weighted by confidence.

    Args:
        projected: half crops from the middle.
        truth: pixels and confidence.
    """
    goal = truth[..., :2] / (size / 2) - 1
    each = F.huber_loss(projected, goal, reduction="none", delta=0.3).mean(-1)
    return 2 * mean_over(each, truth[..., 2] * (goal.abs() < REACH).all(-1), group)
