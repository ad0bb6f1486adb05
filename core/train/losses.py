"""Regression losses: each a pure function of prediction and truth, weights after the release."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from core.geometry.camera import Camera, project


@dataclass(frozen=True)
class RegressionWeights:
    """Loss weights; those of 3DNBF's released configuration where it has one.

    ``parts`` and ``heatmaps`` are ours: cross-entropy of the part segmentation, and faithfulness of
    the trunk to its original keypoint heatmaps.
    """

    keypoints3d: float = 300.0
    keypoints2d: float = 150.0
    pose: float = 60.0
    betas: float = 0.06
    camera: float = 1.0
    parts: float = 1.0
    heatmaps: float = 1.0


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
    limit: float = 2.0,
) -> Tensor:
    """Mean squared distance of the projections, in half crops; a coordinate's error is capped."""
    error = (project(camera, joints) - project(camera, truth)) * (2 / size)
    return error.clamp(-limit, limit).square().mean()


def pose_loss(
    rotations: Float[Tensor, "batch 24 3 3"], truth: Float[Tensor, "batch 24 3 3"]
) -> Tensor:
    """Mean squared difference of rotation matrix entries."""
    return F.mse_loss(rotations, truth)


def parts_loss(logits: Float[Tensor, "batch 25 h w"], parts: Int[Tensor, "batch h w"]) -> Tensor:
    """Cross-entropy, background and body each half of it: most pixels are background."""
    each = F.cross_entropy(logits, parts, reduction="none")
    body = parts > 0
    return 0.5 * (_mean_over(each, body) + _mean_over(each, ~body))


def _mean_over(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)


def heatmap_loss(
    heatmaps: Float[Tensor, "batch points h w"], original: Float[Tensor, "batch points h w"]
) -> Tensor:
    """Cross-entropy (over the minimum possible) of heatmap logits against the original's."""
    target = original.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(original, target)
    return F.binary_cross_entropy_with_logits(heatmaps, target) - entropy
