"""2D joints by the published BlazePose network."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_FLIP
from core.geometry.keypoints import Keypoints as Keypoints
from core.nets.blazepose import INPUT_SIZE, Landmarks, load_blazepose
from core.nets.weights import freeze

LANDMARK_OF_JOINT = {
    1: 23,
    2: 24,
    4: 25,
    5: 26,
    7: 27,
    8: 28,
    16: 11,
    17: 12,
    18: 13,
    19: 14,
    20: 15,
    21: 16,
}
"""SMPL joint -> BlazePose landmark, for the twelve that correspond: hips, knees, ankles, shoulders,
elbows, wrists."""

_WINDOW = 7  # side of the window around a landmark that refines it, heatmap cells
_REFINE_ABOVE = 0.5  # smallest heatmap maximum that refines a landmark


@cache
def load_keypoint_detector() -> KeypointDetector:
    """The detector, loaded once in a process."""
    return KeypointDetector()


class KeypointDetector:
    """BlazePose as published: keypoints of crops."""

    def __init__(self) -> None:
        self.network = freeze(load_blazepose())

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "batch 3 s s"]) -> Keypoints:
        """Keypoints of upright square crops (RGB, 0..1) in crop pixels, SMPL joint order.

        Positions and confidences are means over the crop and its mirror image.
        """
        xy, confidence = self._find(torch.cat([images, images.flip(3)]))
        side, flip = images.shape[-1], list(JOINT_FLIP)
        (plain, mirrored), (score, mirrored_score) = xy.chunk(2), confidence.chunk(2)
        mirrored = torch.stack([side - mirrored[:, flip, 0], mirrored[:, flip, 1]], -1)
        return Keypoints((plain + mirrored) / 2, (score + mirrored_score[:, flip]) / 2)

    def _find(
        self, images: Float[Tensor, "batch 3 s s"]
    ) -> tuple[Float[Tensor, "batch 24 2"], Float[Tensor, "batch 24"]]:
        """Positions and confidences; zeros for joints without a BlazePose landmark."""
        landmarks, heatmaps = self._landmarks(images)
        xy = refine(landmarks.xy, heatmaps)
        seen = landmarks.visibility.sigmoid() * landmarks.presence.sigmoid()
        joints, sources = list(LANDMARK_OF_JOINT), list(LANDMARK_OF_JOINT.values())
        keypoints = xy.new_zeros(len(images), 24, 2)
        confidence = xy.new_zeros(len(images), 24)
        keypoints[:, joints] = xy[:, sources] * (images.shape[-1] / INPUT_SIZE)
        confidence[:, joints] = seen[:, sources]
        return keypoints, confidence

    def _landmarks(self, images: Float[Tensor, "batch 3 s s"]) -> tuple[Landmarks, Tensor]:
        if images.shape[-1] != INPUT_SIZE:
            size = (INPUT_SIZE, INPUT_SIZE)
            images = F.interpolate(images, size, mode="bilinear", antialias=True)
        output = self.network(images)
        return output.landmarks, output.heatmaps.sigmoid()


def refine(
    xy: Float[Tensor, "batch points 2"], heatmaps: Float[Tensor, "batch points h w"]
) -> Float[Tensor, "batch points 2"]:
    """Move points to the centre of mass of their heatmap in a window, as MediaPipe does.

    Points whose heatmap stays below 0.5 in the window are not moved.

    Args:
        xy: pixels of the network's input.
        heatmaps: values 0..1 at stride 4.
    """
    size = heatmaps.shape[-1]
    stride = INPUT_SIZE / size
    cells = xy / stride
    ticks = torch.arange(size, device=xy.device)  # heatmaps peak at corners of cells, not middles
    near = (ticks - cells[..., None]).abs() <= _WINDOW / 2  # (batch, points, 2, size)
    window = heatmaps * near[:, :, 1, :, None] * near[:, :, 0, None, :]
    mass = window.sum((-1, -2)).clamp(min=1e-6)
    center = torch.stack([(window.sum(-2) * ticks).sum(-1), (window.sum(-1) * ticks).sum(-1)], -1)
    refined = window.amax((-1, -2)) >= _REFINE_ABOVE
    return torch.where(refined[..., None], stride * center / mass[..., None], xy)
