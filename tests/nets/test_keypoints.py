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
    cut_square,
    iou,
    refine,
)

ASTRONAUT_FACE = (222, 115)


@pytest.fixture(scope="module")
def detector() -> KeypointDetector:
    return KeypointDetector()


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return load_image("skimage:astronaut").pixels


def test_box_of_a_cut_off_person(detector: KeypointDetector, astronaut: np.ndarray) -> None:
    (found,) = detector.propose_boxes(astronaut)
    assert found.score > 0.9
    box = found.box
    assert box.x < ASTRONAUT_FACE[0] < box.x + box.width
    assert -30 < box.y < 20  # the hair, too
    assert box.y + box.height > 600  # the legs outside the photo belong to the box


def test_grey_photo(detector: KeypointDetector) -> None:
    image = load_image("skimage:camera").pixels
    best = detector.propose_boxes(image)[0]
    assert best.box.x < 200 < best.box.x + best.box.width
    assert 20 < best.box.y < 65  # the crown of the bent head


def test_nobody(detector: KeypointDetector) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    assert detector.propose_boxes(noise) == []
    assert detector.propose_boxes(np.zeros((1, 1, 3), np.uint8)) == []


def test_two_people(detector: KeypointDetector, astronaut: np.ndarray) -> None:
    two = np.concatenate([astronaut, astronaut[:, ::-1]], 1)
    found = detector.propose_boxes(two)
    assert len(found) == 2
    centers = sorted(p.box.center[0] for p in found)
    assert centers[0] < 512 < centers[1]


def test_box_follows_the_person(detector: KeypointDetector, astronaut: np.ndarray) -> None:
    (here,) = detector.propose_boxes(astronaut)
    moved = np.pad(astronaut, ((100, 0), (60, 0), (0, 0)), mode="edge")
    (there,) = detector.propose_boxes(moved)
    shift = np.array(there.box.center) - np.array(here.box.center)
    assert np.abs(shift - [60, 100]).max() < 60


def test_keypoints_scale_with_the_crop(detector: KeypointDetector, astronaut: np.ndarray) -> None:
    (found,) = detector.propose_boxes(astronaut)
    side = found.box.height * 1.1
    square = Box(*(c - side / 2 for c in found.box.center), side, side)
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
    torch.testing.assert_close(refined[0, 0], torch.tensor([30.5 * 4, 20.5 * 4]))
    torch.testing.assert_close(refined[0, 1], xy[0, 1])


@pytest.mark.parametrize("side", [16.0, 64.0])
def test_cut_square_is_exact(side: float) -> None:
    ramp = np.zeros((80, 100, 3), np.uint8)
    ramp[..., 0] = np.arange(100)[None]
    ramp[..., 1] = np.arange(80)[:, None]
    cut = cut_square(ramp, Box(8, 8, side, side), 16).astype(float)
    expected = 8 + (np.arange(16) + 0.5) * side / 16 - 0.5
    assert np.abs(cut[..., 0] - expected[None]).max() <= 1.0
    assert np.abs(cut[..., 1] - expected[:, None]).max() <= 1.0
    assert (cut_square(ramp, Box(-200, 0, 50, 50), 16) == 0).all()


def test_overlap() -> None:
    box = Box(0, 0, 10, 10)
    assert iou(box, box) == pytest.approx(1)
    assert iou(box, Box(5, 0, 10, 10)) == pytest.approx(1 / 3)
    assert iou(box, Box(20, 0, 10, 10)) == 0


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
