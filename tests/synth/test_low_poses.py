"""Sitting, kneeling and lying poses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.body.joint_limits import joint_limit_cost
from core.geometry.rotations import rotation_from_axis_angle
from core.synth.sampling.low_poses import EVERYDAY, is_low, low_bank
from core.synth.sampling.poses import (
    ARMS_DOWN,
    SITTING,
    PoseBank,
    low_pose,
    mirror_pose,
    pose_from_angles,
)


@pytest.fixture(scope="module")
def low(sampler) -> PoseBank:
    return low_bank(PoseBank.canonical(), sampler.dressable.joints, "train")


def test_standing_is_not_low_and_sitting_and_lying_are(sampler):
    poses = np.stack([pose_from_angles(t) for t in (ARMS_DOWN, SITTING, {"pelvis": (-90, 0, 0)})])
    assert is_low(poses, sampler.dressable.joints).tolist() == [False, True, True]


def test_everyday_poses_are_low(sampler):
    assert is_low(np.stack([pose_from_angles(t) for t in EVERYDAY]), sampler.dressable.joints).all()


def test_bank_is_low_varied_and_within_the_limits(sampler, low):
    assert len(low.poses) > 2000
    assert np.isfinite(low.poses).all()
    assert is_low(low.poses, sampler.dressable.joints).mean() > 0.97
    assert len(np.unique(low.poses[:, 1:22].round(3), axis=0)) == len(low.poses)
    cost = joint_limit_cost(rotation_from_axis_angle(torch.from_numpy(low.poses))).numpy()
    assert (cost[-2000:] < 0.1).all()  # those from the prior


def test_bank_is_the_same_again_and_another_for_testing(sampler, low):
    again = low_bank(PoseBank.canonical(), sampler.dressable.joints, "train")
    np.testing.assert_array_equal(again.poses, low.poses)
    test = low_bank(PoseBank.canonical(), sampler.dressable.joints, "test")
    assert (test.poses[-1] != low.poses[-1]).any()


def test_low_pose_is_near_one_of_the_bank():
    pose = pose_from_angles(SITTING)
    drawn = [low_pose(PoseBank(pose[None]), np.random.default_rng(k)) for k in range(20)]
    nearest = [min(np.abs(d - p).max() for p in (pose, mirror_pose(pose))) for d in drawn]
    assert max(nearest) < 1.2
    assert min(nearest) > 0


def test_sampler_draws_them(sampler, monkeypatch):
    from core.synth import people as module

    joints = sampler.dressable.joints
    shares = []
    for share in (0.0, 1.0):
        monkeypatch.setattr(module, "LOW_POSE", share)
        rng = np.random.default_rng(0)
        poses = np.stack([sampler.random_body(np.eye(3), rng)[0] for _ in range(40)])
        shares.append(is_low(poses, joints).mean())
    assert shares[0] < 0.5
    assert shares[1] > 0.9
