"""The volume moves with the body: equivariance, and properties of the layout."""

import math
from dataclasses import replace

import pytest
import torch

from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.features import FeatureBank, expected_features
from core.nbv.layout import corresponding_vertices, even_vertices, farthest_points
from core.nbv.orientation import orientation_weights
from core.nbv.volume import NeuralBodyVolume
from tests.toys import toy_body


@pytest.fixture(scope="module")
def volume() -> NeuralBodyVolume:
    return NeuralBodyVolume.from_body(toy_body(torch.float64), kernels=200)


def random_pose(batch: int = 2, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    vectors = 0.5 * torch.randn(batch, 24, 3, generator=generator, dtype=torch.float64)
    return rotation_from_axis_angle(vectors)


def zeros(batch: int, size: int) -> torch.Tensor:
    return torch.zeros(batch, size, dtype=torch.float64)


def test_rotating_the_body_rotates_every_ellipsoid(volume):
    pose, turn = random_pose(), random_pose(seed=5)[:, 0]
    turned = torch.cat([(turn @ pose[:, 0])[:, None], pose[:, 1:]], 1)
    before = volume.pose(pose, zeros(2, 10), zeros(2, 3))
    after = volume.pose(turned, zeros(2, 10), zeros(2, 3))
    pelvis = volume.joint_template[0]
    means = (turn[:, None] @ (before.means - pelvis)[..., None])[..., 0] + pelvis
    assert torch.allclose(after.means, means)
    precisions = turn[:, None] @ before.precisions @ turn[:, None].transpose(-1, -2)
    assert torch.allclose(after.precisions, precisions)
    directions = (turn[:, None] @ before.limb_directions[..., None])[..., 0]
    assert torch.allclose(after.limb_directions, directions)


def test_bending_one_elbow_rotates_only_its_kernels(volume):
    rest = torch.eye(3, dtype=torch.float64).expand(1, 24, 3, 3)
    bent = rest.clone()
    bent[:, 18] = rotation_from_axis_angle(torch.tensor([0.0, -1.2, 0.0], dtype=torch.float64))
    before = volume.pose(rest, zeros(1, 10), zeros(1, 3))
    after = volume.pose(bent, zeros(1, 10), zeros(1, 3))
    moved = (after.means - before.means).norm(dim=-1)[0] > 1e-9
    assert moved.any() and set(volume.limb[moved].tolist()) == {2}
    forearm = moved.nonzero()[0]
    expected = bent[:, 18] @ before.precisions[:, forearm[0]] @ bent[:, 18].transpose(-1, -2)
    assert torch.allclose(after.precisions[:, forearm[0]], expected)


def test_kernels_are_the_skinned_vertices(volume):
    body = toy_body(torch.float64)
    pose, betas = random_pose(), zeros(2, 10) + 0.5
    transl = zeros(2, 3) + 1
    posed = body.pose(pose, betas, transl)
    kernels = volume.pose(pose, betas, transl)
    assert torch.allclose(kernels.means, posed.vertices[:, volume.vertices])
    assert torch.allclose(kernels.joints, posed.joints)


def test_ellipsoids_are_flat_along_the_normal_and_positive(volume):
    rest = torch.eye(3, dtype=torch.float64).expand(1, 24, 3, 3)
    posed = volume.pose(rest, zeros(1, 10), zeros(1, 3))
    values = torch.linalg.eigvalsh(posed.precisions)[0]
    assert (values > 0).all()
    assert torch.allclose(values[:, 2], 4 * values[:, 0])  # flatness 0.5
    along = torch.einsum("kc,kcd,kd->k", volume.axis, posed.precisions[0], volume.axis)
    assert torch.allclose(along, values[:, 2])


def test_kernels_spread_evenly():
    points = torch.rand(2000, 3, generator=torch.Generator().manual_seed(0)).double().numpy()
    chosen = points[farthest_points(points, 100)]
    gaps = torch.cdist(torch.from_numpy(chosen), torch.from_numpy(chosen)).fill_diagonal_(9)
    assert gaps.min() > 0.5 * gaps.min(1).values.max()
    assert len(set(farthest_points(points, 100).tolist())) == 100


def test_kernels_are_transferred_to_another_topology():
    body = toy_body(torch.float64)
    order = torch.randperm(len(body.v_template), generator=torch.Generator().manual_seed(0))
    moved = replace(
        body,
        v_template=(1.05 * body.v_template)[order],
        shapedirs=body.shapedirs[order],
        joint_regressor=body.joint_regressor[:, order],
        weights=body.weights[order],
        topology="other",
    )
    chosen = even_vertices(body, 100)
    found = corresponding_vertices(body, chosen, moved)
    assert (order[found] == torch.from_numpy(chosen)).double().mean() > 0.95
    assert (moved.vertex_part[found] == body.vertex_part[chosen]).all()


def test_orientation_weights_fade_for_limbs_along_x():
    directions = torch.tensor([[[0.0, 1, 0], [0, 0, -1], [1, 0, 0], [0.999, 0.0447, 0]]])
    weights = orientation_weights(directions, bins=4)
    assert weights[0, 0].argmax() == 0 and weights[0, 1].argmax() == 3
    assert torch.allclose(weights[0, 2], torch.full((4,), 0.25))
    assert (weights[0, 3] - 0.25).abs().max() < 0.06  # continuous near x
    assert torch.allclose(weights.sum(-1), torch.ones(1, 4))


def test_expected_features_follow_the_limb(volume):
    phi = torch.zeros(200, 4, 4, dtype=torch.float64)
    phi[:, torch.arange(4), torch.arange(4)] = 1  # orientation o emits unit vector o
    bank = FeatureBank(phi, zeros(1, 4)[0], torch.tensor(1.0), torch.tensor(1.0))
    rest = torch.eye(3, dtype=torch.float64).expand(1, 24, 3, 3)
    posed = volume.pose(rest, zeros(1, 10), zeros(1, 3))
    emitted = expected_features(bank, volume, posed)[0]
    torso, arm = volume.limb == 8, volume.limb == 0
    assert (emitted[torso].argmax(-1) == 0).all()  # up along +y
    assert torch.allclose(emitted[arm], torch.full_like(emitted[arm], 0.25))  # along x
    peak = math.exp(4) / (math.exp(4) + 2 + math.exp(-4))
    assert torch.allclose(emitted[torso][:, 0], torch.tensor(peak).double(), atol=1e-3)
