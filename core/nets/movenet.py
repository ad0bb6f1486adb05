"""MoveNet: the 17 points of COCO's people, of one person (Thunder) or up to six (MultiPose).

Both are CenterNets on a MobileNetV2 with a feature pyramid to stride 4. A cell of the map that is
the centre of a person tells roughly where its points are; each point is the best cell of a heatmap
near there, moved by an offset. The weights are converted from the Apache-2.0 originals by
``tools/convert_movenet.py``; they were trained on real people, COCO's train2017 among them.

Positions in pixels are continuous: x right, y down, 0 is the left or upper edge of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.nets.blocks import ConvUnit, InvertedTrunk, Separable
from core.nets.weights import freeze, load_network

THUNDER_SIZE = 256
"""Side of Thunder's input, pixels."""
SIZE_STEP = 32
"""MultiPose's input has sides that are multiples of this many pixels."""
POINTS = 17
PEOPLE = 6
STRIDE = 4
CHANNELS = 24
"""Channels of the pyramid's map at stride 4."""

# (factor of the widened channels, output channels at width 1, repeats, first stride)
_MOBILENET_V2 = (
    *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
    *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
)
_TAPS = (2, 5, 9, 12, 16)  # last blocks at strides 4 and 8, two at stride 16, the last of all
_TOP = 1280
_THUNDER_WIDTH = 1.75
_NEAR = 1.8  # cells; weight 1 / (distance + _NEAR) of a cell
_SPREAD = 0.3  # of the map's shorter side: squared width, in cells, of a point's Gaussian
_PEAK_WINDOW = 5  # side of the window in which a centre must be the largest
_TIE = 1e-6  # centres that are that close to the largest are peaks, too
_SEEN = 0.127  # smallest score of a point that counts for its person's


@dataclass(frozen=True)
class PosePoints:
    """One person in each picture of a batch; points in COCO's order."""

    xy: Float[Tensor, "batch 17 2"]
    """Pixels of the input."""
    score: Float[Tensor, "batch 17"]
    """0 to 1."""


@dataclass(frozen=True)
class People:
    """Up to six people in one picture, best centre first; points in COCO's order."""

    xy: Float[Tensor, "people 17 2"]
    """Pixels of the input."""
    score: Float[Tensor, "people 17"]
    """0 to 1, lower away from where the person's centre places the point."""
    box: Float[Tensor, "people 4"]
    """Left, top, right, bottom in pixels of the input, inside the picture."""
    person: Float[Tensor, " people"]
    """0 to 1: score of the centre times the mean score of the points seen."""


class FeaturePyramid(nn.Module):
    """MobileNetV2 and a top-down path to one map at stride 4.

    Args:
        width: factor of MobileNetV2's channels.
    """

    def __init__(self, width: float) -> None:
        super().__init__()
        self.trunk = InvertedTrunk(_scaled(32, width), _trunk_rows(width), _TAPS, same=True)
        outputs = [_scaled(channels, width) for channels in (24, 32, 64, 320)]
        self.top = ConvUnit(outputs[3], _TOP)
        self.lateral = nn.ModuleList(
            ConvUnit(channels, merged, active=False)
            for channels, merged in zip((*outputs[:3], _TOP), (24, 32, 64, 64), strict=True)
        )
        self.merge = nn.ModuleList(_separable(c, d) for c, d in ((24, 24), (32, 24), (64, 32)))

    def forward(self, image: Float[Tensor, "batch 3 h w"]) -> Float[Tensor, "batch 24 h/4 w/4"]:
        """The map of RGB pictures with values 0..1 whose sides are multiples of 32."""
        return self.maps(image)[0]

    def maps(self, image: Float[Tensor, "batch 3 h w"]) -> list[Tensor]:
        """That map, and the last ones of MobileNetV2 at strides 8, 16 and 32."""
        *maps, late, last = self.trunk(image * 2 - 1)
        x = self.lateral[3](self.top(last))
        for level in (2, 1, 0):
            x = F.interpolate(x, scale_factor=2, mode="bilinear") + self.lateral[level](maps[level])
            x = self.merge[level](x)
        return [x, maps[1], late, last]


