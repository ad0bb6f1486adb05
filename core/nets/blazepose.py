"""BlazePose-full as a trainable PyTorch module.

It has a MobileNetV2-like trunk (strides 2 to 32), a top-down pyramid with 39 keypoint heatmaps at
stride 4, and a landmark tower (39 landmarks in pixels and in metres). The weights are converted
from the Apache-2.0 original by ``tools/convert_blazepose.py``; they were trained on real people.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.blocks import ConvUnit, InvertedTrunk, Separable, SeparableResidual
from core.nets.weights import load_network

INPUT_SIZE = 256
LANDMARKS = 39
PYRAMID_CHANNELS = 48
CHANNELS = (24, 32, 88, 144)
"""Trunk channels at strides 4, 8, 16 and 32."""

# (widened channels or 0, kernel, stride, output channels) of each inverted residual
_TRUNK = [
    *[(0, 3, 1, 16), (64, 3, 2, 24), (144, 3, 1, 24), (144, 5, 2, 32), (192, 5, 1, 32)],
    *[
        (192, 3, 2, 64),
        (384, 3, 1, 64),
        (384, 3, 1, 64),
        (384, 5, 1, 88),
        (528, 5, 1, 88),
    ],
    *[
        (528, 5, 1, 88),
        (528, 5, 2, 144),
        (864, 5, 1, 144),
        (864, 5, 1, 144),
        (864, 5, 1, 144),
    ],
]
_TAPS = (2, 4, 10, 14)  # last block at strides 4, 8, 16, 32
_TOWER_WIDTH = 288


@dataclass(frozen=True)
class Landmarks:
    """Output of the landmark tower for square crops with one person each."""

    xy: Float[Tensor, "batch 39 2"]
    """Pixels of the 256 px input."""
    visibility: Float[Tensor, "batch 39"]
    """Logit: inside the image and not occluded."""
    presence: Float[Tensor, "batch 39"]
    """Logit: inside the image."""
    world: Float[Tensor, "batch 39 3"]
    """Metres, relative to the middle of the hips; x right, y down, z away from the camera."""
    person: Float[Tensor, " batch"]
    """Logit: there is a person in the crop."""


class Pyramid(nn.Module):
    """BlazePose's top-down path: trunk maps to one 48-channel map at stride 4."""

    def __init__(self) -> None:
        super().__init__()
        self.top = nn.Sequential(ConvUnit(144, 864), ConvUnit(864, 864, 3, groups=864))
        self.lateral = nn.ModuleList(Separable(c, PYRAMID_CHANNELS) for c in (24, 32, 88, 864))

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The map at stride 4 (48 channels), and the top map at stride 32 (864 channels)."""
        top = self.top(maps[3])
        x = self.lateral[3](top)
        for level in (2, 1, 0):
            x = F.interpolate(x, scale_factor=2, mode="bilinear") + self.lateral[level](maps[level])
        return x, top


class LandmarkTower(nn.Module):
    """Regresses landmarks from the top map: 8x8 to 2x2, then one linear layer for each output."""

    def __init__(self) -> None:
        super().__init__()
        self.reduce = Separable(864, _TOWER_WIDTH)
        strides = (2, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1)
        self.blocks = nn.Sequential(*[SeparableResidual(_TOWER_WIDTH, s) for s in strides])
        self.landmarks = nn.Conv2d(_TOWER_WIDTH, LANDMARKS * 5, 2)
        self.world = nn.Conv2d(_TOWER_WIDTH, LANDMARKS * 3, 2)
        self.person = nn.Conv2d(_TOWER_WIDTH, 1, 2)

    def forward(self, top: Float[Tensor, "batch 864 8 8"]) -> Landmarks:
        """Landmarks of a 256 px crop."""
        x = self.blocks(self.reduce(top))
        pixels = self.landmarks(x).reshape(-1, LANDMARKS, 5)
        return Landmarks(
            xy=pixels[..., :2],
            visibility=pixels[..., 3],
            presence=pixels[..., 4],
            world=self.world(x).reshape(-1, LANDMARKS, 3),
            person=self.person(x).flatten(),
        )


@dataclass(frozen=True)
class BlazePoseOutput:
    """All outputs of BlazePose for a batch of crops."""

    maps: list[Tensor]
    """Trunk maps at strides 4, 8, 16, 32."""
    pyramid: Float[Tensor, "batch 48 h w"]
    """Top-down map at stride 4."""
    heatmaps: Float[Tensor, "batch 39 h w"]
    """Keypoint heatmaps at stride 4, logits."""
    landmarks: Landmarks


class BlazePose(nn.Module):
    """Trunk, pyramid, heatmaps and landmark tower on 256 px RGB crops with values 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = InvertedTrunk(24, _TRUNK, _TAPS)
        self.pyramid = Pyramid()
        self.heat = nn.Conv2d(PYRAMID_CHANNELS, LANDMARKS, 1)
        self.tower = LandmarkTower()

    def forward(self, image: Float[Tensor, "batch 3 256 256"]) -> BlazePoseOutput:
        """Run the trunk and all heads."""
        maps = self.trunk(image)
        pyramid, top = self.pyramid(maps)
        return BlazePoseOutput(maps, pyramid, self.heat(pyramid), self.tower(top))


def load_blazepose(path: Path | None = None) -> BlazePose:
    """BlazePose with its published weights (or those of ``path``), in eval mode.

    Raises:
        UserError: see :func:`core.nets.weights.load_network`.
    """
    return load_network(BlazePose, "backbone/blazepose_full.safetensors", path)
