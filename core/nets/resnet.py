"""The trunk of ResNet-50, with torchvision's parameter names, so that its state dicts load."""

from __future__ import annotations

from collections.abc import Mapping

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import UserError

CHANNELS = (256, 512, 1024, 2048)
"""Output channels at strides 4, 8, 16 and 32."""
_BLOCKS = (3, 4, 6, 3)
_EXPANSION = 4


class Bottleneck(nn.Module):
    """Residual block: 1x1, 3x3 (with the stride), 1x1, and a shortcut."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        channels_out = width * _EXPANSION
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels_out:
            shortcut = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels_out))

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h2 w2"]:
        """Apply the block."""
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + self.downsample(x))


class ResNet50(nn.Module):
    """Maps at strides 4, 8, 16, 32 of images with ImageNet's normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        channels = 64
        for index, (blocks, width) in enumerate(zip(_BLOCKS, (64, 128, 256, 512), strict=True)):
            first = Bottleneck(channels, width, 1 if index == 0 else 2)
            channels = width * _EXPANSION
            rest = [Bottleneck(channels, width, 1) for _ in range(blocks - 1)]
            self.add_module(f"layer{index + 1}", nn.Sequential(first, *rest))

    def forward(self, x: Float[Tensor, "batch 3 h w"]) -> list[Tensor]:
        """Apply the trunk."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        maps = []
        for index in range(4):
            x = self.get_submodule(f"layer{index + 1}")(x)
            maps.append(x)
        return maps

    def load_torchvision(self, state: Mapping[str, Tensor]) -> None:
        """Load a torchvision ``resnet50`` state dict; its classifier (``fc``) is ignored.

        Raises:
            UserError: parameters are missing, left over or of another shape.
        """
        kept = {name: value for name, value in state.items() if not name.startswith("fc.")}
        try:
            self.load_state_dict(kept)
        except RuntimeError as error:
            raise UserError(f"not a torchvision resnet50 state dict: {error}") from error
