"""Foreshortenings of limbs against 3D labels: whose errors, and what their sigmas are worth."""

import numpy as np
import pytest
import torch

from core.body.names import JOINT_NAMES
from core.body.points import LIMB_BONES, POINTS
from core.eval.limb_foreshortenings import (
    BOTH,
    NETWORK,
    POINTS_3D,
    ForeshorteningReport,
    LimbErrors,
)
from core.fit.evidence import WorldPoints
from core.fit.problem import Problem
from core.geometry.camera import Camera
from core.nets.joint_estimate import JointEstimate

BONES = len(LIMB_BONES)
LASTS = [JOINT_NAMES.index(last) for _, last in LIMB_BONES]


def labels(shares):
    """Joints whose limb bones have these foreshortenings."""
    joints = np.zeros((24, 4), np.float32)
    joints[:, 3] = 1
    for (first, last), share in zip(LIMB_BONES, shares, strict=True):
        a, b = JOINT_NAMES.index(first), JOINT_NAMES.index(last)
        joints[b, :3] = joints[a, :3] + [0.3 * np.sqrt(1 - share**2), 0, 0.3 * share]
    return joints


def problem(network, network_sigma, points, points_sigma):
    """What both sources say, each of the same sigma for all bones."""
    estimate = JointEstimate(
        *(torch.zeros(1, 24, 2), torch.zeros(1, 24)),
        *(torch.zeros(1, 24), torch.full((1, 24), float(np.log(network_sigma)))),
    )
    estimate.foreshortening[0, LASTS] = torch.tensor(network, dtype=torch.float32)
    xyz = torch.zeros(1, len(POINTS), 3)
    for (first, last), share in zip(LIMB_BONES, points, strict=True):
        a, b = POINTS.index(first), POINTS.index(last)
        xyz[0, b] = xyz[0, a] + torch.tensor([(1 - share**2) ** 0.5, 0, share])
    world = WorldPoints(xyz, torch.full((1, BONES), points_sigma))
    return Problem.of(Camera.centered(torch.tensor([300.0]), 256), estimate, world)


def test_errors_are_those_of_each_source():
    true = np.linspace(-0.6, 0.6, BONES)
    body = torch.from_numpy(labels(true + 0.05)[:, :3])
    found = LimbErrors.of(problem(true + 0.1, 0.1, true - 0.2, 0.2), labels(true), {"nbf": body})
    for name, error in ((NETWORK, 0.1), (POINTS_3D, -0.2), (BOTH, 0.8 * 0.1 - 0.2 * 0.2)):
        assert found.errors[name] == pytest.approx(np.full(BONES, error), abs=1e-5)
    assert found.errors["nbf"] == pytest.approx(np.full(BONES, 0.05), abs=1e-5)
    assert found.sigmas[BOTH] == pytest.approx(np.full(BONES, 1 / np.sqrt(125)))


def test_bones_without_labels_do_not_count():
    true = np.zeros(BONES)
    known = labels(true)
    known[JOINT_NAMES.index("l_ankle"), 3] = 0
    said = np.linspace(0, 0.3, BONES), np.linspace(0.2, 0, BONES)
    found = LimbErrors.of(problem(said[0], 0.1, said[1], 0.1), known, {})
    assert np.flatnonzero(np.isnan(found.errors[BOTH])).tolist() == [
        LIMB_BONES.index(("l_knee", "l_ankle"))
    ]
    report = ForeshorteningReport.of([found, found])
    assert all(row.n == 2 * (BONES - 1) for row in report.rows)


def test_sigmas_that_promise_too_much_are_told():
    generator = np.random.default_rng(0)
    people = []
    for _ in range(200):
        first, second = (generator.normal(0, 0.1, BONES) for _ in range(2))
        people.append(LimbErrors.of(problem(first, 0.1, second, 0.05), labels(np.zeros(BONES)), {}))
    report = ForeshorteningReport.of(people)
    network, points, both = report.rows
    assert network.error == pytest.approx(network.sigma, rel=0.05)
    assert points.error == pytest.approx(2 * points.sigma, rel=0.05)
    assert network.within == pytest.approx((0.68, 0.95, 1.0), abs=0.03)
    assert points.within[0] == pytest.approx(0.38, abs=0.03)
    assert abs(report.correlation) < 0.1
    assert both.error > 1.5 * both.sigma
    assert all(row.observed > 1.4 * row.sigma for row in report.bins)
    table = report.table()
    assert table.row_count == 3 and f"{report.correlation:.2f}" in table.title


def test_without_3d_labels_or_points_there_is_no_report():
    true = np.zeros(BONES)
    both = problem(true, 0.1, true, 0.1)
    assert LimbErrors.of(both, None, {}) is None
    camera = Camera.centered(torch.tensor([300.0]), 256)
    alone = Problem.of(camera, both.get(JointEstimate))
    assert LimbErrors.of(alone, labels(true), {}) is None
    assert ForeshorteningReport.of([]) is None
