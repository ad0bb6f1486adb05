"""Sweeps: the objective along one parameter."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.fit.schedule import Stage
from core.fit.solver import Solver
from core.fit.state import BodyState
from core.fit.sweep import Parameter, sweep
from core.geometry.camera import project
from tests.fit.test_world_points import known
from tests.fit.toy_problem import quick_schedule, toy_model, true_body, visited

SHOULDER, WRIST = JOINT_NAMES.index("l_shoulder"), JOINT_NAMES.index("l_wrist")


@pytest.fixture(scope="module")
def model():
    return toy_model()


def visit(model, truth, start, **weights):
    """The start of a fit whose objective has some terms alone."""
    schedule = quick_schedule()
    stage = Stage("pose", 1, ("body_pose",), weights)
    alone = replace(schedule, stages=(stage,))
    solver = Solver.begin(known(model, truth), model, alone, start)
    solver.step()
    return visited(solver, 0)


def bent(angle, axis=1):
    """The truth with the left arm turned out of the image plane."""
    pose = true_body().body_pose.clone()
    pose[0, SHOULDER - 1] = torch.zeros(3)
    pose[0, SHOULDER - 1, axis] = np.deg2rad(angle)
    return replace(true_body(), body_pose=pose)


@pytest.mark.parametrize(
    ("name", "low", "high", "truth"),
    [
        ("depth", 3.0, 5.2, 4.0),
        ("x", -0.4, 0.4, 0.0),
        ("l_shoulder.z", -60, 60, 0.0),
        ("l_shoulder.lateral", -60, 60, 0.0),
        ("shape0", -3, 3, 0.0),
    ],
)
def test_the_minimum_of_the_likelihood_is_at_the_truth(model, name, low, high, truth):
    here = visit(model, true_body(), true_body(), nll=1.0)
    parameter = Parameter.parse(name)
    found = sweep(here, parameter, low, high, 25)
    best = float(found.values[found.minima[0]])
    assert best == pytest.approx(
        truth + (found.here if name == "x" else 0), abs=0.07 * (high - low)
    )
    assert found.falls_at is None
    assert found.total[found.minima[0]] < found.total[[0, -1]].min() - 1


def test_the_step_itself_is_among_the_values(model):
    here = visit(model, true_body(), bent(20), points=40.0, prior=15.0, anchor=3.0)
    for name in ("l_shoulder.y", "depth", "shape1", "y"):
        found = sweep(here, Parameter.parse(name), count=5)
        index = found.values.tolist().index(found.here)
        costs = here.costs(here.vector)
        for term, values in found.terms.items():
            assert values[index] == pytest.approx(costs[term].item(), rel=1e-4, abs=1e-3)
        np.testing.assert_allclose(found.total, sum(found.terms.values()))


def test_a_limb_mirrored_in_depth_is_a_second_minimum_of_its_points(model):
    """Its points in the picture are nearly the same; its 3D points tell the two apart."""
    truth = bent(-35)
    here = visit(model, truth, truth, points=40.0)
    parameter = Parameter.parse("l_shoulder.depth")
    both = sweep(here, parameter)
    assert len(both.minima) == 2
    near, mirrored = torch.tensor(both.values[list(both.minima)]).float()
    assert abs(near) < 3 and mirrored > 40
    bodies = parameter.applied(here.body, model.volume, torch.stack([near, mirrored]))
    joints = model.volume.joints(bodies.rotations, bodies.betas, bodies.transl)[:, WRIST]
    xy = project(here.problem.camera, joints[None])[0]
    assert (xy[1] - xy[0]).norm() < 2 and joints[0, 2] < 3.8 and joints[1, 2] > 4.05
    told = visit(model, truth, truth, points=40.0, foreshortening=40.0)
    apart = sweep(told, parameter)
    assert abs(apart.values[apart.minima[0]]) < 3
    index = both.minima[1]
    assert apart.total[index] - apart.total[apart.minima[0]] > 5 * both.total[index]


def test_a_minimum_beyond_the_range_is_told(model):
    here = visit(model, true_body(), true_body(), points=40.0)
    found = sweep(here, Parameter.parse("depth"), 4.2, 5.0, 9)
    assert found.minima == () and found.falls_at == 4.2
    assert found.here not in found.values


def test_parameters_move_what_they_name(model):
    here = visit(model, true_body(), true_body(), points=40.0)
    volume, body = model.volume, here.body

    def joints(name, value):
        moved = Parameter.parse(name).applied(body, volume, torch.tensor([value]))
        return volume.joints(moved.rotations, moved.betas, moved.transl)[0]

    before = volume.joints(body.rotations, body.betas, body.transl)[0]
    arm = [JOINT_NAMES.index(f"l_{name}") for name in ("elbow", "wrist", "hand")]
    rest = [j for j in range(24) if j not in arm]
    for axis in ("y", "lateral", "depth"):
        after = joints(f"l_shoulder.{axis}", 30.0)
        torch.testing.assert_close(after[rest], before[rest], atol=1e-5, rtol=0)
        assert (after[arm] - before[arm]).norm(dim=1).min() > 0.1
    assert (joints("l_shoulder.depth", 30.0) - before)[arm, 2].min() > 0.1
    assert (joints("l_shoulder.lateral", 30.0) - before)[arm, 2].abs().max() < 0.05
    further = joints("depth", 5.0)
    assert further[0, 2] == pytest.approx(5.0, abs=1e-4)
    torch.testing.assert_close(further[0, :2] / 5.0, before[0, :2] / before[0, 2])
    assert joints("y", 0.5)[0, 1] == pytest.approx(0.5, abs=1e-5)


def test_another_shape_leaves_the_pelvis_where_it_is(model):
    """Its rest position changes with the shape of real bodies."""
    volume = replace(model.volume, joint_shapedirs=model.volume.joint_shapedirs + 0.05)
    body = BodyState.of(true_body())
    moved = Parameter.parse("shape0").applied(body, volume, torch.tensor([2.0]))
    before, after = (volume.joints(b.rotations, b.betas, b.transl)[0] for b in (body, moved))
    torch.testing.assert_close(after[0], before[0])
    assert moved.betas[0, 0] == 2 and (moved.transl - body.transl).norm() > 0.1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("elbow.x", "no joint 'elbow'"),
        ("l_elbow.w", "no axis 'w' of l_elbow; there are x, y, z, lateral, depth"),
        ("l_wrist.depth", "no axis 'depth' of l_wrist; there are x, y, z"),
        ("shape10", "no parameter 'shape10'"),
        ("", "no parameter ''"),
    ],
)
def test_unknown_parameters_are_refused(name, said):
    with pytest.raises(UserError, match=said):
        Parameter.parse(name)


def test_ranges_without_sense_are_refused(model):
    here = visit(model, true_body(), true_body(), points=40.0)
    for name, low, high, count in (
        *(("depth", -1.0, 3.0, 9), ("x", 1.0, 1.0, 9), ("x", 0.0, float("nan"), 9)),
        *(("x", 0.0, 1.0, 2), ("x", 0.0, float("inf"), 9)),
    ):
        with pytest.raises(UserError, match=r"the range .* of (depth|x)"):
            sweep(here, Parameter.parse(name), low, high, count)
