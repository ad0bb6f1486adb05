"""The pose network: trunk, U-Net feature map, part segmentation and body regression."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.blazepose import CHANNELS as BLAZEPOSE_CHANNELS
from core.nets.blazepose import (
    INPUT_SIZE,
    LANDMARKS,
    PYRAMID_CHANNELS,
    BlazePose,
    Landmarks,
)
from core.nets.joint_estimate import JointEstimate
from core.nets.presets import NetworkPreset
from core.nets.regressor import PartRegressor
from core.nets.resnet import CHANNELS as RESNET_CHANNELS
from core.nets.resnet import ResNet50
from core.nets.unet import UNetDecoder
from core.rows import Rows

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_LANDMARK_VALUES = LANDMARKS * 7  # xy, visibility, presence, world xyz


@dataclass(frozen=True)
class NetworkOutput(Rows):
    """Output of :class:`PoseNetwork` on crops of side S."""

    features: Float[Tensor, "batch dim h w"]
    """Unit feature vectors at stride 4 (h = w = S / 4)."""
    part_logits: Float[Tensor, "batch 25 h w"]
    """Background, then the 24 parts in joint order."""
    rotations: Float[Tensor, "batch 24 3 3"]
    """Joint rotations relative to the parent; the first is the root's in the camera's frame."""
    betas: Float[Tensor, "batch 10"]
    camera: Float[Tensor, "batch 3"]
    """Weak perspective (s, tx, ty): see :func:`translation_from_camera`."""
    heat: Float[Tensor, "batch 24 h w"]
    """Logits of the joint heatmaps; a softmax over pixels normalises each."""
    joint_estimate: JointEstimate


@dataclass(frozen=True)
class TrunkOutput:
    """Output of a trunk, for the decoder and the regressor."""

    maps: list[Tensor]
    """Feature maps at strides 4, 8, 16, 32."""
    landmarks: Float[Tensor, "batch values"] | None
    heatmaps: Float[Tensor, "batch 39 h w"] | None
    """BlazePose's keypoint heatmaps (logits), for the distillation loss."""


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


def landmark_vector(landmarks: Landmarks) -> Float[Tensor, "batch 273"]:
    """Landmarks scaled to order one: half crops, probabilities, quarter metres."""
    xy = landmarks.xy / (INPUT_SIZE / 2) - 1
    seen = torch.stack([landmarks.visibility, landmarks.presence], -1).sigmoid()
    return torch.cat([xy, seen, 4 * landmarks.world], -1).flatten(1)


class PoseNetwork(nn.Module):
    """Predicts features, parts, pose, shape and camera of square person crops."""

    def __init__(self, preset: NetworkPreset) -> None:
        super().__init__()
        self.preset = preset
        trunk = BlazePoseTrunk() if preset.trunk == "blazepose" else ResNetTrunk()
        self.trunk = trunk
        self.decoder = UNetDecoder(trunk.channels, preset.skips, preset.widths)
        self.project = nn.Conv2d(preset.widths[0], preset.feature_dim, 1)
        self.regressor = PartRegressor(
            preset.widths[0],
            preset.widths[1],
            preset.part_width,
            preset.context_width,
            trunk.landmark_values,
        )

    def forward(self, images: Float[Tensor, "batch 3 s s"]) -> NetworkOutput:
        """Run the network on RGB crops of the preset's size with values 0..1."""
        return self.decode(self.trunk(images))

    def decode(self, trunk: TrunkOutput, bfloat16: bool = False) -> NetworkOutput:
        """Run decoder and regressor on a trunk's output.

        Args:
            bfloat16: run the U-Net in half precision. Its dense 3x3 convolutions are then almost
                twice as fast on CPUs with bfloat16; the trunk's depthwise ones would be slower.
        """
        with torch.autocast(trunk.maps[0].device.type, torch.bfloat16, enabled=bfloat16):
            fine, coarse, *_ = self.decoder(trunk.maps)
            projected = self.project(fine)
        wide = self.project.weight.dtype
        regression = self.regressor(fine.to(wide), coarse.to(wide), trunk.landmarks)
        features = F.normalize(projected.to(wide), dim=1)
        return NetworkOutput(features, **vars(regression))


def translation_from_camera(
    camera: Float[Tensor, "batch 3"], focal: Float[Tensor, " batch"], size: int
) -> Float[Tensor, "batch 3"]:
    """Body translation in metres of a weak-perspective camera (s, tx, ty) on a crop of ``size`` px.

    ``(tx, ty, 2 focal / (size s))``. ``s`` is clamped at 0.05, so that an untrained network cannot
    put the body behind the camera.
    """
    depth = 2 * focal / (size * camera[:, 0].clamp(min=0.05))
    return torch.cat([camera[:, 1:], depth[:, None]], 1)


def camera_from_translation(
    translation: Float[Tensor, "batch 3"], focal: Float[Tensor, " batch"], size: int
) -> Float[Tensor, "batch 3"]:
    """Inverse of :func:`translation_from_camera`."""
    scale = 2 * focal / (size * translation[:, 2])
    return torch.cat([scale[:, None], translation[:, :2]], 1)
