"""Training the pose prior, in miniature."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.joint_limits import joint_limit_cost
from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.geometry.rotations import rotation_from_axis_angle
from core.nets.pose_prior import load_prior
from core.synth.sampling.poses import PoseBank
from core.train.heads.prior import (
    BODY_JOINTS,
    PriorSettings,
    body_joints,
    everyday_poses,
    main,
    prior_loss,
    train_prior,
)
from tests.toys import JOINTS

REST = torch.from_numpy(JOINTS).float()
SHORT = PriorSettings(steps=15, batch_size=16)


def poses() -> torch.Tensor:
    return torch.from_numpy(PoseBank.canonical().poses)


def loss_of(prior) -> float:
    torch.manual_seed(0)
    return prior_loss(prior, rotation_from_axis_angle(poses()[:, BODY_JOINTS]), REST, 0.005).item()


def test_training_learns_and_repeats_bit_for_bit():
    first, again = train_prior(poses(), REST, SHORT), train_prior(poses(), REST, SHORT)
    other = train_prior(poses(), REST, replace(SHORT, seed=1))
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)
    )
    assert not torch.equal(first.decoder_net[0].weight, other.decoder_net[0].weight)
    assert loss_of(first) < 0.9 * loss_of(train_prior(poses(), REST, replace(SHORT, steps=1)))


def test_everyday_poses_are_possible_and_varied():
    drawn = everyday_poses(200, torch.Generator().manual_seed(0))
    assert joint_limit_cost(rotation_from_axis_angle(drawn)).median() < 0.05
    knee = drawn[:, JOINT_NAMES.index("l_knee"), 0]
    assert (knee > 1.0).any() and (knee.abs() < 0.2).any()  # some sit, some stand


def test_body_joints_leave_root_and_hands_at_rest():
    joints = body_joints(torch.eye(3).expand(2, 21, 3, 3), REST)
    assert torch.allclose(joints, REST.expand(2, -1, -1), atol=1e-6)


def test_command_writes_a_prior_that_loads(tmp_path):
    np.savez(tmp_path / "poses.npz", pose=poses().numpy(), split=np.arange(len(poses())) % 2)
    main(tmp_path / "p.safetensors", tmp_path / "poses.npz", steps=2)
    prior = load_prior(tmp_path / "p.safetensors")
    assert prior.energy(rotation_from_axis_angle(poses()[:, BODY_JOINTS])).isfinite().all()
    assert (tmp_path / "p.safetensors").stat().st_size < 2e6
    with pytest.raises(UserError, match=r"none\.npz is missing"):
        main(tmp_path / "p.safetensors", tmp_path / "none.npz")
