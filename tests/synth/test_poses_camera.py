"""Poses and cameras of synthetic people."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core.body.load import load_body
from core.body.names import JOINT_FLIP
from core.errors import UserError
from core.synth.sampling.camera import FOOT, MIN_DISTANCE, frame_person, random_orientation
from core.synth.sampling.poses import PoseBank, mirror_pose, random_pose


def joints_of(pose: np.ndarray) -> np.ndarray:
    rotations = torch.from_numpy(Rotation.from_rotvec(pose).as_matrix()).float()[None]
    return load_body().pose(rotations, torch.zeros(1, 10), torch.zeros(1, 3)).joints[0].numpy()


def test_mirrored_pose_mirrors_the_joints():
    pose = np.random.default_rng(0).normal(0, 0.4, (24, 3)).astype(np.float32)
    mirrored = joints_of(mirror_pose(pose))
    expected = joints_of(pose)[list(JOINT_FLIP)] * [-1, 1, 1]
    np.testing.assert_allclose(mirrored, expected, atol=2e-3)
    np.testing.assert_array_equal(mirror_pose(mirror_pose(pose)), pose)


def test_random_poses_are_varied_and_finite():
    rng, bank = np.random.default_rng(0), PoseBank.canonical()
    poses = np.stack([random_pose(bank, rng) for _ in range(50)])
    assert np.isfinite(poses).all()
    assert len(np.unique(poses.round(3), axis=0)) == 50


@pytest.fixture
def bank_file(tmp_path):
    pose = np.zeros((6, 24, 3), np.float32)
    pose[:, 5, 0] = np.arange(6) / 10
    np.savez(tmp_path / "poses.npz", pose=pose, split=np.array([0, 0, 0, 0, 1, 1]))
    return tmp_path / "poses.npz"


def test_splits_share_no_pose(bank_file):
    train, test = (PoseBank.load(bank_file, split).poses for split in ("train", "test"))
    np.testing.assert_allclose(train[:4, 5, 0], [0, 0.1, 0.2, 0.3], atol=1e-6)
    np.testing.assert_allclose(test[:2, 5, 0], [0.4, 0.5], atol=1e-6)


def test_upright_and_others_are_all():
    pose = np.zeros((3, 24, 3), np.float32)
    pose[1, 0] = [np.pi / 2, 0, 0]  # on the belly
    pose[2, 0] = [0, 3.0, 0]  # facing backwards
    bank = PoseBank(pose)
    assert bank.upright.tolist() == [0, 2]
    assert bank.others.tolist() == [1]


@pytest.mark.parametrize("content", [b"", b"not a zip", None])
def test_bad_bank_is_named(tmp_path, content):
    path = tmp_path / "poses.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"poses\.npz .*python -m core\.mocap"):
        PoseBank.load(path, "train")


def test_orientations_are_rotations_and_mostly_upright():
    rng = np.random.default_rng(0)
    views = np.stack([random_orientation(rng) for _ in range(300)])
    np.testing.assert_allclose(np.linalg.det(views), 1, atol=1e-6)
    np.testing.assert_allclose(
        views @ views.transpose(0, 2, 1), np.tile(np.eye(3), (300, 1, 1)), atol=1e-6
    )
    assert (views[:, 1, 1] < -0.5).mean() > 0.9  # the world's up is the picture's up (-y)
    towards = views[:, :, 2] @ [0, 0, -1]  # a body facing world z looks into the camera at 1
    assert (towards > 0.7).mean() > 0.1
    assert (towards < -0.7).mean() > 0.1


def test_framing_fills_the_crop_as_asked():
    body = load_body()
    vertices = body.v_template.numpy() * [1, -1, -1]
    part = body.vertex_part.numpy()
    rng = np.random.default_rng(0)
    whole = 0
    for _ in range(60):
        framing = frame_person(vertices, part, 128, rng, "test")
        placed = vertices + framing.transl
        assert placed[:, 2].min() > MIN_DISTANCE / 2
        screen = framing.focal * placed[:, :2] / placed[:, 2:] + 64
        extent = np.ptp(screen, axis=0).max() / 128
        if not framing.truncated:
            whole += 1
            assert 0.45 < extent < 1.05
            assert np.abs(screen.mean(0) - 64).max() < 64
        else:
            assert extent > 0.5
    assert 30 < whole < 58


def test_training_boxes_hold_the_whole_person_as_often_as_coco_s():
    body = load_body()
    vertices, part = body.v_template.numpy() * [1, -1, -1], body.vertex_part.numpy()
    rng = np.random.default_rng(0)
    framings = [frame_person(vertices, part, 128, rng, "train") for _ in range(300)]
    assert 0.45 < np.mean([not framing.truncated for framing in framings]) < 0.6
    feet = vertices[part == FOOT]
    for framing in framings:
        placed = feet + framing.transl
        row = framing.focal * placed[:, 1] / placed[:, 2] + 64
        if framing.cut is None:
            assert row.max() < 1.1 * 128  # boxes are a little off
        else:
            assert row.min() > framing.cut  # the feet are below
