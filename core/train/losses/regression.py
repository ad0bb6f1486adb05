"""Regression losses, with the ratios of weights of 3DNBF's released code."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera, project
from core.train.distributed import SINGLE_PROCESS, ProcessGroup

REACH = 1.3
"""Distance from the crop's middle, in half crops, beyond which joints are not scored: the crop
holds no evidence of them."""


@dataclass(frozen=True)
class RegressionWeights:
    """Loss weights. Keypoints, pose and betas have a thirtieth of 3DNBF's released weights.

    With the released weights the regression losses outweigh a contrastive loss of order one in the
    shared layers, and the features learn slowly. The ratios are kept. The other terms are not in
    3DNBF.

    Attributes:
        camera: distance to the true camera, which only synthetic data has.
        parts: cross-entropy of the part segmentation.
        heatmaps: distillation of the published BlazePose's heatmaps into a trained trunk.
        joints: cross-entropy of the joint heatmaps.
        estimates: negative log-likelihood of the joint estimates.
    """

    keypoints3d: float = 10.0
    keypoints2d: float = 5.0
    pose: float = 2.0
    betas: float = 0.002
    camera: float = 0.5
    parts: float = 0.5
    heatmaps: float = 0.0
    joints: float = 3.0
    estimates: float = 5.0


def keypoints3d_loss(
    joints: Float[Tensor, "batch 24 3"], truth: Float[Tensor, "batch 24 3"]
) -> Tensor:
    """Mean squared difference of the coordinates relative to the pelvis, m^2."""
    return F.mse_loss(joints - joints[:, :1], truth - truth[:, :1])


def keypoints2d_loss(
    camera: Camera,
    joints: Float[Tensor, "batch 24 3"],
    truth: Float[Tensor, "batch 24 3"],
    size: int,
    reach: float = REACH,
    group: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Mean Huber loss (delta 0.3) of projected joints within ``reach``; units are half crops."""
    middle = size / 2
    goal = project(camera, truth) / middle - 1
    error = F.huber_loss(project(camera, joints) / middle - 1, goal, reduction="none", delta=0.3)
    return 2 * masked_mean(error.mean(-1), (goal.abs() < reach).all(-1), group)


def pose_loss(
    rotations: Float[Tensor, "batch 24 3 3"], truth: Float[Tensor, "batch 24 3 3"]
) -> Tensor:
    """Mean squared difference of rotation matrix entries."""
    return F.mse_loss(rotations, truth)


def parts_loss(
    logits: Float[Tensor, "batch 25 h w"],
    parts: Int[Tensor, "batch h w"],
    group: ProcessGroup = SINGLE_PROCESS,
) -> Tensor:
    """Cross-entropy, with body and background pixels weighted half each: most are background.

    Pixels with `UNKNOWN_PART` are ignored.
    """
    each = F.cross_entropy(logits, parts, reduction="none")
    return 0.5 * (masked_mean(each, parts > 0, group) + masked_mean(each, parts == 0, group))


def masked_mean(values: Tensor, mask: Tensor, group: ProcessGroup) -> Tensor:
    """This process's term of the mean over the masked values of all processes; 0 without any."""
    return (values * mask).sum() / group.total(mask.sum()).clamp(min=1)


def distillation_loss(
    heatmaps: Float[Tensor, "batch points h w"], teacher: Float[Tensor, "batch points h w"]
) -> Tensor:
    """Binary cross-entropy of heatmap logits against a teacher's, less its minimum: at best 0."""
    target = teacher.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(teacher, target)
    return F.binary_cross_entropy_with_logits(heatmaps, target) - entropy
