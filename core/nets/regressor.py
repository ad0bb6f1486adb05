"""Regression head after PARE: part attention, a pose per part, shape and camera from all parts.

Unlike in PARE, these layers predict corrections of a body that a lifter (`core.nets.lifter`)
computes from the joint estimates (`core.nets.joint_estimate`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.geometry.rotations import rotation_from_6d
from core.nets.attention import REGION_VALUES, PerPartLinear, attention, gather, region
from core.nets.blocks import ConvUnit
from core.nets.joint_estimate import JointEstimate, JointEstimator
from core.nets.lifter import BodyLifter

JOINTS = 24
PARTS = JOINTS + 1


@dataclass(frozen=True)
class PooledFeatures:
    """Inputs of the head's fully connected layers, pooled from the decoder's maps."""

    parts: Float[Tensor, "batch 24 width"]
    """Features and region of each part's attention."""
    joints: Float[Tensor, "batch 24 width"]
    """Features and region of each joint's heatmap."""
    landmarks: Float[Tensor, "batch values"] | None
    """The trunk's landmarks, if it has them."""

    def map(self, function: Callable[[Tensor], Tensor]) -> PooledFeatures:
        """Apply a function to every tensor."""
        landmarks = None if self.landmarks is None else function(self.landmarks)
        return PooledFeatures(function(self.parts), function(self.joints), landmarks)

    @staticmethod
    def concatenate(rows: Sequence[PooledFeatures]) -> PooledFeatures:
        """Concatenate several batches."""
        parts, joints = (
            torch.cat([getattr(row, name) for row in rows]) for name in ("parts", "joints")
        )
        landmarks = [row.landmarks for row in rows if row.landmarks is not None]
        return PooledFeatures(parts, joints, torch.cat(landmarks) if landmarks else None)


@dataclass(frozen=True)
class BodyPrediction:
    """A regressed body; see :class:`core.nets.network.NetworkOutput` for the fields."""

    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]
    joint_estimate: JointEstimate


@dataclass(frozen=True)
class Regression:
    """Output of the head; see :class:`core.nets.network.NetworkOutput` for the fields."""

    part_logits: Float[Tensor, "batch 25 h w"]
    heat: Float[Tensor, "batch 24 h w"]
    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]
    joint_estimate: JointEstimate


class PartRegressor(nn.Module):
    """Soft attention of 24 parts over a feature map, then per-part and whole-body layers.

    Each part's input is its pooled features with the `region` of its attention, and a context that
    all parts share. The context is computed from all parts and the trunk's landmarks, if any.

    Args:
        fine: channels of the decoder's map at stride 4, from which parts are segmented.
        coarse: channels of its map at stride 8, which is pooled.
        part_width: channels of the pooled part features.
        context_width: channels of the context.
        landmark_values: number of values of the trunk's landmarks; 0 if it has none.
    """

    def __init__(
        self,
        fine: int,
        coarse: int,
        part_width: int,
        context_width: int,
        landmark_values: int,
    ) -> None:
        super().__init__()
        self.segment = nn.Conv2d(fine, PARTS, 1)
        self.describe = ConvUnit(coarse, part_width, 3, norm=True)
        self.all_parts = nn.Linear(JOINTS * (part_width + REGION_VALUES), context_width)
        # landmarks get their own layers: they are few values among thousands from the parts
        self.landmarks = (
            nn.Sequential(
                nn.Linear(landmark_values, context_width),
                nn.ReLU(),
                nn.Linear(context_width, context_width),
            )
            if landmark_values
            else None
        )
        self.context = nn.Linear(context_width, context_width)
        width = part_width + REGION_VALUES + context_width
        self.hidden = PerPartLinear(JOINTS, width, part_width)
        self.pose = PerPartLinear(JOINTS, part_width, 6)
        self.shape_camera = nn.Linear(context_width, 10 + 3)
        self.joints = JointEstimator(fine, part_width, context_width)
        self.lifter = BodyLifter()
        self.zero_corrections()

    @torch.no_grad()
    def zero_corrections(self) -> None:
        """Make the head predict exactly the lifter's body, until it is trained."""
        for layer in (self.pose, self.shape_camera):
            layer.weight.zero_()
            layer.bias.zero_()

    def forward(
        self,
        fine: Float[Tensor, "batch c h w"],
        coarse: Float[Tensor, "batch c2 h/2 w/2"],
        landmarks: Float[Tensor, "batch values"] | None,
    ) -> Regression:
        """Regress from the decoder's maps at strides 4 and 8."""
        logits, heat, pooled = self.pool(fine, coarse, landmarks)
        return Regression(logits, heat, **vars(self.regress(pooled)))

    def pool(
        self,
        fine: Float[Tensor, "batch c h w"],
        coarse: Float[Tensor, "batch c2 h/2 w/2"],
        landmarks: Float[Tensor, "batch values"] | None,
    ) -> tuple[Float[Tensor, "batch 25 h w"], Float[Tensor, "batch 24 h w"], PooledFeatures]:
        """Part logits, joint heatmap logits, and the features pooled with both."""
        logits, heat = self.segment(fine), self.joints.heat(fine)
        described = self.describe(coarse)
        parts = pool_parts(described, F.avg_pool2d(logits[:, 1:], 2))
        return logits, heat, PooledFeatures(parts, self.joints.pool(heat, described), landmarks)

    def regress(self, pooled: PooledFeatures) -> BodyPrediction:
        """Predict rotations, shape, camera and joint estimates from pooled features."""
        everything = self.all_parts(pooled.parts.flatten(1))
        if self.landmarks is not None:
            everything = everything + self.landmarks(pooled.landmarks)
        context = F.relu(self.context(F.relu(everything)))
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([pooled.parts, shared], -1)))
        estimate = self.joints(pooled.joints, context)
        # joint estimates are trained by their own loss alone, without gradients of the lifter
        pose, rest = self.lifter(estimate.detach())
        pose, rest = pose + self.pose(hidden), rest + self.shape_camera(context)
        return BodyPrediction(rotation_from_6d(pose), rest[:, :10], rest[:, 10:], estimate)


def pool_parts(
    features: Float[Tensor, "batch c h w"], logits: Float[Tensor, "batch 24 h w"]
) -> Float[Tensor, "batch 24 c+4"]:
    """Pool features with each part's softmax over pixels, and append the softmax's `region`."""
    weights = attention(logits)
    return torch.cat([gather(features, weights), region(weights)], -1)
