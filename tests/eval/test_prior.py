"""Figures and samples of the shipped pose prior."""

import numpy as np
import pytest
import torch

from core.eval.prior import draw_poses, measure_prior, sample_sheet
from core.geometry.rotations import rotation_from_axis_angle
from core.nets.pose_prior import load_prior
from core.synth.sampling.poses import PoseBank
from core.train.heads.prior import BODY_JOINTS, body_joints
from tests.toys import JOINTS, toy_body

REST = torch.from_numpy(JOINTS).float()


@pytest.fixture(scope="module")
def rotations() -> torch.Tensor:
    return rotation_from_axis_angle(torch.from_numpy(PoseBank.canonical().poses)[:, BODY_JOINTS])


def test_shipped_prior_separates_people_from_noise(rotations):
    figures = measure_prior(load_prior(), rotations, REST)
    assert figures == measure_prior(load_prior(), rotations, REST)
    assert figures.noise_auroc[0] < figures.noise_auroc[2] and figures.noise_auroc[2] > 0.9
    assert figures.degrees < 12 and figures.joint_mm < 80
    assert figures.bad_samples < 0.05


def test_errors_are_measured_in_millimetres_and_degrees(rotations):
    class Stiff(torch.nn.Module):
        """Bends every pose's left knee by 0.2 rad more."""

        def encode(self, given):
            self.given = given
            return torch.distributions.Normal(torch.zeros(len(given), 32), 1)

        def decode(self, latent):
            bent = self.given[torch.arange(len(latent)) % len(self.given)].clone()
            bent[:, 3] = bent[:, 3] @ rotation_from_axis_angle(torch.tensor([0.2, 0.0, 0.0]))
            return bent

        def energy(self, given):
            return given.flatten(1).sum(1)

    figures = measure_prior(Stiff(), rotations, REST)
    assert figures.degrees == pytest.approx(np.rad2deg(0.2) / 21, rel=1e-3)
    shin = JOINTS[[7, 10]] - JOINTS[4]
    moved = 2 * np.sin(0.1) * np.linalg.norm(shin[:, 1:], axis=1).sum() / 21
    assert figures.joint_mm == pytest.approx(1e3 * moved, rel=1e-3)


def test_samples_are_humanlike_and_drawn():
    drawn = draw_poses(load_prior(), 8, seed=3)
    assert torch.equal(drawn, draw_poses(load_prior(), 8, seed=3))
    head = body_joints(drawn, REST)[:, 15]
    assert (head[:, 1] > 0.3).all()  # above the pelvis
    sheet = sample_sheet(drawn, toy_body(), columns=4, size=40)
    assert sheet.shape == (80, 160, 3)
    tiles = sheet.reshape(2, 40, 4, 40, 3).swapaxes(1, 2).reshape(8, -1)
    assert (tiles.max(1) > 55).all() and len({t.tobytes() for t in tiles}) == 8
