"""Poses near a body turn the limb they name, to the side they name, and nothing else."""

import math

import pytest
import torch

from core.body.numbers import LIMB_JOINTS
from core.body.params import BodyParams
from core.fit.pose_perturbation import perturbed_poses
from core.fit.state import BodyState
from core.nbv.volume import NeuralBodyVolume
from tests.toys import toy_body

ANGLE = math.radians(30)


@pytest.fixture(scope="module")
def volume():
    return NeuralBodyVolume.from_body(toy_body(torch.float64), kernels=40)


@pytest.fixture(scope="module")
def person():
    generator = torch.Generator().manual_seed(0)
    pose = 0.4 * torch.randn(2, 23, 3, generator=generator)
    root, place = torch.tensor([[math.pi, 0, 0]] * 2), torch.tensor([[0, 0, 4.0], [0.5, 0.2, 6]])
    params = BodyParams(root, pose, torch.zeros(2, 10), place)
    return BodyState.of(BodyParams(*(value.double() for value in vars(params).values())))


def joints_of(volume, body):
    return volume.pose(body.rotations, body.betas, body.transl).joints


def limb(volume, body, name):
    start, end = LIMB_JOINTS[name]
    joints = joints_of(volume, body)
    return joints[:, start], joints[:, end] - joints[:, start]


def test_32_poses_and_a_flip_of_every_limb(volume, person):
    poses = list(perturbed_poses(person, volume, ANGLE))
    assert len(poses) == 40 and len([pose for pose in poses if pose.kind != "flip"]) == 32
    assert {pose.limb for pose in poses} == set(LIMB_JOINTS) and len(LIMB_JOINTS) == 8


def test_limbs_turn_in_the_picture_or_out_of_it(volume, person):
    for pose in perturbed_poses(person, volume, ANGLE):
        start, before = limb(volume, person, pose.limb)
        again, after = limb(volume, pose.body, pose.limb)
        assert torch.allclose(start, again)
        assert torch.allclose(before.norm(dim=1), after.norm(dim=1))
        ray = torch.nn.functional.normalize(start, dim=-1)
        depth, turned = (before * ray).sum(1), (after * ray).sum(1)
        if pose.kind == "lateral":
            assert torch.allclose(depth, turned)
        else:  # what moves in depth keeps its direction in the picture, up to its sign
            plane = before - depth[:, None] * ray
            sideways = torch.linalg.cross(plane, ray, dim=-1)
            assert (after * sideways).sum(1).abs().max() < 1e-9
        if pose.kind == "depth":
            angle = torch.nn.functional.cosine_similarity(before, after).acos()
            assert torch.allclose(angle, torch.full_like(angle, ANGLE))


def test_a_flip_is_the_mirror_image_in_depth(volume, person):
    for pose in perturbed_poses(person, volume, ANGLE):
        if pose.kind != "flip":
            continue
        start, before = limb(volume, person, pose.limb)
        _, after = limb(volume, pose.body, pose.limb)
        ray = torch.nn.functional.normalize(start, dim=-1)
        away = (before * ray).sum(1, keepdim=True)
        assert torch.allclose(after, before - 2 * away * ray)
        assert torch.equal(pose.exists, away[:, 0].abs() > 0.2588 * before.norm(dim=1))


def test_the_rest_of_the_body_stays(volume, person):
    before = joints_of(volume, person)
    for pose in perturbed_poses(person, volume, ANGLE):
        if pose.limb == "r_lower_arm":
            moved = (joints_of(volume, pose.body) - before).norm(dim=-1) > 1e-9
            assert set(moved.any(0).nonzero()[:, 0].tolist()) <= {21, 23}
