"""Metrics against values computed by hand, and their invariances."""

import math

import numpy as np
import pytest
import roma
import torch

from core.body.load import load_body
from core.body.names import JOINT_NAMES
from core.eval.metrics import (
    HEAD_OVER_NECK,
    JOINTS_14,
    NECK,
    PELVIS,
    head_size,
    mpjpe,
    n_mpjpe,
    pa_mpjpe,
    pa_pve,
    pck,
    pckh,
    pve,
    pve_t_sc,
)


def people(seed=0, batch=3, points=24):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, points, 3, generator=generator) * 0.3 + torch.tensor([0, 0, 4.0])


def noisy(points, seed=1, size=0.05):
    generator = torch.Generator().manual_seed(seed)
    return points + size * torch.randn(points.shape, generator=generator)


def moved(points, seed=2, scale=1.7):
    generator = torch.Generator().manual_seed(seed)
    rotation = roma.special_procrustes(torch.randn(3, 3, generator=generator)).to(points)
    return scale * points @ rotation.T + torch.tensor([0.3, -2.0, 1.0]).to(points)


def test_fourteen_joints():
    names = [JOINT_NAMES[joint] for joint in JOINTS_14]
    kinds = sorted(name.removeprefix("l_").removeprefix("r_") for name in names)
    both = ["ankle", "elbow", "hip", "knee", "shoulder", "wrist"]
    assert kinds == sorted([*both, *both, "neck", "head"])
    assert JOINT_NAMES[PELVIS] == "pelvis" and JOINT_NAMES[NECK] == "neck"


class TestByHand:
    truth = torch.tensor([[[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 1]]])

    def test_mpjpe(self):
        """All moved by 1 m, then one joint 3-4-5 away: 5 cm over four joints."""
        predicted = self.truth + torch.tensor([1.0, 1.0, 1.0])
        predicted[0, 2] += torch.tensor([0.03, 0.04, 0.0])
        assert mpjpe(predicted, self.truth).item() == pytest.approx(50 / 4, rel=1e-5)

    def test_mpjpe_of_the_scored_joints(self):
        predicted = self.truth.clone()
        predicted[0, 2, 0] += 0.03
        predicted[0, 3, 0] += 0.01
        scored = torch.tensor([[True, False, True, False]])
        assert mpjpe(predicted, self.truth, scored).item() == pytest.approx(15)
        nothing = torch.zeros(1, 4, dtype=torch.bool)
        assert mpjpe(predicted, self.truth, nothing).isnan().item()

    def test_n_mpjpe(self):
        """Truth (1,0,0),(0,2,0),(0,0,1); prediction (2,0,0),(0,2,0),(0,0,2): scale 8/12."""
        predicted = torch.tensor([[[0.0, 0, 0], [2, 0, 0], [0, 2, 0], [0, 0, 2]]])
        by_hand = 1000 * (0 + 1 / 3 + 2 / 3 + 1 / 3) / 4
        assert n_mpjpe(predicted, self.truth).item() == pytest.approx(by_hand)

    def test_pa_mpjpe(self):
        """A square against one stretched along x by 1 + e: optimal scale is 1 / (1 + e/2 + ...).

        Source (+-1, +-1), target (+-(1+e), +-1): no rotation, scale (2+e)/2, so every corner is off
        by e/2 in x and by e/2 in y.
        """
        e = 0.1
        square = torch.tensor([[[1.0, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]]])
        stretched = square * torch.tensor([1 + e, 1, 1])
        assert pa_mpjpe(square, stretched).item() == pytest.approx(
            1000 * e / math.sqrt(2), rel=1e-5
        )

    def test_pve(self):
        vertices = torch.zeros(2, 5, 3)
        predicted = vertices + torch.tensor([0.0, 0.0, 0.01])
        pelvis = torch.zeros(2, 3)
        assert pve(predicted, vertices, pelvis, pelvis).tolist() == pytest.approx([10, 10])
        moved_pelvis = pelvis + torch.tensor([0.0, 0.0, 0.01])
        assert pve(predicted, vertices, moved_pelvis, pelvis).tolist() == pytest.approx([0, 0])

    def test_pve_t_sc(self):
        """Scaling and moving cost nothing; stretching does."""
        vertices = people(points=50)
        assert pve_t_sc(3 * vertices + 1, vertices).max() < 1e-3
        stretched = vertices * torch.tensor([1.0, 1.2, 1.0])
        assert pve_t_sc(stretched, vertices).min() > 5

    def test_pve_t_sc_on_a_line(self):
        """(-3, 1, 2) has size sqrt(14/3), (-1, 0, 1) sqrt(2/3): scale 1/sqrt(7)."""
        truth = torch.zeros(1, 3, 3)
        truth[0, :, 0] = torch.tensor([-1.0, 0, 1])
        predicted = torch.zeros(1, 3, 3)
        predicted[0, :, 0] = torch.tensor([-3.0, 1, 2])
        scaled = np.array([-3, 1, 2]) / math.sqrt(7)
        by_hand = 1000 * np.abs(scaled - [-1, 0, 1]).mean()
        assert pve_t_sc(predicted, truth).item() == pytest.approx(by_hand)

    def test_pck_counts_the_border(self):
        truth = torch.zeros(1, 4, 2)
        predicted = torch.tensor([[[3.0, 4.0], [3.1, 4.0], [0.0, 0.0], [-6.0, 0.0]]])
        assert pck(predicted, truth, torch.tensor([5.0])).item() == 0.5
        scored = torch.tensor([[True, True, True, False]])
        assert pck(predicted, truth, torch.tensor([5.0]), scored).item() == pytest.approx(2 / 3)

    def test_pckh_uses_half_the_head(self):
        truth = torch.zeros(1, 2, 2)
        predicted = torch.tensor([[[5.0, 0.0], [5.1, 0.0]]])
        assert pckh(predicted, truth, torch.tensor([10.0])).item() == 0.5

    def test_head_size(self):
        joints = torch.zeros(1, 24, 3)
        joints[:, 12], joints[:, 15] = torch.tensor([0.0, 0.1, 4.0]), torch.tensor([0.0, 0.0, 4.0])
        expected = HEAD_OVER_NECK * 0.1 * 500 / 4
        assert head_size(joints, torch.tensor([500.0])).item() == pytest.approx(expected)
        bowed = joints.clone()
        bowed[:, 12] = torch.tensor([0.0, 0.0, 4.1])  # same length, seen end on
        assert head_size(bowed, torch.tensor([500.0])).item() == pytest.approx(expected, rel=1e-5)

    def test_head_constant_belongs_to_the_embedded_body(self):
        """0.6 of the diagonal of the head's box, front and side view, over the joints' distance."""
        body = load_body()
        head = body.v_template[body.weights.argmax(1) == 15]
        size = head.amax(0) - head.amin(0)
        mpii = 0.6 * (torch.hypot(size[0], size[1]) + torch.hypot(size[2], size[1])) / 2
        joints = body.joint_regressor @ body.v_template
        ratio = mpii / (joints[15] - joints[12]).norm()
        assert ratio.item() == pytest.approx(HEAD_OVER_NECK, rel=0.1)


