"""BlazePose as trainable PyTorch modules: the published networks "full" and "heavy".

Both have a MobileNetV2-like trunk (strides 2 to 32), a top-down pyramid with 39 keypoint heatmaps
at stride 4, and a landmark tower (39 landmarks in pixels and in metres). Heavy is wider and deeper,
its tower looks at the pyramid, too, and it has a mask of the person. The weights are converted from
the Apache-2.0 originals by ``tools/convert_blazepose.py``; they were trained on real people.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.blocks import (
    ConvUnit,
    InvertedTrunk,
    Separable,
    SeparableResidual,
    single_precision,
)
from core.nets.weights import freeze, load_network

INPUT_SIZE = 256
LANDMARKS = 39
PYRAMID_CHANNELS = 48
Kind = Literal["full", "heavy"]

_STEM = 24
_TOWER_WIDTH = 288
_MASK_WIDTH = 8


@dataclass(frozen=True)
class _Shape:
    """Widths and depths of a network."""

    trunk: list[tuple[int, int, int, int]]
    """(widened channels or 0, kernel, stride, output channels) of each inverted residual."""
    taps: tuple[int, ...]
    """Last blocks at strides 2, 4, 8, 16 and 32."""
    tower: tuple[int, int]
    """Residuals of the tower at strides 64 and 128."""
    climb: tuple[tuple[int, int], ...] = ()
    """(Channels, residuals) of the bottom-up path from the pyramid to the tower."""
    mask: bool = False

    @property
    def channels(self) -> tuple[int, ...]:
        """Trunk channels at strides 2, 4, 8, 16 and 32."""
        return tuple(self.trunk[index][3] for index in self.taps)

    @property
    def top(self) -> int:
        """Channels of the pyramid's map at stride 32."""
        return 6 * self.channels[-1]


