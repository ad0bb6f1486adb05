"""Pulls: where each term alone would move a joint."""

import pytest
import torch

from core.body.names import JOINT_NAMES
from core.body.points import POINTS
from core.errors import UserError
from core.fit.evidence import BodyPoints
from core.fit.pull import joint_pulls
from core.fit.solver import Solver
from core.fit.state import BodyState, Chart
from core.geometry.camera import project, project_motion
from core.geometry.rotations import rotation_from_axis_angle
from tests.fit.test_points import seen
from tests.fit.toy_problem import perturbed, quick_schedule, toy_model, true_body, visited

WRIST = JOINT_NAMES.index("l_wrist")


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module")
def visit(model):
    """The ninth step of a fit, in its second stage."""
    solver = Solver.begin(
        seen(model, true_body()), model, quick_schedule(6), perturbed(true_body())
    )
    list(solver.run())
    return visited(solver, 8)


def begun(model, steps):
    """A fit of two stages that starts near the truth."""
    start = perturbed(true_body())
    return Solver.begin(seen(model, true_body()), model, quick_schedule(steps), start)


def displaced(model, shift, **weights):
    """A visit of the truth with the left hand's points displaced by some pixels."""
    problem = seen(model, true_body())
    xy = problem.get(BodyPoints).xy.clone()
    hand = [POINTS.index(f"l_{name}") for name in ("wrist", "thumb", "index", "pinky")]
    xy[:, hand] += torch.tensor(shift)
    problem = problem.having(BodyPoints(xy, problem.get(BodyPoints).sigma))
    schedule = quick_schedule().with_weights(**weights)
    solver = Solver.begin(problem, model, schedule, true_body())
    list(solver.run())
    solver.trace.records[-1].vector.zero_()  # the truth, in the stage that moves everything
    return visited(solver, len(solver.trace) - 1)


def test_a_visit_finds_what_the_fit_recorded(model):
    solver = Solver.begin(
        seen(model, true_body()), model, quick_schedule(3), perturbed(true_body())
    )
    records = list(solver.run())
    for step in (0, 5):
        visit = visited(solver, step)
        costs = visit.costs(visit.vector)
        weights = visit.stage.weights
        for name, cost in costs.items():
            assert torch.equal(cost, weights[name] * records[step].terms[name])
        assert sum(costs.values()).item() == pytest.approx(records[step].total.item(), rel=1e-6)
    with pytest.raises(UserError, match="no step 7; there are 0 to 6"):
        visited(solver, 7)


@pytest.mark.parametrize("shift", [(-6.0, 0.0), (0.0, 7.0), (5.0, -5.0)])
def test_a_displaced_point_pulls_its_joint_there(model, shift):
    visit = displaced(model, shift)
    pulls = joint_pulls(visit)
    arrow = pulls.arrows(visit.problem.camera)[pulls.terms.index("points"), WRIST]
    toward = torch.nn.functional.cosine_similarity(arrow, torch.tensor(shift), dim=0)
    assert toward > 0.8
    moved = pulls.motion[pulls.terms.index("points")].norm(dim=1)
    assert JOINT_NAMES[moved.argmax()] in ("l_wrist", "l_hand")


def test_the_anchor_does_not_pull_at_the_start(model):
    pulls = joint_pulls(displaced(model, (5.0, 0.0)))
    assert pulls.motion[pulls.terms.index("anchor")].abs().max() == 0


def test_pulls_add_up_to_that_of_the_whole_objective(visit):
    pulls = joint_pulls(visit)
    leaf = visit.vector.clone().requires_grad_()
    total = torch.stack(list(visit.costs(leaf).values())).sum()
    (gradient,) = torch.autograd.grad(total, leaf)

    def joints(vector):
        body = visit.chart(1).body(vector)
        return visit.model.volume.joints(body.rotations, body.betas, body.transl)[0]

    _, whole = torch.autograd.functional.jvp(joints, visit.vector, -pulls.rate * gradient)
    torch.testing.assert_close(pulls.whole, whole, rtol=1e-3, atol=1e-6)
    assert pulls.whole.norm() > 1e-3
    arrows, camera = pulls.arrows(visit.problem.camera), visit.problem.camera
    direct = project_motion(camera, pulls.joints[None], pulls.whole[None])[0]
    torch.testing.assert_close(arrows.sum(0), direct, rtol=1e-3, atol=1e-4)


def test_a_pull_is_the_motion_of_a_small_step_of_one_term(visit):
    pulls = joint_pulls(visit)
    for row, name in enumerate(pulls.terms):
        leaf = visit.vector.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(visit.costs(leaf)[name].sum(), leaf)
        small = 0.05
        body = visit.chart(1).body(visit.vector - small * pulls.rate * gradient)
        moved = visit.model.volume.joints(body.rotations, body.betas, body.transl)[0]
        rate = (moved - pulls.joints) / small
        torch.testing.assert_close(pulls.motion[row], rate, rtol=0.1, atol=5e-4)


def test_no_coordinate_moves_further_than_adam_moves_it(visit):
    pulls = joint_pulls(visit)
    steps = []
    for name in pulls.terms:
        leaf = visit.vector.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(visit.costs(leaf)[name].sum(), leaf)
        steps.append(float(pulls.rate * gradient.abs().max()))
    assert max(steps) == pytest.approx(visit.stage.learning_rate, rel=1e-4)


def test_a_stage_that_moves_the_place_alone_pulls_the_body_as_one(model):
    solver = Solver.begin(
        seen(model, true_body()), model, quick_schedule(6), perturbed(true_body())
    )
    list(solver.run())
    pulls = joint_pulls(visited(solver, 2))
    for motion in pulls.motion:
        torch.testing.assert_close(motion, motion[:1].expand(24, 3), rtol=1e-4, atol=1e-6)


def test_turned_pulls_are_those_of_another_camera(visit):
    pulls = joint_pulls(visit)
    turn = rotation_from_axis_angle(torch.tensor([0.1, -0.2, 0.3]))
    turned = pulls.turned(turn)
    torch.testing.assert_close(turned.joints[WRIST], turn @ pulls.joints[WRIST])
    torch.testing.assert_close(turned.motion[0, WRIST], turn @ pulls.motion[0, WRIST])


def test_motions_are_projected_as_points_are(model):
    camera = seen(model, true_body()).camera
    points, motion = torch.tensor([[[0.3, -0.2, 4.0]]]), torch.tensor([[[0.02, 0.01, -0.03]]])
    small = 1e-2
    change = (project(camera, points + small * motion) - project(camera, points)) / small
    torch.testing.assert_close(project_motion(camera, points, motion), change, rtol=5e-2, atol=1e-3)


def test_coordinates_of_a_body_lead_back_to_it(model):
    start, other = BodyState.of(true_body()), BodyState.of(perturbed(true_body(), 3, 0.4))
    chart = Chart.around(start, model.volume)
    back = chart.body(chart.vector(other))
    for name, value in vars(other).items():
        torch.testing.assert_close(getattr(back, name), value, atol=1e-5, rtol=1e-5)
