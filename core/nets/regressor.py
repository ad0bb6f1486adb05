"""Regression head after PARE: part attention, a pose per part, shape and camera from all parts.

PARE's layers do not start from nothing here: they correct what the joints say
(`core.nets.joint_estimate`) through a lifter (`core.nets.lifter`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.geometry.rotations import rotation_from_6d
from core.nets.attention import SPATIAL, PerPartLinear, attention, gather, region
from core.nets.blocks import ConvUnit
from core.nets.joint_estimate import JointEstimate, JointEstimator
from core.nets.lifter import BodyLifter

JOINTS = 24
PARTS = JOINTS + 1


@dataclass(frozen=True)
class Pooled:
    """What the head's small layers need of a crop; the maps behind it are forgotten."""

    parts: Float[Tensor, "batch 24 width"]
    """Features and region of each part's attention."""
    joints: Float[Tensor, "batch 24 width"]
    """The same of each joint's heatmap."""
    landmarks: Float[Tensor, "batch values"] | None

    def each(self, change: Callable[[Tensor], Tensor]) -> Pooled:
        """The same with every array changed."""
        landmarks = None if self.landmarks is None else change(self.landmarks)
        return Pooled(change(self.parts), change(self.joints), landmarks)

    @staticmethod
    def join(rows: Sequence[Pooled]) -> Pooled:
        """One batch of many."""
        parts, joints = (
            torch.cat([getattr(row, name) for row in rows]) for name in ("parts", "joints")
        )
        landmarks = [row.landmarks for row in rows if row.landmarks is not None]
        return Pooled(parts, joints, torch.cat(landmarks) if landmarks else None)


@dataclass(frozen=True)
class Body:
    """A regressed body."""

    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]
    joint_estimate: JointEstimate


@dataclass(frozen=True)
class Regression:
    """What the head says about a crop; see :class:`core.nets.network.NetworkOutput`."""

    part_logits: Float[Tensor, "batch 25 h w"]
    heat: Float[Tensor, "batch 24 h w"]
    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]
    joint_estimate: JointEstimate


class PartRegressor(nn.Module):
    """Soft attention of 24 parts over a feature map, then small per-part and whole-body layers.

    Beside its features each part gets the position and spread of its attention, and all parts share
    a context made of every part and, if the trunk has them, of its landmarks.

    Args:
        fine: channels of the decoder's map at stride 4, from which parts are segmented.
        coarse: channels of its map at stride 8, which is pooled.
        landmark_values: numbers the trunk's landmark tower gives for an image; 0 if it has none.
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
        self.all_parts = nn.Linear(JOINTS * (part_width + SPATIAL), context_width)
        # landmarks have a way of their own: they are few numbers beside the parts' thousands
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
        width = part_width + SPATIAL + context_width
        self.hidden = PerPartLinear(JOINTS, width, part_width)
        self.pose = PerPartLinear(JOINTS, part_width, 6)
        self.shape_camera = nn.Linear(context_width, 10 + 3)
        self.joints = JointEstimator(fine, part_width, context_width)
        self.lifter = BodyLifter()
        self.correct_nothing()

    @torch.no_grad()
    def correct_nothing(self) -> None:
        """Say what the lifter says, until trained otherwise."""
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
    ) -> tuple[Float[Tensor, "batch 25 h w"], Float[Tensor, "batch 24 h w"], Pooled]:
        """Part logits, heatmap logits of the joints, and what attention gathers for each."""
        logits, heat = self.segment(fine), self.joints.heat(fine)
        described = self.describe(coarse)
        parts = pool_parts(described, F.avg_pool2d(logits[:, 1:], 2))
        return logits, heat, Pooled(parts, self.joints.pool(heat, described), landmarks)

    def regress(self, pooled: Pooled) -> Body:
        """Rotations, shape, camera and joints from what was pooled."""
        everything = self.all_parts(pooled.parts.flatten(1))
        if self.landmarks is not None:
            everything = everything + self.landmarks(pooled.landmarks)
        context = F.relu(self.context(F.relu(everything)))
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([pooled.parts, shared], -1)))
        estimate = self.joints(pooled.joints, context)
        # the estimates learn from the joints alone, not from what the lifter would like to read
        pose, rest = self.lifter(estimate.detach())
        pose, rest = pose + self.pose(hidden), rest + self.shape_camera(context)
        return Body(rotation_from_6d(pose), rest[:, :10], rest[:, 10:], estimate)


def pool_parts(
    features: Float[Tensor, "batch c h w"], logits: Float[Tensor, "batch 24 h w"]
) -> Float[Tensor, "batch 24 c+4"]:
    """Average features by each part's softmax over pixels; append its mean position and spread."""
    weights = attention(logits)
    return torch.cat([gather(features, weights), region(weights)], -1)
