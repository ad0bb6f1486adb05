"""The pose network's outputs have their documented meaning."""

from __future__ import annotations

import pytest
import torch

from core.errors import UserError
from core.nets.network import PoseNetwork, camera_from_translation, translation_from_camera
from core.nets.presets import PRESETS, find_preset
from core.nets.regressor import PartRegressor, pool_parts
from core.nets.resnet import ResNet50


@pytest.mark.parametrize("name", list(PRESETS))
def test_outputs(name: str) -> None:
    preset = PRESETS[name]
    torch.manual_seed(0)
    network = PoseNetwork(preset).eval()
    with torch.no_grad():
        output = network(torch.rand(1, 3, preset.image_size, preset.image_size))
    cells = preset.image_size // 4
    assert output.features.shape == (1, 64, cells, cells)
    assert output.part_logits.shape == (1, 25, cells, cells)
    torch.testing.assert_close(output.features.norm(dim=1), torch.ones(1, cells, cells))
    turned = output.rotations @ output.rotations.transpose(-1, -2)
    torch.testing.assert_close(turned, torch.eye(3).expand(1, 24, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(output.rotations), torch.ones(1, 24))


def test_starts_upright_facing_the_camera() -> None:
    torch.manual_seed(0)
    head = PartRegressor(16, 16, 8, 32, 0).eval()
    with torch.no_grad():
        regression = head(torch.randn(3, 16, 16, 16), torch.randn(3, 16, 8, 8), None)
    facing = torch.diag(torch.tensor([1.0, -1.0, -1.0])).expand(3, 3, 3)
    torch.testing.assert_close(regression.rotations[:, 0], facing, atol=0.3, rtol=0)
    assert regression.camera[:, 0].sub(0.9).abs().max() < 0.2


def test_pool_parts_finds_a_spot() -> None:
    features = torch.randn(1, 5, 8, 8, dtype=torch.float64)
    logits = torch.zeros(1, 24, 8, 8, dtype=torch.float64)
    logits[0, 3, 2, 6] = 100.0
    pooled = pool_parts(features, logits)
    torch.testing.assert_close(pooled[0, 3, :5], features[0, :, 2, 6])
    assert pooled[0, 3, 5:7].tolist() == pytest.approx([2 * 6.5 / 8 - 1, 2 * 2.5 / 8 - 1])
    torch.testing.assert_close(pooled[0, 0, :5], features.mean((2, 3))[0])
    assert pooled[0, 0, 7].item() == pytest.approx((21 / 64) ** 0.5)  # of eight even steps
    assert pooled[0, 3, 7].item() < 0.01


def test_camera_round_trip() -> None:
    translation = torch.tensor([[0.1, -0.2, 5.0], [0.0, 0.3, 40.0]])
    focal = torch.tensor([900.0, 5000.0])
    camera = camera_from_translation(translation, focal, 256)
    torch.testing.assert_close(translation_from_camera(camera, focal, 256), translation)


def test_camera_never_behind() -> None:
    camera = torch.tensor([[-1.0, 0.0, 0.0]])
    assert translation_from_camera(camera, torch.tensor([500.0]), 256)[0, 2] > 0


def test_unknown_preset_is_named() -> None:
    with pytest.raises(UserError, match=r"lite, paper"):
        find_preset("litte")


def test_resnet_reads_torchvision_names() -> None:
    torch.manual_seed(0)
    source, target = ResNet50(), ResNet50()
    state = {**source.state_dict(), "fc.weight": torch.zeros(1000, 2048)}
    # names of torchvision's resnet50, of which there are 318 without the classifier
    assert len(state) == 319
    assert {"conv1.weight", "layer1.0.downsample.1.running_var", "layer4.2.conv3.weight"} <= {
        *state
    }
    assert state["layer3.5.conv2.weight"].shape == (256, 256, 3, 3)
    target.load_torchvision(state)
    assert torch.equal(target.layer2[3].conv1.weight, source.layer2[3].conv1.weight)
    del state["layer1.0.bn1.bias"]
    with pytest.raises(UserError, match=r"layer1\.0\.bn1\.bias"):
        target.load_torchvision(state)
