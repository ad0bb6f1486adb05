"""Regression head after PARE: part attention, a pose per part, shape and camera from all parts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.geometry.rotations import rotation_from_6d
from core.nets.blocks import ConvUnit

JOINTS = 24
PARTS = JOINTS + 1
_FACING = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # first two columns of diag(1, -1, -1)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_SPATIAL = 4  # position (x, y) and spread (x, y) of each part's attention


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
        self._start_at_rest()

    def _start_at_rest(self) -> None:
        """Before training, predict an upright mean body that fills the crop."""
        with torch.no_grad():
            self.pose.weight.mul_(0.1)
            self.pose.bias.copy_(torch.tensor([_FACING] + [_IDENTITY] * (JOINTS - 1)))
            self.shape_camera.weight.mul_(0.1)
            self.shape_camera.bias.zero_()
            self.shape_camera.bias[10] = 0.9

    def forward(
        self,
        fine: Float[Tensor, "batch c h w"],
        coarse: Float[Tensor, "batch c2 h/2 w/2"],
        landmarks: Float[Tensor, "batch values"] | None,
    ) -> Regression:
        """Regress from the decoder's maps at strides 4 and 8."""
        logits, parts = self.pool(fine, coarse)
        rotations, betas, camera = self.regress(parts, landmarks)
        return Regression(logits, rotations, betas, camera)

    def pool(
        self, fine: Float[Tensor, "batch c h w"], coarse: Float[Tensor, "batch c2 h/2 w/2"]
    ) -> tuple[Float[Tensor, "batch 25 h w"], Float[Tensor, "batch 24 width"]]:
        """Part logits, and what attention gathers for each part."""
        logits = self.segment(fine)
        return logits, pool_parts(self.describe(coarse), F.avg_pool2d(logits[:, 1:], 2))

    def regress(
        self,
        parts: Float[Tensor, "batch 24 width"],
        landmarks: Float[Tensor, "batch values"] | None,
    ) -> tuple[Float[Tensor, "batch 24 3 3"], Float[Tensor, "batch 10"], Float[Tensor, "batch 3"]]:
        """Rotations, shape and camera from the parts' features and the trunk's landmarks."""
        everything = self.all_parts(parts.flatten(1))
        if self.landmarks is not None:
            everything = everything + self.landmarks(landmarks)
        context = F.relu(self.context(F.relu(everything)))
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([parts, shared], -1)))
        rest = self.shape_camera(context)
        return rotation_from_6d(self.pose(hidden)), rest[:, :10], rest[:, 10:]


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
    grid = _grid(height, width, features)
    pooled = attention @ features.flatten(2).transpose(1, 2)
    mean = attention @ grid
    spread = (attention @ grid.square() - mean.square()).clamp(min=1e-6).sqrt()
    return torch.cat([pooled, mean, spread], -1)


def _grid(height: int, width: int, like: Tensor) -> Float[Tensor, "pixels 2"]:
    """(x, y) of the pixel centres, row by row, in -1..1."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * (2 / width) - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], -1).reshape(-1, 2)