class _MoveNet(nn.Module):
    """What Thunder and MultiPose share: the pyramid, four heads, and how points are read."""

    def __init__(self, width: float) -> None:
        super().__init__()
        self.pyramid = FeaturePyramid(width)
        self.center = _head(1)
        self.heat = _head(POINTS)
        self.regress = _head(2 * POINTS)
        self.offset = _head(2 * POINTS)

    def _regressed(
        self, pyramid: Float[Tensor, "batch 24 h w"], center: Int[Tensor, "batch people"]
    ) -> Float[Tensor, "batch people 17 2"]:
        """Where the centres place their points, (row, column) in cells."""
        moves = _pick(self.regress(pyramid), center).unflatten(-1, (POINTS, 2))
        return _place(center, pyramid.shape[-1])[:, :, None] + moves

    def _located(
        self, pyramid: Float[Tensor, "batch 24 h w"], cell: Int[Tensor, "batch people 17"]
    ) -> Float[Tensor, "batch people 17 2"]:
        """Points that lie in these cells, (x, y) in pixels of the input."""
        moves = self.offset(pyramid).unflatten(1, (POINTS, 2)).flatten(0, 1)  # 17 pictures of 2
        moves = _pick(moves, cell.transpose(1, 2).flatten(0, 1))
        moves = moves.unflatten(0, (-1, POINTS)).transpose(1, 2)
        return (_place(cell, pyramid.shape[-1]) + moves).flip(-1) * STRIDE


class Thunder(_MoveNet):
    """MoveNet SinglePose Thunder: the person nearest to the middle of the picture."""

    def __init__(self) -> None:
        super().__init__(_THUNDER_WIDTH)

    def forward(self, image: Float[Tensor, "batch 3 256 256"]) -> PosePoints:
        """Points in RGB pictures with values 0..1."""
        return self.decode(self.pyramid(image))

    def decode(self, pyramid: Float[Tensor, "batch 24 64 64"]) -> PosePoints:
        """Points from the map at stride 4."""
        rows, columns = _axes(pyramid)
        middle = torch.hypot(rows[:, None] - len(rows) / 2, columns - len(columns) / 2)
        center = self.center(pyramid).sigmoid()[:, 0] / (middle + _NEAR)
        near = self._regressed(pyramid, center.flatten(1).argmax(1, keepdim=True))[:, 0]
        heat = self.heat(pyramid).sigmoid()
        away = torch.hypot(rows[:, None] - near[..., :1, None], columns - near[..., 1:, None])
        cell = (heat / (away + _NEAR)).flatten(2).argmax(2)
        xy = self._located(pyramid, cell[:, None])[:, 0]
        return PosePoints(xy, heat.flatten(2).gather(2, cell[..., None])[..., 0])


class MultiPose(_MoveNet):
    """MoveNet MultiPose Lightning: up to six people of one picture."""

    def __init__(self) -> None:
        super().__init__(1.5)
        self.box_size = _head(2)
        self.box_offset = _head(2)

    def forward(self, image: Float[Tensor, "3 h w"]) -> People:
        """People in an RGB picture with values 0..1 whose sides are multiples of 32."""
        return self.decode(self.pyramid(image[None]))

    def decode(self, pyramid: Float[Tensor, "1 24 h w"]) -> People:
        """People from the map at stride 4."""
        center, strength = _peaks(self.center(pyramid).sigmoid())
        box = self._boxes(pyramid, center)
        heat = self._weighted_heat(pyramid, center, box).flatten(3)
        cell = heat.argmax(3)
        score = heat.amax(1, keepdim=True).expand_as(heat).gather(3, cell[..., None])[0, ..., 0]
        seen = score > _SEEN
        mean = (score * seen).sum(1) / seen.sum(1).clamp(min=1)
        return People(
            xy=self._located(pyramid, cell)[0],
            score=score,
            box=box.flatten(1)[:, [1, 0, 3, 2]] * STRIDE,
            person=strength * mean,
        )

    def _boxes(
        self, pyramid: Float[Tensor, "1 24 h w"], center: Int[Tensor, "1 people"]
    ) -> Float[Tensor, "people 2 2"]:
        """First and last corner of each person's box, (row, column) in cells, inside the map."""
        middle = _place(center, pyramid.shape[-1]) + _pick(self.box_offset(pyramid), center)
        half = _pick(self.box_size(pyramid), center).clamp(min=0) / 2
        corners = torch.stack([middle - half, middle + half], 2)[0]
        return torch.minimum(corners.clamp(min=0), corners.new_tensor(pyramid.shape[-2:]))

    def _weighted_heat(
        self,
        pyramid: Float[Tensor, "1 24 h w"],
        center: Int[Tensor, "1 people"],
        box: Float[Tensor, "people 2 2"],
    ) -> Float[Tensor, "1 people 17 h w"]:
        """Heatmaps times a Gaussian about the regressed point of each person, 0 outside its box.

        Both factors are products of one over rows and one over columns.
        """
        near = self._regressed(pyramid, center)[0]
        spread = _SPREAD * min(pyramid.shape[-2:])
        row, column = (
            torch.exp(-(axis - near[..., i, None]).square() / spread)
            * ((axis >= box[:, :1, i]) & (axis < box[:, 1:, i]))[:, None]
            for i, axis in enumerate(_axes(pyramid))
        )
        heat = self.heat(pyramid).sigmoid()
        return heat[:, None] * (row[..., None] * column[..., None, :])


