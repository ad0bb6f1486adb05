"""Joint estimates: the 2D position of each joint, the foreshortening of its bone, and their sigmas.

Both together determine a pose almost completely. Hidden joints are estimated as well, with larger
sigmas. Each estimate is a normal distribution whose sigma the network learns with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.body.names import PARENTS
from core.nets.attention import SPATIAL, PerPartLinear, attention, gather, region
from core.rows import Rows

JOINTS = 24
ESTIMATE_VALUES = 5
"""Numbers a joint: x, y, their log sigma, foreshortening, its log sigma."""

PARENT = [max(parent, 0) for parent in PARENTS]
"""Of each joint; the root counts as its own."""

_LOG_SIGMA = (-4.5, 1.0)  # range of the log standard deviations


def bone_foreshortening(joints: Float[Tensor, "batch 24 3"]) -> Float[Tensor, "batch 24"]:
    """Depth from each joint's parent over the bone's length, camera frame; 0 for the root."""
    bones = joints - joints[:, PARENT]
    return bones[..., 2] / bones.norm(dim=-1).clamp(min=1e-6)


@dataclass(frozen=True)
class JointEstimate(Rows):
    """Joints of people in square crops, as normal distributions."""

    xy: Float[Tensor, "batch 24 2"]
    """Half crops from the middle: -1..1 inside."""
    log_sigma: Float[Tensor, "batch 24"]
    """Logarithm of the standard deviation of x and of y."""
    foreshortening: Float[Tensor, "batch 24"]
    """Depth from the parent joint to this one over the bone's length: -1 points at the camera."""
    log_sigma_foreshortening: Float[Tensor, "batch 24"]
    """Logarithm of its standard deviation."""

    @staticmethod
    def of(values: Float[Tensor, "batch 24 5"]) -> JointEstimate:
        """From the numbers that `values` gives."""
        return JointEstimate(values[..., :2], values[..., 2], values[..., 3], values[..., 4])

    def detach(self) -> JointEstimate:
        """The same estimate, through which no gradient flows."""
        return JointEstimate.of(self.values.detach())

    @property
    def values(self) -> Float[Tensor, "batch 24 5"]:
        """All numbers of each joint."""
        foreshortening = torch.stack(
            [self.log_sigma, self.foreshortening, self.log_sigma_foreshortening], -1
        )
        return torch.cat([self.xy, foreshortening], -1)


class JointEstimator(nn.Module):
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
        self.read = PerPartLinear(JOINTS, width, ESTIMATE_VALUES)
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
    ) -> JointEstimate:
        """Read every joint from its own features, its parent's, and the whole body's."""
        parents = pooled[:, PARENT]
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([pooled, parents, shared], -1)))
        offset, log_sigma, foreshortening, log_sigma_foreshortening = self.read(hidden).split(
            [2, 1, 1, 1], -1
        )
        return JointEstimate(
            xy=pooled[..., -SPATIAL:-2].detach() + offset,
            log_sigma=log_sigma[..., 0].clamp(*_LOG_SIGMA),
            foreshortening=foreshortening[..., 0],
            log_sigma_foreshortening=log_sigma_foreshortening[..., 0].clamp(*_LOG_SIGMA),
        )
