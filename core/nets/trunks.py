"""Trunks under the U-Net decoder: networks that turn a crop into maps at strides 4 to 32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.blazepose import CHANNELS as BLAZEPOSE_CHANNELS
from core.nets.blazepose import (
    INPUT_SIZE,
    LANDMARKS,
    PYRAMID_CHANNELS,
    BlazePose,
    Landmarks,
    load_blazepose,
)
from core.nets.blocks import single_precision
from core.nets.movenet import CHANNELS as MOVENET_CHANNELS
from core.nets.movenet import POINTS, THUNDER_TRUNK_CHANNELS, PosePoints, Thunder, load_thunder
from core.nets.presets import NetworkPreset
from core.nets.resnet import CHANNELS as RESNET_CHANNELS
from core.nets.resnet import ResNet50

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_LANDMARK_VALUES = LANDMARKS * 7  # xy, visibility, presence, world xyz
_POINT_VALUES = POINTS * 3  # xy, score


@dataclass(frozen=True)
class TrunkOutput:
    """Output of a trunk, for the decoder and the regressor."""

    maps: list[Tensor]
    """Feature maps at strides 4, 8, 16, 32."""
    landmarks: Float[Tensor, "batch values"] | None
    heatmaps: Float[Tensor, "batch 39 h w"] | None
    """BlazePose's keypoint heatmaps (logits), for the distillation loss."""

    def to(self, device: str) -> Self:
        """The same output on a device."""
        maps = [level.to(device) for level in self.maps]
        rest = (self.landmarks, self.heatmaps)
        return type(self)(maps, *(None if value is None else value.to(device) for value in rest))


class BlazePoseTrunk(nn.Module):
    """BlazePose with all heads; its top-down map is concatenated to the map at stride 4."""

    channels = (BLAZEPOSE_CHANNELS[0] + PYRAMID_CHANNELS, *BLAZEPOSE_CHANNELS[1:])
    landmark_values = _LANDMARK_VALUES

    def __init__(self) -> None:
        super().__init__()
        self.blazepose = BlazePose()

    def forward(self, images: Float[Tensor, "batch 3 256 256"]) -> TrunkOutput:
        """Run the trunk on RGB images with values 0..1."""
        output = self.blazepose(images)
        fine = torch.cat([output.maps[0], output.pyramid], 1)
        return TrunkOutput(
            maps=[fine, *output.maps[1:]],
            landmarks=landmark_vector(output.landmarks),
            heatmaps=output.heatmaps,
        )

    def load_published(self) -> None:
        """Take BlazePose's published weights."""
        self.blazepose = load_blazepose()


class DetectorTrunk(BlazePoseTrunk):
    """BlazePose and MoveNet Thunder as published, never trained: their maps are concatenated.

    Both were trained on real people, BlazePose for one dancer or athlete, Thunder for COCO's. A
    layer that reads `BlazePoseTrunk` finds the same channels first.
    """

    channels = tuple(
        of_blazepose + of_thunder
        for of_blazepose, of_thunder in zip(
            BlazePoseTrunk.channels, (MOVENET_CHANNELS, *THUNDER_TRUNK_CHANNELS), strict=True
        )
    )
    landmark_values = _LANDMARK_VALUES + _POINT_VALUES

    def __init__(self) -> None:
        super().__init__()
        self.thunder = Thunder()

    def forward(self, images: Float[Tensor, "batch 3 256 256"]) -> TrunkOutput:
        """Run both on RGB images with values 0..1."""
        output = super().forward(images)
        maps = self.thunder.pyramid.maps(images)
        with single_precision(images) as single:
            points = point_vector(self.thunder.decode(single(maps[0])))
        assert output.landmarks is not None
        return TrunkOutput(
            maps=[torch.cat(level, 1) for level in zip(output.maps, maps, strict=True)],
            landmarks=torch.cat([output.landmarks, points], 1),
            heatmaps=None,  # a loss against the teacher would be 0
        )

    def load_published(self) -> None:
        """Take the published weights of both."""
        super().load_published()
        self.thunder = load_thunder()


class ResNetTrunk(nn.Module):
    """ResNet-50 with ImageNet's colour normalisation."""

    channels = RESNET_CHANNELS
    landmark_values = 0
    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet50()
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD)[:, None, None], persistent=False)

    def forward(self, images: Float[Tensor, "batch 3 s s"]) -> TrunkOutput:
        """Run the trunk on RGB images with values 0..1."""
        return TrunkOutput(self.resnet((images - self.mean) / self.std), None, None)


Trunk = BlazePoseTrunk | DetectorTrunk | ResNetTrunk


def make_trunk(preset: NetworkPreset) -> Trunk:
    """The trunk of a preset, with random weights."""
    kinds: dict[str, Callable[[], Trunk]] = {
        "blazepose": BlazePoseTrunk,
        "detectors": DetectorTrunk,
        "resnet50": ResNetTrunk,
    }
    return kinds[preset.trunk]()


def landmark_vector(landmarks: Landmarks) -> Float[Tensor, "batch 273"]:
    """BlazePose's landmarks scaled to order one: half crops, probabilities, quarter metres."""
    xy = landmarks.xy / (INPUT_SIZE / 2) - 1
    seen = torch.stack([landmarks.visibility, landmarks.presence], -1).sigmoid()
    return torch.cat([xy, seen, 4 * landmarks.world], -1).flatten(1)


def point_vector(points: PosePoints) -> Float[Tensor, "batch 51"]:
    """Thunder's points scaled to order one: half crops, and the score."""
    xy = points.xy / (INPUT_SIZE / 2) - 1
    return torch.cat([xy, points.score[..., None]], -1).flatten(1)
