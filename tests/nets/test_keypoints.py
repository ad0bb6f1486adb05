"""BlazePose finds people and joints on real photographs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.body.names import JOINT_FLIP
from core.geometry.crop import Box
from core.io.images import load_image
from core.nets.keypoints import (
    LANDMARK_OF_JOINT,
    KeypointDetector,
    refine,
)
from core.nets.people import cut_square


@pytest.fixture(scope="module")
def detector() -> KeypointDetector:
    return KeypointDetector()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return load_image("skimage:astronaut").pixels


def test_keypoints_scale_with_the_crop(detector: KeypointDetector, astronaut: np.ndarray) -> None:
    square = Box(-130, -30, 700, 700)
    results = []
    for size in (256, 512):
        crop = torch.from_numpy(cut_square(astronaut, square, size)).permute(2, 0, 1)[None]
        results.append(detector(crop.float() / 255))
    small, large = results
    assert (small.confidence[0] > 0).nonzero()[:, 0].tolist() == sorted(LANDMARK_OF_JOINT)
    shoulders = [16, 17]
    assert (small.confidence[0, shoulders] > 0.8).all()
    torch.testing.assert_close(2 * small.xy[0, shoulders], large.xy[0, shoulders], atol=8.0, rtol=0)
    left, right = small.xy[0, 16], small.xy[0, 17]
    assert left[0] > right[0]  # she faces us: her left is on our right


def test_refine_moves_to_confident_peaks_only() -> None:
    heat = torch.zeros(1, 2, 64, 64)
    heat[0, 0, 20, 30] = 0.9
    heat[0, 1, 20, 30] = 0.3
    xy = torch.tensor([[[118.0, 86.0], [118.0, 86.0]]])
    refined = refine(xy, heat)
    torch.testing.assert_close(refined[0, 0], torch.tensor([30.0 * 4, 20.0 * 4]))
    torch.testing.assert_close(refined[0, 1], xy[0, 1])


def test_the_mirror_image_has_the_mirrored_keypoints(
    detector: KeypointDetector, astronaut: np.ndarray
) -> None:
    crop = cut_square(astronaut, Box(0, 0, 512, 512), 256)
    image = torch.from_numpy(crop).permute(2, 0, 1)[None].float() / 255
    here, there = detector(image), detector(image.flip(3))
    flip = list(JOINT_FLIP)
    seen = here.confidence[0] > 0
    expected = here.xy[:, flip] * torch.tensor([-1.0, 1.0]) + torch.tensor([256.0, 0.0])
    torch.testing.assert_close(there.xy[:, seen], expected[:, seen], atol=1e-2, rtol=0)
    torch.testing.assert_close(there.confidence, here.confidence[:, flip], atol=1e-4, rtol=0)
    left, right = here.xy[0, 16], here.xy[0, 17]
    assert left[0] > right[0] + 20  # the astronaut's left shoulder is on the picture's right
