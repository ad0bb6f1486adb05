"""The pose network: trunk, U-Net feature map, part segmentation and body regression."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from core.nets.joint_estimate import JointEstimate
from core.nets.presets import NetworkPreset
from core.nets.regressor import PartRegressor
from core.nets.trunks import TrunkOutput, make_trunk
from core.nets.unet import UNetDecoder
from core.rows import Rows


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


class PoseNetwork(nn.Module):
    """Predicts features, parts, pose, shape and camera of square person crops."""

    def __init__(self, preset: NetworkPreset) -> None:
        super().__init__()
        self.preset = preset
        trunk = make_trunk(preset)
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
