"""The skeleton layout: its counts, kernels that stay on their bones, and the body's outline."""

import math

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.body.names import JOINT_FLIP
from core.geometry.camera import Camera
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.skeleton import BONES, HEAD_TOP
from core.nbv.volume import NeuralBodyVolume
from core.render.mesh.raster import rasterize
from tests.dense_render import render_volume


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def volume(body):
    return NeuralBodyVolume.from_skeleton(body)


def random_pose(seed=0, size=0.4):
    generator = torch.Generator().manual_seed(seed)
    vectors = size * torch.randn(1, 24, 3, generator=generator)
    vectors[:, 0] = torch.tensor([math.pi, 0, 0])
    return rotation_from_axis_angle(vectors)


def test_23_kernels_on_each_of_18_bones_and_25_joints(volume):
    assert len(BONES) == 18 and HEAD_TOP + 1 == 25
    assert volume.kernels == 18 * 23 + 25 == 439
    assert len({tuple(place) for place in volume.means.tolist()}) == 439


def test_bones_mirror_each_other():
    flip = (*JOINT_FLIP, HEAD_TOP)
    assert {(flip[a], flip[b]) for a, b in BONES} == set(BONES)


def test_kernels_stay_on_their_bones_in_every_pose_and_shape(volume):
    betas = torch.linspace(-2, 2, 10)[None]
    posed = volume.pose(random_pose(), betas, torch.ones(1, 3))
    rest = volume.means + volume.shapedirs @ betas[0]
    for bone, (start, end) in enumerate(BONES):
        own = slice(23 * bone, 23 * bone + 23)
        if end == HEAD_TOP:
            continue
        ends = posed.joints[0, [start, end]]
        share = torch.arange(1, 24)[:, None] / 24
        expected = ends[0] + share * (ends[1] - ends[0])
        assert torch.allclose(posed.means[0, own], expected, atol=1e-5)
        gaps = (rest[own][1:] - rest[own][:-1]).norm(dim=1)
        assert torch.allclose(gaps, gaps[:1].expand_as(gaps), rtol=1e-3)


def test_ellipsoids_rotate_with_their_bones(volume):
    posed = volume.pose(random_pose(), torch.zeros(1, 10), torch.zeros(1, 3))
    start, end = BONES[7]
    middle = 23 * 7 + 11
    direction = posed.joints[0, end] - posed.joints[0, start]
    direction = direction / direction.norm()
    across, along = volume.isotropic[middle], volume.isotropic[middle] + volume.along[middle]
    assert along > 4 * across  # far wider than long
    turned = posed.precisions[0, middle] @ direction
    assert torch.allclose(turned, along * direction, rtol=1e-3, atol=float(1e-3 * along))


@pytest.mark.parametrize("seed", [0, 1])
def test_the_outline_is_the_bodys(body, volume, seed):
    size, focal = 96, 150.0
    pose, place = random_pose(seed, 0.2), torch.tensor([[0.0, 0.0, 3.6]])
    posed = volume.pose(pose, torch.zeros(1, 10), place)
    features = torch.zeros(1, volume.kernels, 1)
    camera = Camera.centered(torch.tensor([focal]), size)
    render = render_volume(posed.means, posed.precisions, features, camera, size, size)
    ours = (render.opacity[0] > 0.5).numpy()
    vertices = body.pose(pose, torch.zeros(1, 10), place).vertices[0].numpy()
    faces = body.faces.numpy().astype(np.int32)
    mesh = rasterize(vertices, faces, focal, (size / 2, size / 2), size, size).mask
    assert (ours & mesh).sum() / (ours | mesh).sum() > 0.7
