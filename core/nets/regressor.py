"""Regression head after PARE: part attention, a pose per part, shape and camera from all parts.

PARE's layers do not start from nothing here: they correct what the parts' layout in the picture
alone says (`core.nets.lifter`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.geometry.rotations import rotation_from_6d
from core.nets.blocks import ConvUnit
from core.nets.lifter import LayoutLifter, part_layout, pixel_grid

JOINTS = 24
PARTS = JOINTS + 1
_SPATIAL = 4  # position (x, y) and spread (x, y) of each part's attention
_SHARPER = 4.0  # part logits are made surer before their regions are measured: nearly the arg-max


@dataclass(frozen=True)
class Regression:
    """What the head says about a crop; see :class:`core.nets.network.NetworkOutput`."""

    part_logits: Float[Tensor, "batch 25 h w"]
    rotations: Float[Tensor, "batch 24 3 3"]
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]


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
        self.all_parts = nn.Linear(JOINTS * (part_width + _SPATIAL), context_width)
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
        width = part_width + _SPATIAL + context_width
        self.hidden = PerPartLinear(width, part_width)
        self.pose = PerPartLinear(part_width, 6)
        self.shape_camera = nn.Linear(context_width, 10 + 3)
        self.lifter = LayoutLifter()
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
        logits, parts = self.pool(fine, coarse)
        rotations, betas, camera = self.regress(parts, landmarks, self.layout(logits))
        return Regression(logits, rotations, betas, camera)

    def pool(
        self, fine: Float[Tensor, "batch c h w"], coarse: Float[Tensor, "batch c2 h/2 w/2"]
    ) -> tuple[Float[Tensor, "batch 25 h w"], Float[Tensor, "batch 24 width"]]:
        """Part logits, and what attention gathers for each part."""
        logits = self.segment(fine)
        return logits, pool_parts(self.describe(coarse), F.avg_pool2d(logits[:, 1:], 2))

    @staticmethod
    def layout(logits: Float[Tensor, "batch 25 h w"]) -> Float[Tensor, "batch 24 7"]:
        """Where the parts lie; no gradient, since the segmentation has a teacher of its own."""
        return part_layout((_SHARPER * logits.detach()).softmax(1)[:, 1:])

    def regress(
        self,
        parts: Float[Tensor, "batch 24 width"],
        landmarks: Float[Tensor, "batch values"] | None,
        layout: Float[Tensor, "batch 24 7"],
    ) -> tuple[Float[Tensor, "batch 24 3 3"], Float[Tensor, "batch 10"], Float[Tensor, "batch 3"]]:
        """Rotations, shape and camera from the parts' features and layout and the landmarks."""
        everything = self.all_parts(parts.flatten(1))
        if self.landmarks is not None:
            everything = everything + self.landmarks(landmarks)
        context = F.relu(self.context(F.relu(everything)))
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([parts, shared], -1)))
        pose, rest = self.lifter(layout)
        pose, rest = pose + self.pose(hidden), rest + self.shape_camera(context)
        return rotation_from_6d(pose), rest[:, :10], rest[:, 10:]


class PerPartLinear(nn.Module):
    """An own linear layer for each of the 24 parts."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(JOINTS, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(JOINTS, outputs))

    def forward(self, x: Float[Tensor, "batch 24 cin"]) -> Float[Tensor, "batch 24 cout"]:
        """Apply each part's layer to its row."""
        return torch.einsum("bjc,jcd->bjd", x, self.weight) + self.bias


def pool_parts(
    features: Float[Tensor, "batch c h w"], logits: Float[Tensor, "batch 24 h w"]
) -> Float[Tensor, "batch 24 c+4"]:
    """Average features by each part's softmax over pixels; append its mean position and spread.

    Positions run from -1 to 1 over the map.
    """
    attention = logits.flatten(2).softmax(-1)
    height, width = features.shape[-2:]
    grid = pixel_grid(height, width, features)
    pooled = attention @ features.flatten(2).transpose(1, 2)
    mean = attention @ grid
    spread = (attention @ grid.square() - mean.square()).clamp(min=1e-6).sqrt()
    return torch.cat([pooled, mean, spread], -1)
