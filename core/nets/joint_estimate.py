"""Joint estimates: the 2D position of each joint and the foreshortening of its bone, with sigmas.

Positions and foreshortening together determine a pose almost completely. Each estimate is a normal
distribution whose standard deviation is predicted as well. Occluded joints are estimated too, with
larger standard deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.body.names import PARENTS
from core.body.points import foreshortening
from core.nets.attention import REGION_VALUES, PerPartLinear, attention, gather, region
from core.rows import Rows

JOINTS = 24
ESTIMATE_VALUES = 5
"""Values of a joint: x, y, their log sigma, foreshortening, its log sigma."""

PARENT = [max(parent, 0) for parent in PARENTS]
"""Parent of each joint; the root is its own parent."""

_LOG_SIGMA = (-4.5, 1.0)  # range of the log standard deviations


def bone_foreshortening(joints: Float[Tensor, "batch 24 3"]) -> Float[Tensor, "batch 24"]:
    """Foreshortening ``(z - z_parent) / |x - x_parent|`` of each joint's bone; 0 for the root.

    Args:
        joints: camera frame, z forward.
    """
    bones = joints - joints[:, PARENT]
    return foreshortening(bones)


@dataclass(frozen=True)
class JointEstimate(Rows):
    """Independent normal distributions of joint positions and foreshortenings in square crops."""

    xy: Float[Tensor, "batch 24 2"]
    """Mean position in half crops from the middle: -1..1 inside the crop."""
    log_sigma: Float[Tensor, "batch 24"]
    """Logarithm of the standard deviation of x and of y."""
    foreshortening: Float[Tensor, "batch 24"]
    """Mean of `bone_foreshortening`; -1 for a bone that points at the camera."""
    log_sigma_foreshortening: Float[Tensor, "batch 24"]
    """Logarithm of the standard deviation of the foreshortening."""

    @staticmethod
    def of(values: Float[Tensor, "batch 24 5"]) -> JointEstimate:
        """The estimate with these `values`."""
        return JointEstimate(values[..., :2], values[..., 2], values[..., 3], values[..., 4])

    def detach(self) -> JointEstimate:
        """The same estimate without gradient."""
        return JointEstimate.of(self.values.detach())

    @property
    def values(self) -> Float[Tensor, "batch 24 5"]:
        """All values of each joint, in the order of `ESTIMATE_VALUES`."""
        rest = torch.stack([self.log_sigma, self.foreshortening, self.log_sigma_foreshortening], -1)
        return torch.cat([self.xy, rest], -1)


class JointEstimator(nn.Module):
    """A heatmap for each joint, and a separate small layer for each joint on pooled features.

    Args:
        fine: channels of the decoder's map at stride 4, from which heatmaps are predicted.
        width: channels of the map at stride 8 from which features are pooled.
        context_width: channels of the regression head's whole-body context.
    """

    def __init__(self, fine: int, width: int, context_width: int) -> None:
        super().__init__()
        self.heat = nn.Conv2d(fine, JOINTS, 1)
        inputs = 2 * (width + REGION_VALUES) + context_width
        self.hidden = PerPartLinear(JOINTS, inputs, width)
        self.read = PerPartLinear(JOINTS, width, ESTIMATE_VALUES)
        with torch.no_grad():
            self.read.weight.zero_()  # untrained: the heatmap's mean, sigmas of exp(-1)
            self.read.bias[:, [2, 4]] = -1.0

    def pool(
        self, heat: Float[Tensor, "batch 24 h w"], described: Float[Tensor, "batch c h/2 w/2"]
    ) -> Float[Tensor, "batch 24 c+4"]:
        """Features under each joint's heatmap, and the heatmap's `region`.

        No gradient flows back to the heatmaps, which have their own loss.
        """
        weights = attention(heat.detach())
        coarse = 4 * F.avg_pool2d(weights, 2)
        return torch.cat([gather(described, coarse), region(weights)], -1)

    def forward(
        self,
        pooled: Float[Tensor, "batch 24 width"],
        context: Float[Tensor, "batch context"],
    ) -> JointEstimate:
        """Estimate every joint from its features, its parent's, and the whole-body context."""
        parents = pooled[:, PARENT]
        shared = context[:, None].expand(-1, JOINTS, -1)
        hidden = F.relu(self.hidden(torch.cat([pooled, parents, shared], -1)))
        offset, log_sigma, foreshortening, log_sigma_foreshortening = self.read(hidden).split(
            [2, 1, 1, 1], -1
        )
        return JointEstimate(
            xy=pooled[..., -REGION_VALUES:-2].detach() + offset,
            log_sigma=log_sigma[..., 0].clamp(*_LOG_SIGMA),
            foreshortening=foreshortening[..., 0],
            log_sigma_foreshortening=log_sigma_foreshortening[..., 0].clamp(*_LOG_SIGMA),
        )
