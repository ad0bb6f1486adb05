"""U-Net decoder: merges a trunk's maps at strides 32, 16, 8 and 4 into one at stride 4."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.nets.blocks import ConvUnit


class UNetDecoder(nn.Module):
    """Three upsampling blocks with skip connections (3DNBF, section 3.7).

    Args:
        channels: the trunk's channels at strides 4, 8, 16, 32.
        skips: channels that each skip connection is reduced to, at strides 4, 8, 16.
        widths: channels of the decoder's maps at strides 4, 8, 16, 32.
    """

    def __init__(
        self, channels: Sequence[int], skips: Sequence[int], widths: Sequence[int]
    ) -> None:
        super().__init__()
        self.top = ConvUnit(channels[3], widths[3], norm=True)
        self.skips = nn.ModuleList(
            ConvUnit(channels[level], skips[level], norm=True) for level in range(3)
        )
        self.merges = nn.ModuleList(
            ConvUnit(skips[level] + widths[level + 1], widths[level], 3, norm=True)
            for level in range(3)
        )

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Decoder maps at strides 4, 8, 16, 32 (batch, widths[level], height, width)."""
        decoded = [self.top(maps[3])]
        for level in (2, 1, 0):
            up = F.interpolate(decoded[0], scale_factor=2, mode="nearest")
            skip = self.skips[level](maps[level])
            decoded.insert(0, self.merges[level](torch.cat([skip, up], 1)))
        return decoded
