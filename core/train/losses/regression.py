"""Regression losses: each a pure function of prediction and truth, weights after the release."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera, project
from core.train.distributed import ALONE, ProcessGroup

REACH = 1.3
"""Half crops from the middle beyond which nothing in the crop tells of a joint."""


@dataclass(frozen=True)
class RegressionWeights:
    """Loss weights; keypoints, pose and betas are a thirtieth of 3DNBF's released configuration.

    Beside a contrastive loss of order one the released weights leave the shared layers to the
    regression: features then learn slowly. Their ratios are kept. ``camera`` (distance to the true
    camera, which real data lacks), ``parts`` (cross-entropy of the segmentation), ``heatmaps``
    (faithfulness of a trained trunk to BlazePose's), ``joints`` (cross-entropy of the joints' own
    heatmaps) and ``estimates`` (likelihood of the joint estimates) are ours.
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
    """Mean squared distance per coordinate (m^2), both relative to the pelvis."""
    return F.mse_loss(joints - joints[:, :1], truth - truth[:, :1])


def keypoints2d_loss(
    camera: Camera,
    joints: Float[Tensor, "batch 24 3"],
    truth: Float[Tensor, "batch 24 3"],
    size: int,
    reach: float = REACH,
    group: ProcessGroup = ALONE,
) -> Tensor:
    """Mean Huber distance of the projections in half crops, of the joints that are in the picture.

    Joints farther than ``reach`` from the middle do not count: nothing in the crop tells of them.
    """
    middle = size / 2
    goal = project(camera, truth) / middle - 1
    error = F.huber_loss(project(camera, joints) / middle - 1, goal, reduction="none", delta=0.3)
    return 2 * mean_over(error.mean(-1), (goal.abs() < reach).all(-1), group)


def pose_loss(
    rotations: Float[Tensor, "batch 24 3 3"], truth: Float[Tensor, "batch 24 3 3"]
) -> Tensor:
    """Mean squared difference of rotation matrix entries."""
    return F.mse_loss(rotations, truth)


def parts_loss(
    logits: Float[Tensor, "batch 25 h w"],
    parts: Int[Tensor, "batch h w"],
    group: ProcessGroup = ALONE,
) -> Tensor:
    """Cross-entropy, background and body each half of it: most pixels are background.

    Pixels that are `UNKNOWN_PART` do not count.
    """
    each = F.cross_entropy(logits, parts, reduction="none")
    return 0.5 * (mean_over(each, parts > 0, group) + mean_over(each, parts == 0, group))


def mean_over(values: Tensor, mask: Tensor, group: ProcessGroup) -> Tensor:
    """This process's part of the mean over the masked values of all."""
    return (values * mask).sum() / group.total(mask.sum()).clamp(min=1)


def heatmap_loss(
    heatmaps: Float[Tensor, "batch points h w"], original: Float[Tensor, "batch points h w"]
) -> Tensor:
    """Cross-entropy (over the minimum possible) of heatmap logits against the original's."""
    target = original.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(original, target)
    return F.binary_cross_entropy_with_logits(heatmaps, target) - entropy
