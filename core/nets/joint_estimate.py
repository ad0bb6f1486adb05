"""Joint readings: where each joint lies in the picture, how its bone leans, and how sure that is.

Joints in the picture and the lean of the bones decide a pose nearly wholly. Hidden joints are read
as well, with more doubt. Each reading is a normal distribution; the doubt is learnt with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.body.names import PARENTS
from core.nets.attention import SPATIAL, PerPartLinear, attention, gather, region

JOINTS = 24
READING_VALUES = 5
"""Numbers a joint: x, y, their log doubt, lean, its log doubt."""

PARENT = [max(parent, 0) for parent in PARENTS]
"""Of each joint; the root counts as its own."""

_LOG_DOUBT = (-4.5, 1.0)  # range of the log standard deviations


def bone_lean(joints: Float[Tensor, "batch 24 3"]) -> Float[Tensor, "batch 24"]:
    """Depth from each joint's parent over the bone's length, camera frame; 0 for the root."""
    bones = joints - joints[:, PARENT]
    return bones[..., 2] / bones.norm(dim=-1).clamp(min=1e-6)


@dataclass(frozen=True)
class JointReading:
    """Joints of people in square crops, as normal distributions."""

    xy: Float[Tensor, "batch 24 2"]
    """Half crops from the middle: -1..1 inside."""
    log_doubt: Float[Tensor, "batch 24"]
    """Logarithm of the standard deviation of x and of y."""
    lean: Float[Tensor, "batch 24"]
    """Depth from the parent joint to this one over the bone's length: -1 points at the camera."""
    log_doubt_lean: Float[Tensor, "batch 24"]
    """Logarithm of its standard deviation."""

    @staticmethod
    def of(values: Float[Tensor, "batch 24 5"]) -> JointReading:
        """From the numbers that `values` gives."""
        return JointReading(values[..., :2], values[..., 2], values[..., 3], values[..., 4])

    def to(self, device: torch.device) -> JointReading:
        """The same reading on another device."""
        return JointReading(*(value.to(device) for value in vars(self).values()))

    @staticmethod
    def stack(readings: Sequence[JointReading]) -> JointReading:
        """One batch of many."""
        return JointReading.of(torch.cat([reading.values for reading in readings]))

    def detach(self) -> JointReading:
        """The same reading, through which no gradient flows."""
        return JointReading.of(self.values.detach())

    @property
    def values(self) -> Float[Tensor, "batch 24 5"]:
        """All numbers of each joint."""
        lean = torch.stack([self.log_doubt, self.lean, self.log_doubt_lean], -1)
        return torch.cat([self.xy, lean], -1)


class JointReader(nn.Module):
    """A heatmap for each joint, and a small layer of its own on what lies there.

    Args:
        fine: channels of the decoder's map at stride 4, on which heatmaps are drawn.
        width: channels of the map at stride 8 from which features are gathered.
        context_width: channels of the regression head's whole-body context.
    """

    def __init__(self, fine: int, width: int, context_width: int) -> None:
        super().__init__()
        self.heat = nn.Conv2d(fine, JOINTS, 1)
        inputs = 2 * (width + SPATIAL) + context_width
        self.hidden = PerPartLinear(JOINTS, inputs, width)
        self.read = PerPartLinear(JOINTS, width, READING_VALUES)
        with torch.no_grad():
            self.read.weight.zero_()
            self.read.bias[:, [2, 4]] = -1.0

    def pool(
        self, heat: Float[Tensor, "batch 24 h w"], described: Float[Tensor, "batch c h/2 w/2"]
    ) -> Float[Tensor, "batch 24 c+4"]:
        """Features at each joint, its position and spread.

        The heatmaps have a teacher of their own: no gradient flows back to them.
        """
        weights = attention(heat.detach())
        coarse = 4 * F.avg_pool2d(weights, 2)
        return torch.cat([gather(described, coarse), region(weights)], -1)

    def forward(
        self,
        pooled: Float[Tensor, "batch 24 width"],
        context: Float[Tensor, "batch context"],
    ) -> JointReading:
        """Read every joint from its own features, its parent's, and the whole body's."""
        parents = pooled[:, PARENT]
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([pooled, parents, shared], -1)))
        offset, log_doubt, lean, log_doubt_lean = self.read(hidden).split([2, 1, 1, 1], -1)
        return JointReading(
            xy=pooled[..., -SPATIAL:-2].detach() + offset,
            log_doubt=log_doubt[..., 0].clamp(*_LOG_DOUBT),
            lean=lean[..., 0],
            log_doubt_lean=log_doubt_lean[..., 0].clamp(*_LOG_DOUBT),
        )