def load_thunder(path: Path | None = None) -> Thunder:
    """Thunder with its published weights (or those of ``path``), frozen.

    Raises:
        UserError: see :func:`core.nets.weights.load_network`.
    """
    return freeze(load_network(Thunder, "backbone/movenet_thunder.safetensors", path))


@cache
def load_multipose(path: Path | None = None) -> MultiPose:
    """MultiPose with its published weights (or those of ``path``), frozen; loaded once.

    Raises:
        UserError: see :func:`core.nets.weights.load_network`.
    """
    return freeze(load_network(MultiPose, "backbone/movenet_multipose.safetensors", path))


def _scaled(channels: int, width: float) -> int:
    """Channels times the width, to the nearest multiple of 8."""
    return int(channels * width + 4) // 8 * 8


THUNDER_TRUNK_CHANNELS = tuple(_scaled(channels, _THUNDER_WIDTH) for channels in (32, 96, 320))
"""Channels of Thunder's MobileNetV2 at strides 8, 16 and 32."""


def _trunk_rows(width: float) -> list[tuple[int, int, int, int]]:
    """MobileNetV2's blocks as :class:`InvertedTrunk` takes them."""
    rows, channels = [], _scaled(32, width)
    for factor, base, repeats, first in _MOBILENET_V2:
        for index in range(repeats):
            wide = channels * factor if factor > 1 else 0
            channels = _scaled(base, width)
            rows.append((wide, 3, 1 if index else first, channels))
    return rows


def _separable(channels_in: int, channels_out: int) -> Separable:
    return Separable(channels_in, channels_out, inner_active=False, limit=float("inf"))


def _head(outputs: int) -> nn.Sequential:
    return nn.Sequential(_separable(CHANNELS, 96), ConvUnit(96, outputs, active=False))


def _axes(pyramid: Float[Tensor, "batch c h w"]) -> tuple[Tensor, Tensor]:
    """Row and column numbers of the map's cells."""
    height, width = pyramid.shape[-2:]
    count = torch.arange(max(height, width), dtype=pyramid.dtype, device=pyramid.device)
    return count[:height], count[:width]


def _place(cell: Int[Tensor, "*n"], width: int) -> Float[Tensor, "*n 2"]:
    """(row, column) of cells counted along the rows."""
    return torch.stack([cell // width, cell % width], -1).float()


def _pick(
    maps: Float[Tensor, "batch c h w"], cell: Int[Tensor, "batch n"]
) -> Float[Tensor, "batch n c"]:
    """Values of maps at cells."""
    index = cell[:, None].expand(-1, maps.shape[1], -1)
    return maps.flatten(2).gather(2, index).transpose(1, 2)


def _peaks(
    center: Float[Tensor, "1 1 h w"],
) -> tuple[Int[Tensor, "1 people"], Float[Tensor, " people"]]:
    """Cells and values of the six largest local maxima, largest first; equal ones in cell order."""
    largest = F.max_pool2d(center, _PEAK_WINDOW, 1, _PEAK_WINDOW // 2)
    peaks = (center * (largest - center < _TIE)).flatten()
    values, cells = peaks.sort(descending=True, stable=True)
    count = min(PEOPLE, int((values[:PEOPLE] > 0).sum()))
    return cells[None, :count], values[:count]