_SHAPES = {
    "full": _Shape(
        trunk=[
            *[(0, 3, 1, 16), (64, 3, 2, 24), (144, 3, 1, 24), (144, 5, 2, 32), (192, 5, 1, 32)],
            *[(192, 3, 2, 64), *[(384, 3, 1, 64)] * 2, (384, 5, 1, 88), *[(528, 5, 1, 88)] * 2],
            *[(528, 5, 2, 144), *[(864, 5, 1, 144)] * 3],
        ],
        taps=(0, 2, 4, 10, 14),
        tower=(4, 5),
    ),
    "heavy": _Shape(
        trunk=[
            *[(0, 3, 1, 24), (96, 3, 2, 32), (128, 3, 1, 32), *[(192, 3, 1, 32)] * 2],
            *[(192, 5, 2, 56), *[(336, 5, 1, 56)] * 3],
            *[(336, 3, 2, 112), *[(672, 3, 1, 112)] * 5],
            *[(672, 5, 1, 160), *[(960, 5, 1, 160)] * 5],
            *[(960, 5, 2, 272), *[(1632, 5, 1, 272)] * 7],
        ],
        taps=(0, 4, 8, 20, 28),
        tower=(7, 7),
        climb=((96, 6), (192, 7), (288, 7)),
        mask=True,
    ),
}
CHANNELS = _SHAPES["full"].channels[1:]
"""Trunk channels of "full" at strides 4, 8, 16 and 32."""


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

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        top = shape.top
        self.top = nn.Sequential(ConvUnit(top // 6, top), ConvUnit(top, top, 3, groups=top))
        self.lateral = nn.ModuleList(
            Separable(channels, PYRAMID_CHANNELS) for channels in (*shape.channels[1:4], top)
        )

    def forward(self, maps: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The map at stride 4 (48 channels), and the top map at stride 32."""
        top = self.top(maps[3])
        x = self.lateral[3](top)
        for level in (2, 1, 0):
            x = _doubled(x) + self.lateral[level](maps[level])
        return x, top


class Climb(nn.Module):
    """Heavy's bottom-up path: the pyramid's map at stride 4 to one at stride 32.

    Maps of the trunk are added at strides 8 and 16; the tower adds the top map.
    """

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        widths = [width for width, _ in shape.climb]
        self.lateral = nn.ModuleList(
            Separable(channels, width)
            for channels, width in zip(shape.channels[2:4], widths, strict=False)
        )
        self.stages = nn.ModuleList(
            _stage(below, width, residuals)
            for below, (width, residuals) in zip(
                [PYRAMID_CHANNELS, *widths], shape.climb, strict=False
            )
        )

    def forward(self, pyramid: Tensor, maps: list[Tensor]) -> Float[Tensor, "batch 288 8 8"]:
        """Run the path.

        Args:
            pyramid: the pyramid's map at stride 4.
            maps: of the trunk at strides 8 and 16.
        """
        x = self.stages[0](pyramid)
        for stage, lateral, side in zip(self.stages[1:], self.lateral, maps, strict=True):
            x = stage(x + lateral(side))
        return x


class LandmarkTower(nn.Module):
    """Regresses landmarks from the top map: 8x8 to 2x2, then one linear layer for each output."""

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        width = _TOWER_WIDTH
        self.reduce = Separable(shape.top, width)
        self.climb = Climb(shape) if shape.climb else None
        self.blocks = nn.Sequential(*[b for n in shape.tower for b in _stage(width, width, n)])
        self.landmarks = nn.Conv2d(width, LANDMARKS * 5, 2)
        self.world = nn.Conv2d(width, LANDMARKS * 3, 2)
        self.person = nn.Conv2d(width, 1, 2)

    def forward(self, top: Tensor, pyramid: Tensor, maps: list[Tensor]) -> Landmarks:
        """Landmarks of a 256 px crop.

        Args:
            top: the pyramid's map at stride 32.
            pyramid: its map at stride 4.
            maps: of the trunk at strides 4, 8, 16 and 32.
        """
        x = self.reduce(top)
        if self.climb is not None:
            x = x + self.climb(pyramid, maps[1:3])
        x = self.blocks(x)
        pixels = self.landmarks(x).reshape(-1, LANDMARKS, 5)
        return Landmarks(
            xy=pixels[..., :2],
            visibility=pixels[..., 3],
            presence=pixels[..., 4],
            world=self.world(x).reshape(-1, LANDMARKS, 3),
            person=self.person(x).flatten(),
        )


class MaskBranch(nn.Module):
    """The person's mask from the pyramid and the trunk's map at stride 2."""

    def __init__(self, shape: _Shape) -> None:
        super().__init__()
        self.coarse = Separable(PYRAMID_CHANNELS, _MASK_WIDTH)
        self.lateral = Separable(shape.channels[0], _MASK_WIDTH)
        self.stride2 = nn.Sequential(*[SeparableResidual(_MASK_WIDTH) for _ in range(2)])
        self.stride1 = nn.Sequential(*[SeparableResidual(_MASK_WIDTH) for _ in range(2)])
        self.output = nn.Conv2d(_MASK_WIDTH, 1, 3, padding=1)

    def forward(
        self, pyramid: Float[Tensor, "batch 48 64 64"], fine: Float[Tensor, "batch c 128 128"]
    ) -> Float[Tensor, "batch 256 256"]:
        """Logits."""
        x = self.stride2(_doubled(self.coarse(pyramid)) + self.lateral(fine))
        return self.output(self.stride1(_doubled(x)))[:, 0]


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
    mask: Float[Tensor, "batch 256 256"] | None
    """Logit of each input pixel: it shows the person. None of "full"."""


class BlazePose(nn.Module):
    """Trunk, pyramid, heatmaps, tower and mask on 256 px RGB crops with values 0..1."""

    def __init__(self, kind: Kind = "full") -> None:
        super().__init__()
        shape = _SHAPES[kind]
        self.trunk = InvertedTrunk(_STEM, shape.trunk, shape.taps)
        self.pyramid = Pyramid(shape)
        self.heat = nn.Conv2d(PYRAMID_CHANNELS, LANDMARKS, 1)
        self.tower = LandmarkTower(shape)
        self.mask = MaskBranch(shape) if shape.mask else None

    def forward(self, image: Float[Tensor, "batch 3 256 256"]) -> BlazePoseOutput:
        """Run the trunk and all heads."""
        fine, *maps = self.trunk(image)
        pyramid, top = self.pyramid(maps)
        # bfloat16 has 8 bits: pixels of a crop would be rounded to whole ones
        with single_precision(image) as single:
            landmarks = self.tower(single(top), single(pyramid), [single(level) for level in maps])
        mask = None if self.mask is None else self.mask(pyramid, fine)
        return BlazePoseOutput(maps, pyramid, self.heat(pyramid), landmarks, mask)


def load_blazepose(kind: Kind = "full", path: Path | None = None) -> BlazePose:
    """BlazePose with its published weights (or those of ``path``), in eval mode.

    It can be trained; who only uses it calls :func:`core.nets.weights.freeze`, which makes it
    faster.

    Raises:
        UserError: see :func:`core.nets.weights.load_network`.
    """
    return load_network(partial(BlazePose, kind), f"backbone/blazepose_{kind}.safetensors", path)


@cache
def load_heavy() -> BlazePose:
    """BlazePose-heavy, frozen; loaded once in a process."""
    return freeze(load_blazepose("heavy"))


def _stage(channels_in: int, width: int, residuals: int) -> nn.Sequential:
    """Half the resolution, then residuals."""
    first = SeparableResidual(channels_in, 2, channels_out=width)
    return nn.Sequential(first, *[SeparableResidual(width) for _ in range(residuals)])


def _doubled(x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h*2 w*2"]:
    return F.interpolate(x, scale_factor=2, mode="bilinear")
