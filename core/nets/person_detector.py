"""BlazePose's person detector: position and size of people in a whole image.

It is a single-shot detector on a 224 px letterboxed image, converted (Apache-2.0) by
``tools/convert_blazepose.py``. Each of its 2254 anchors gives a score, a face box and four
keypoints. The first keypoint is the middle of the hips, the second lies on a circle around the
whole body; together they give a square crop.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.blocks import ConvUnit, InvertedTrunk, Separable, SeparableResidual
from core.nets.weights import freeze, load_network

INPUT_SIZE = 224
VALUES = 12
"""Values of an anchor: face box (x, y, width, height), then four points (x, y)."""

_TRUNK = [
    *[(0, 3, 1, 16), (64, 3, 2, 24), (144, 3, 1, 24), (144, 5, 2, 40), (240, 5, 1, 40)],
    *[
        (240, 3, 2, 80),
        (480, 3, 1, 80),
        (480, 3, 1, 80),
        (480, 5, 1, 112),
        (672, 5, 1, 112),
    ],
    *[(672, 5, 1, 112), (672, 5, 2, 192), (1152, 5, 1, 192), (1152, 5, 1, 192)],
    *[(1152, 5, 1, 192)],
]
_TAPS = (4, 10, 14)  # strides 8, 16, 32
_GRIDS = ((28, 2), (14, 2), (7, 6))  # cells a side, anchors a cell
_SCORE_LIMIT = 100.0  # logits are clipped as in MediaPipe


class _Merge(nn.Module):
    """One step of the top-down path: upsample, add the lateral map, refine."""

    def __init__(self, below: int, lateral: int, channels: int) -> None:
        super().__init__()
        self.lateral = Separable(lateral, channels, inner_active=False)
        self.up = ConvUnit(below, channels)
        refine = [SeparableResidual(channels, inner_active=False) for _ in range(2)]
        self.refine = nn.Sequential(*refine)

    def forward(self, below: Tensor, lateral: Tensor) -> Tensor:
        up = self.up(F.interpolate(below, scale_factor=2, mode="bilinear"))
        return self.refine(self.lateral(lateral) + up)


class _Head(nn.Module):
    """Scores and values of the anchors at one scale."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.score = self._branch(channels // 4, anchors)
        self.values = self._branch(channels // 4, anchors * VALUES)

    @staticmethod
    def _branch(channels: int, outputs: int) -> nn.Sequential:
        return nn.Sequential(
            ConvUnit(channels, channels, 3, 2, channels, active=False),
            ConvUnit(channels, outputs, active=False),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = _depth_to_space(x)
        score = self.score(x).permute(0, 2, 3, 1).flatten(1)
        return score, self.values(x).permute(0, 2, 3, 1).reshape(len(x), -1, VALUES)


def _depth_to_space(
    x: Float[Tensor, "batch c h w"],
) -> Float[Tensor, "batch c/4 h*2 w*2"]:
    """TensorFlow's order of channels: the 2x2 position varies slower than the channel."""
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, 2, 2, channels // 4, height, width)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(batch, channels // 4, 2 * height, 2 * width)


class PersonDetectorNetwork(nn.Module):
    """Anchor scores and values of 224 px RGB images with values -1..1."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = InvertedTrunk(24, _TRUNK, _TAPS)
        self.top = nn.Sequential(ConvUnit(192, 1152), ConvUnit(1152, 1152, 3, groups=1152))
        self.merges = nn.ModuleList([_Merge(1152, 112, 192), _Merge(192, 40, 96)])
        widths = (96, 192, 1152)
        self.heads = nn.ModuleList(
            _Head(width, anchors) for width, (_, anchors) in zip(widths, _GRIDS, strict=True)
        )

    def forward(
        self, image: Float[Tensor, "batch 3 224 224"]
    ) -> tuple[Float[Tensor, "batch 2254"], Float[Tensor, "batch 2254 12"]]:
        """Score logits, and values in input pixels relative to the anchors."""
        fine, middle, coarse = self.trunk(image)
        top = self.top(coarse)
        middle = self.merges[0](top, middle)
        fine = self.merges[1](middle, fine)
        outputs = [head(x) for head, x in zip(self.heads, (fine, middle, top), strict=True)]
        scores, values = zip(*outputs, strict=True)
        return torch.cat(scores, 1), torch.cat(values, 1)


@dataclass(frozen=True)
class Detections:
    """People found in one image, highest score first; coordinates in pixels of the image."""

    score: Float[Tensor, " people"]
    hip: Float[Tensor, "people 2"]
    """Middle of the hips."""
    radius: Float[Tensor, " people"]
    """Radius of the circle around the hips that holds the body."""
    face: Float[Tensor, "people 4"]
    """Box of the face: left, top, right, bottom."""


class PersonDetector:
    """Finds people in whole images."""

    def __init__(self, path: Path | None = None) -> None:
        asset = "backbone/blazepose_detector.safetensors"
        self.network = freeze(load_network(PersonDetectorNetwork, asset, path))
        self._anchors = anchor_centers()

    @torch.no_grad()
    def __call__(
        self,
        image: Float[Tensor, "3 h w"],
        threshold: float = 0.5,
        overlap: float = 0.3,
    ) -> Detections:
        """Detect people.

        Args:
            image: RGB with values 0..1.
            threshold: smallest score, 0 to 1.
            overlap: intersection over union above which two faces are one person; their values are
                averaged with their scores as weights, as in MediaPipe.
        """
        boxed, scale, offset = letterbox(image, INPUT_SIZE)
        logits, values = self.network(boxed[None] * 2 - 1)
        score = logits[0].clamp(-_SCORE_LIMIT, _SCORE_LIMIT).sigmoid()
        keep = score >= threshold
        points = values[0].reshape(-1, 6, 2)[keep]
        anchors = self._anchors[keep][:, None]
        center, size, rest = (
            points[:, :1] + anchors,
            points[:, 1:2],
            points[:, 2:] + anchors,
        )
        merged = torch.cat([center - size / 2, center + size / 2, rest], 1)
        groups = _merge_overlapping(merged, score[keep], overlap)
        return _to_image(groups, scale, offset)


def anchor_centers() -> Float[Tensor, "2254 2"]:
    """Anchor centres in input pixels, cell by cell, finest grid first."""
    centers = []
    for cells, anchors in _GRIDS:
        ticks = (torch.arange(cells) + 0.5) * (INPUT_SIZE / cells)
        y, x = torch.meshgrid(ticks, ticks, indexing="ij")
        grid = torch.stack([x, y], -1).reshape(-1, 1, 2)
        centers.append(grid.expand(-1, anchors, -1).reshape(-1, 2))
    return torch.cat(centers)


def letterbox(
    image: Float[Tensor, "3 h w"], size: int
) -> tuple[Float[Tensor, "3 size size"], float, Float[Tensor, " 2"]]:
    """Scale an image into a square with zero borders; also its scale and (x, y) offset."""
    height, width = image.shape[-2:]
    scale = size / max(height, width)
    new = (max(1, round(height * scale)), max(1, round(width * scale)))
    small = F.interpolate(image[None], new, mode="bilinear", antialias=True)[0]
    top, left = (size - new[0]) // 2, (size - new[1]) // 2
    boxed = F.pad(small, (left, size - new[1] - left, top, size - new[0] - top))
    return boxed, scale, torch.tensor([left, top], dtype=torch.float32)


def _merge_overlapping(
    points: Float[Tensor, "n 6 2"], score: Float[Tensor, " n"], overlap: float
) -> list[tuple[float, Tensor]]:
    """Weighted non-maximum suppression on the face boxes (points 0 and 1 are their corners)."""
    groups = []
    order = score.argsort(descending=True)
    while len(order):
        best = order[0]
        same = _overlap(points[best, :2], points[order, :2]) > overlap
        same[0] = True
        weight = score[order[same]]
        mean = (points[order[same]] * weight[:, None, None]).sum(0) / weight.sum()
        groups.append((float(score[best]), mean))
        order = order[~same]
    return groups


def _overlap(box: Float[Tensor, "2 2"], boxes: Float[Tensor, "n 2 2"]) -> Float[Tensor, " n"]:
    """Intersection over union of one corner box with many."""
    shared = (torch.minimum(box[1], boxes[:, 1]) - torch.maximum(box[0], boxes[:, 0])).clamp(min=0)
    intersection = shared.prod(-1)
    areas = (boxes[:, 1] - boxes[:, 0]).prod(-1)
    return intersection / ((box[1] - box[0]).prod() + areas - intersection).clamp(min=1e-9)


def _to_image(
    groups: list[tuple[float, Tensor]], scale: float, offset: Float[Tensor, " 2"]
) -> Detections:
    points = torch.stack([mean for _, mean in groups]) if groups else torch.zeros(0, 6, 2)
    points = (points - offset) / scale
    hip, circle = points[:, 2], points[:, 3]
    return Detections(
        score=torch.tensor([score for score, _ in groups]),
        hip=hip,
        radius=(circle - hip).norm(dim=-1),
        face=points[:, :2].flatten(1),
    )
