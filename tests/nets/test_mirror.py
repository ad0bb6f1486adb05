"""Averaging with the mirror image is symmetric, and mirrors everything that it must."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from core.body.names import JOINT_FLIP
from core.geometry.rotations import axis_angle_from_rotation, rotation_from_axis_angle
from core.nets.blazepose import load_blazepose
from core.nets.joint_estimate import JointEstimate
from core.nets.mirror import (
    mean_joint_estimate,
    mirror_joint_estimate,
    mirror_output,
    predict_with_mirror,
)
from core.nets.network import NetworkOutput, PoseNetwork
from core.nets.presets import PRESETS


@pytest.fixture(scope="module")
def network() -> PoseNetwork:
    """Random weights behind a trunk that sees, also where training begins with zeros."""
    torch.manual_seed(0)
    network = PoseNetwork(PRESETS["lite"]).eval()
    network.trunk.blazepose = load_blazepose()
    head = network.regressor
    for layer in (head.pose, head.shape_camera, head.joints.read):
        torch.nn.init.normal_(layer.weight)
    return network


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    """Coarse blobs, unlike their mirror images."""
    blobs = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return torch.nn.functional.interpolate(blobs, size=256)


def joint_estimate(**changes: torch.Tensor) -> JointEstimate:
    """Joints in the middle that are sure, but for ``changes``."""
    zero = torch.zeros(1, 24)
    return replace(JointEstimate(torch.zeros(1, 24, 2), zero - 2, zero, zero - 1), **changes)


def test_the_mirror_image_gives_the_mirrored_person(
    network: PoseNetwork, images: torch.Tensor
) -> None:
    with torch.no_grad():
        plain = predict_with_mirror(network, images)
        other = mirror_output(predict_with_mirror(network, images.flip(3)))
    for name in ("rotations", "betas", "camera"):
        torch.testing.assert_close(vars(plain)[name], vars(other)[name], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        plain.joint_estimate.values, other.joint_estimate.values, atol=1e-4, rtol=1e-4
    )


def test_features_are_those_of_the_crop(network: PoseNetwork, images: torch.Tensor) -> None:
    with torch.no_grad():
        once, both = network(images), predict_with_mirror(network, images)
    for name in ("features", "part_logits", "heat"):
        torch.testing.assert_close(vars(both)[name], vars(once)[name], atol=1e-4, rtol=1e-4)
    assert (once.rotations - both.rotations).abs().max() > 1e-2


def test_a_mirrored_pose_is_the_axis_angle_with_y_and_z_negated() -> None:
    vectors = torch.randn(1, 24, 3, generator=torch.Generator().manual_seed(0))
    camera = torch.tensor([[0.9, 0.3, -0.2]])
    output = NetworkOutput(
        features=torch.zeros(1, 3, 1, 1),
        part_logits=torch.zeros(1, 25, 1, 1),
        rotations=rotation_from_axis_angle(vectors),
        betas=torch.zeros(1, 10),
        camera=camera,
        heat=torch.zeros(1, 24, 1, 1),
        joint_estimate=joint_estimate(),
    )
    mirrored = mirror_output(output)
    expected = vectors[:, list(JOINT_FLIP)] * torch.tensor([1.0, -1.0, -1.0])
    torch.testing.assert_close(
        rotation_from_axis_angle(expected), mirrored.rotations, atol=1e-5, rtol=0
    )
    assert axis_angle_from_rotation(mirrored.rotations).isfinite().all()
    torch.testing.assert_close(mirrored.camera, torch.tensor([[0.9, -0.3, -0.2]]))


def test_left_and_right_change_places() -> None:
    xy = torch.zeros(1, 24, 2)
    xy[0, 20] = torch.tensor([0.5, 0.1])  # left wrist
    mirrored = mirror_joint_estimate(joint_estimate(xy=xy))
    assert mirrored.xy[0, 21].tolist() == pytest.approx([-0.5, 0.1])
    assert mirrored.xy[0, 20].abs().max() == 0


def test_only_disagreement_increases_sigma() -> None:
    one = joint_estimate()
    torch.testing.assert_close(mean_joint_estimate(one, one).values, one.values)
    apart = torch.zeros(1, 24, 2)
    apart[..., 0] = 0.8  # mean square of x and y: 0.32
    mean = mean_joint_estimate(one, joint_estimate(xy=apart))
    assert mean.xy[0, 3].tolist() == pytest.approx([0.4, 0.0])
    variance = torch.exp(2 * one.log_sigma) + 0.32 / 4
    torch.testing.assert_close(torch.exp(2 * mean.log_sigma), variance)
    torch.testing.assert_close(mean.log_sigma_foreshortening, one.log_sigma_foreshortening)


def test_variance_is_that_of_an_equal_mixture() -> None:
    generator = torch.Generator().manual_seed(0)
    one = joint_estimate(
        foreshortening=torch.full((1, 24), 0.2), log_sigma_foreshortening=torch.full((1, 24), -1.5)
    )
    other = joint_estimate(
        foreshortening=torch.full((1, 24), -0.4), log_sigma_foreshortening=torch.full((1, 24), -0.7)
    )
    mean = mean_joint_estimate(one, other)
    half = torch.randn(2, 200_000, generator=generator)
    drawn = torch.cat([0.2 + half[0] * math.exp(-1.5), -0.4 + half[1] * math.exp(-0.7)])
    assert float(mean.foreshortening[0, 5]) == pytest.approx(float(drawn.mean()), abs=5e-3)
    assert float(mean.log_sigma_foreshortening[0, 5].exp()) == pytest.approx(
        float(drawn.std()), rel=1e-2
    )