class TestInvariance:
    truth, predicted = people(), noisy(people())

    def test_zero_for_the_truth(self):
        for metric in (mpjpe, n_mpjpe, pa_mpjpe, pve_t_sc):
            assert metric(self.truth, self.truth).max() < 1e-4

    def test_mpjpe_ignores_translation_only(self):
        shifted = self.predicted + torch.tensor([1.0, 2.0, 3.0])
        assert torch.allclose(
            mpjpe(shifted, self.truth), mpjpe(self.predicted, self.truth), atol=1e-2
        )
        assert (mpjpe(1.1 * self.predicted, self.truth) > mpjpe(self.predicted, self.truth)).all()

    def test_n_mpjpe_ignores_scale(self):
        scaled = 2.5 * self.predicted + 1
        expected = n_mpjpe(self.predicted, self.truth)
        assert torch.allclose(n_mpjpe(scaled, self.truth), expected, atol=1e-2)
        assert (expected <= mpjpe(self.predicted, self.truth) * 1.05).all()

    def test_pa_ignores_every_similarity(self):
        expected = pa_mpjpe(self.predicted, self.truth)
        assert torch.allclose(pa_mpjpe(moved(self.predicted), self.truth), expected, atol=1e-2)
        assert torch.allclose(pa_pve(moved(self.predicted), self.truth), expected, atol=1e-2)

    def test_pa_scales_with_the_truth(self):
        expected = 2 * pa_mpjpe(self.predicted, self.truth)
        assert torch.allclose(pa_mpjpe(self.predicted, 2 * self.truth), expected, rtol=1e-4)

    def test_mirrored_people_are_wrong(self):
        mirrored = self.truth * torch.tensor([-1.0, 1.0, 1.0])
        assert pa_mpjpe(mirrored, self.truth).min() > 50

    def test_masked_pa_is_that_of_the_points_alone(self):
        scored = torch.zeros(3, 24, dtype=torch.bool)
        scored[:, list(JOINTS_14)] = True
        alone = pa_mpjpe(self.predicted[:, list(JOINTS_14)], self.truth[:, list(JOINTS_14)])
        assert torch.allclose(pa_mpjpe(self.predicted, self.truth, scored), alone)

    @pytest.mark.parametrize("metric", [mpjpe, n_mpjpe, pa_mpjpe])
    def test_unscored_joints_do_not_matter(self, metric):
        scored = torch.ones(3, 24, dtype=torch.bool)
        scored[:, 7] = False
        wild = self.predicted.clone()
        wild[:, 7] += 100
        expected = metric(self.predicted, self.truth, scored)
        assert torch.equal(metric(wild, self.truth, scored), expected)

    def test_unscored_joints_may_be_infinite(self):
        scored = torch.ones(3, 24, dtype=torch.bool)
        scored[:, 7] = False
        broken = self.predicted.clone()
        broken[:, 7] = torch.inf
        for metric in (mpjpe, pa_mpjpe):
            assert metric(broken, self.truth, scored).isfinite().all()

    def test_too_few_points_to_align(self):
        scored = torch.zeros(3, 24, dtype=torch.bool)
        scored[:, :3] = True
        scored[2, :4] = True
        values = pa_mpjpe(self.predicted, self.truth, scored)
        assert values[:2].isnan().all() and values[2].isfinite()

    def test_float64_inside(self):
        """A millionth of a millimetre, 4 m from the camera, in float64 input."""
        truth = self.truth.double()
        predicted = truth.clone()
        predicted[:, 5, 0] += 1e-9
        assert mpjpe(predicted, truth).tolist() == pytest.approx([1e-6 / 24] * 3, rel=1e-3)
