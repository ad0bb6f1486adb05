"""Lifting: pose, shape and camera of a body from joint estimates.

The true joint positions and foreshortenings follow from body and camera alone, so the lifter is
pre-trained without images on many more bodies than can be rendered (`core.train.heads.lifter`).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.joint_estimate import ESTIMATE_VALUES, JOINTS, JointEstimate

_FACING = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # first two columns of diag(1, -1, -1)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


class BodyLifter(nn.Module):
    """A residual network from joint estimates to rotations, shape and camera.

    Untrained it predicts an upright body of mean shape that fills the crop.
    """

    def __init__(self, width: int = 512, blocks: int = 3) -> None:
        super().__init__()
        self.enter = nn.Linear(JOINTS * ESTIMATE_VALUES, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
            )
            for _ in range(blocks)
        )
        self.leave = nn.Linear(width, JOINTS * 6 + 10 + 3)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)  # start near the body of the bias
            rest = torch.tensor([_FACING] + [_IDENTITY] * (JOINTS - 1)).flatten()
            self.leave.bias.copy_(torch.cat([rest, torch.zeros(13)]))
            self.leave.bias[-3] = 0.9  # weak-perspective scale s

    def forward(
        self, estimate: JointEstimate
    ) -> tuple[Float[Tensor, "batch 24 6"], Float[Tensor, "batch 13"]]:
        """Rotations in 6D form (see `rotation_from_6d`), and shape (10) with camera (3)."""
        x = self.enter(estimate.values.flatten(1))
        for block in self.blocks:
            x = x + block(x)
        out = self.leave(F.relu(x))
        return out[:, : JOINTS * 6].unflatten(1, (JOINTS, 6)), out[:, JOINTS * 6 :]
