"""Lifting: a body's pose, shape and place from where its parts lie in the picture.

Where parts lie follows from body and camera alone, so this part of the regressor needs no picture
to learn from: it is trained on far more bodies than can be drawn (``core/train/lifter.py``).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

PARTS = 24
LAYOUT_VALUES = 7
"""Numbers a part: seen (0..1), size, middle (x, y), spread (x, y), slant."""

_FACING = (1.0, 0.0, 0.0, 0.0, -1.0, 0.0)  # first two columns of diag(1, -1, -1)
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
_LEAST_SEEN = 7e-4  # share of the crop; three pixels of a map of 64 x 64


def part_layout(parts: Float[Tensor, "batch 24 h w"]) -> Float[Tensor, "batch 24 7"]:
    """Moments of each part's region, scaled to order one.

    Args:
        parts: share of each pixel that belongs to each part.
    """
    height, width = parts.shape[-2:]
    share = parts.flatten(2)
    grid = pixel_grid(height, width, share)
    powers = torch.cat([grid, grid.square(), grid.prod(-1, keepdim=True)], -1)
    area = share.mean(-1, keepdim=True)
    moments = (share @ powers) / (share.sum(-1, keepdim=True) + 1e-6)
    middle, square, product = moments[..., :2], moments[..., 2:4], moments[..., 4:]
    spread = (square - middle.square()).clamp_min(1e-5).sqrt()
    slant = product - middle.prod(-1, keepdim=True)
    seen = area / (area + _LEAST_SEEN)
    values = torch.cat([12 * area.sqrt(), middle, 4 * spread, 16 * slant], -1)
    return torch.cat([seen, seen * values], -1)


class LayoutLifter(nn.Module):
    """A residual network from layouts to rotations, shape and camera.

    Untrained it says an upright mean body that fills the crop.
    """

    def __init__(self, width: int = 512, blocks: int = 3) -> None:
        super().__init__()
        self.enter = nn.Linear(PARTS * LAYOUT_VALUES, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
            )
            for _ in range(blocks)
        )
        self.leave = nn.Linear(width, PARTS * 6 + 10 + 3)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
            rest = torch.tensor([_FACING] + [_IDENTITY] * (PARTS - 1)).flatten()
            self.leave.bias.copy_(torch.cat([rest, torch.zeros(13)]))
            self.leave.bias[-3] = 0.9

    def forward(
        self, layout: Float[Tensor, "batch 24 7"]
    ) -> tuple[Float[Tensor, "batch 24 6"], Float[Tensor, "batch 13"]]:
        """Six numbers a rotation (see `rotation_from_6d`); shape (10) and camera (3)."""
        x = self.enter(layout.flatten(1))
        for block in self.blocks:
            x = x + block(x)
        out = self.leave(F.relu(x))
        return out[:, : PARTS * 6].unflatten(1, (PARTS, 6)), out[:, PARTS * 6 :]


def pixel_grid(height: int, width: int, like: Tensor) -> Float[Tensor, "pixels 2"]:
    """(x, y) of the pixel centres, row by row, in -1..1."""
    y = (torch.arange(height, device=like.device, dtype=like.dtype) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) + 0.5) * (2 / width) - 1
    rows, columns = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([columns, rows], -1).reshape(-1, 2)
