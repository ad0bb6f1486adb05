"""Trunks hand their networks' maps and points to the decoder as documented."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.nets.movenet import load_thunder
from core.nets.trunks import BlazePoseTrunk, DetectorTrunk


@pytest.fixture(scope="module")
def image() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 3, 16, 16, generator=generator)
    return torch.nn.functional.interpolate(coarse, 256, mode="bilinear")


@pytest.fixture(scope="module")
def trunk() -> DetectorTrunk:
    trunk = DetectorTrunk()
    trunk.load_published()
    return trunk.eval().requires_grad_(False)


def test_maps_have_the_stated_channels_and_blazeposes_come_first(
    trunk: DetectorTrunk, image: Tensor
) -> None:
    alone = BlazePoseTrunk()
    alone.load_published()
    output = trunk(image)
    with torch.no_grad():
        expected = alone.eval()(image)
    for level, stride in enumerate((4, 8, 16, 32)):
        side = 256 // stride
        assert output.maps[level].shape == (2, trunk.channels[level], side, side)
        first = output.maps[level][:, : alone.channels[level]]
        torch.testing.assert_close(first, expected.maps[level])
    torch.testing.assert_close(output.landmarks[:, :273], expected.landmarks)
    assert output.landmarks.shape == (2, trunk.landmark_values)
    assert output.heatmaps is None


def test_thunders_map_and_points_come_last(trunk: DetectorTrunk, image: Tensor) -> None:
    thunder = load_thunder()
    output, points = trunk(image), thunder(image)
    torch.testing.assert_close(output.maps[0][:, -24:], thunder.pyramid(image))
    own = output.landmarks[:, 273:].unflatten(1, (17, 3))
    torch.testing.assert_close((own[..., :2] + 1) * 128, points.xy)
    torch.testing.assert_close(own[..., 2], points.score)


def test_half_precision_does_not_round_landmarks_to_pixels(
    trunk: DetectorTrunk, image: Tensor
) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output = trunk(image)
    assert output.maps[3].dtype != output.landmarks.dtype == torch.float32
    pixels = (output.landmarks[:, :273].unflatten(1, (39, 7))[..., :2] + 1) * 128
    assert (pixels - pixels.bfloat16()).abs().max() > 0.1
