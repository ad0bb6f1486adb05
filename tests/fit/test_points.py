"""Detected points: their term, the start that they place, and the estimates they contradict."""

from dataclasses import replace

import pytest
import torch

from core.body.points import CARRIERS, LIMB_POINTS, POINTS, place_points
from core.fit.evidence import BodyPoints, GivenBody, RegressedBody
from core.fit.photo_frame import PhotoFrame
from core.fit.reconcile import AGREE, EDGE_SIGMA, doubted, unsure_at_edges
from core.fit.solver import Solver
from core.fit.start import choose_start
from core.fit.starts.placed import SHAPE_KEPT, propose, translation_to
from core.fit.terms.points import as_seen, point_cost
from core.geometry.camera import project
from core.nets.joint_estimate import JointEstimate
from tests.fit.toy_problem import quick_schedule, toy_model, toy_problem, true_body

SIZE = 224


@pytest.fixture(scope="module")
def model():
    return toy_model()


def points_of(model, body):
    """Points of a body in metres."""
    joints = model.volume.pose(body.rotations(), body.betas, body.transl).joints
    return place_points(body.rotations(), joints)


def seen(model, body, sigma=2.0):
    """A problem whose points are those of ``body``."""
    problem = toy_problem(model, body)
    xy = project(problem.camera, points_of(model, body))
    return problem.having(BodyPoints(xy, torch.full(xy.shape[:2], sigma)))


def test_errors_count_in_sigmas_and_ever_less():
    detected = BodyPoints(torch.zeros(1, 1, 2), torch.tensor([[4.0]]))
    costs = [point_cost(torch.tensor([[[x, 0.0]]]), detected).item() for x in (0, 4, 8, 400, 404)]
    wide = BodyPoints(torch.zeros(1, 1, 2), torch.tensor([[8.0]]))
    assert costs[0] == 0 and costs[1] == pytest.approx(2.5 * torch.log(torch.tensor(4 / 3)).item())
    assert point_cost(torch.tensor([[[8.0, 0.0]]]), wide).item() == pytest.approx(costs[1])
    assert 0 < costs[4] - costs[3] < 0.1 * (costs[2] - costs[1])


def test_points_that_were_not_looked_for_do_not_count():
    detected = BodyPoints(torch.zeros(1, 2, 2), torch.tensor([[3.0, torch.inf]]))
    assert point_cost(torch.tensor([[[0.0, 0.0], [99.0, 99.0]]]), detected).item() == 0


def cut_above(problem, model, truth, name):
    """The problem in a photo that ends a little above a point, and where it ends."""
    points = project(problem.camera, points_of(model, truth))
    end = points[0, POINTS.index(name), 1].item() - 8
    frame = PhotoFrame.of_crops(1, SIZE)
    return problem.having(replace(frame, size=torch.tensor([[float(SIZE), end]]))), end


def test_a_point_beyond_the_edge_of_the_photo_is_seen_at_the_edge(model):
    truth = true_body()
    problem, end = cut_above(seen(model, truth), model, truth, "l_knee")
    ankle, wrist = POINTS.index("l_ankle"), POINTS.index("l_wrist")
    detected = problem.get(BodyPoints)
    xy = detected.xy.clone()
    xy[:, ankle, 1] = end - 2  # where detectors put it
    problem = problem.having(replace(detected, xy=xy))
    points = points_of(model, truth)
    places, projected = as_seen(problem, points), project(problem.camera, points)
    assert places[0, ankle].tolist() == pytest.approx(
        [projected[0, ankle, 0].item(), end], abs=1e-3
    )
    assert torch.equal(places[0, wrist], projected[0, wrist])
    knee = POINTS.index("l_knee")  # a detector that guesses beyond the edge has put it there
    torch.testing.assert_close(places[0, knee], projected[0, knee], atol=1e-3, rtol=0)


def test_points_on_the_edge_of_the_photo_do_not_pull_what_is_outside(model):
    """Detectors put feet on the edge of a photo that ends above the knees; the legs stay long."""
    truth = true_body()
    problem, end = cut_above(seen(model, truth), model, truth, "l_knee")
    detected = problem.get(BodyPoints)
    legs = [POINTS.index(f"{s}_{n}") for s in "lr" for n in ("knee", "ankle", "heel", "toe")]
    xy = detected.xy.clone()
    xy[:, legs, 1] = xy[:, legs, 1].clamp_max(end - 1)
    problem = problem.having(BodyPoints(xy, detected.sigma), RegressedBody(truth))
    schedule = quick_schedule(40).with_weights(nll=0.0, anchor=1.0, prior=0.0)
    off = {}
    for name, known in (("framed", problem), ("endless", problem.without(PhotoFrame))):
        solver = Solver.begin(known, model, schedule)
        list(solver.run())
        reached = points_of(model, solver.trace.best(model.volume))
        off[name] = (reached - points_of(model, truth))[0, legs].norm(dim=-1).mean().item()
    assert off["framed"] < 0.01 < 0.1 < off["endless"]


def test_a_body_is_placed_where_its_points_are(model):
    truth = true_body()
    problem = seen(model, truth)
    off = torch.tensor([[0.4, -0.3, 1.5]])
    moved = replace(truth, transl=truth.transl + off)
    (candidate,) = propose(problem.having(RegressedBody(moved)), model, quick_schedule(), [])
    assert torch.allclose(candidate.body.transl, truth.transl, atol=1e-3)


def test_a_small_body_starts_larger_and_farther_away(model):
    """The shape goes towards the mean, and the place follows the points."""
    truth = true_body()
    small = replace(truth, betas=truth.betas - 2)
    problem = seen(model, small).having(RegressedBody(small))
    (candidate,) = propose(problem, model, quick_schedule(), [])
    torch.testing.assert_close(candidate.body.betas, SHAPE_KEPT * small.betas)
    projected = project(problem.camera, points_of(model, candidate.body.params()))
    off = (projected - problem.get(BodyPoints).xy).norm(dim=-1)
    stayed = project(problem.camera, points_of(model, replace(small, betas=candidate.body.betas)))
    assert off.mean() < 0.7 * (stayed - problem.get(BodyPoints).xy).norm(dim=-1).mean()


def test_misplaced_points_lose_their_say(model):
    truth = true_body()
    problem = seen(model, truth)
    detected = problem.get(BodyPoints)
    xy = detected.xy.clone()
    xy[:, :5] += 60
    found = translation_to(
        points_of(model, truth) + torch.tensor([0.2, 0.1, 0.8]),
        BodyPoints(xy, detected.sigma),
        problem.camera,
    )
    assert torch.allclose(found, -torch.tensor([[0.2, 0.1, 0.8]]), atol=0.05)


def test_a_given_body_is_not_moved(model):
    problem = seen(model, true_body()).having(RegressedBody(true_body()), GivenBody(true_body()))
    assert propose(problem, model, quick_schedule(), []) == []


def test_points_that_no_body_explains_move_nothing(model):
    """All points at one place would put the body out of sight."""
    problem = seen(model, true_body())
    detected = problem.get(BodyPoints)
    lost = BodyPoints(torch.full_like(detected.xy, 64.0), detected.sigma)
    moved = translation_to(points_of(model, true_body()), lost, problem.camera)
    assert moved.isfinite().all() and (true_body().transl + moved)[:, 2] > 0


def test_a_fit_starts_where_the_points_are(model):
    truth = true_body()
    away = replace(truth, transl=truth.transl + torch.tensor([[0.9, 0.0, 0.0]]))
    problem = seen(model, truth).having(RegressedBody(away))
    choice = choose_start(problem, model, quick_schedule())
    assert choice.names[int(choice.winner)] == "placed"


def test_a_fit_moves_an_arm_to_its_point(model):
    """With nothing but points, the hand goes where it is detected."""
    truth = true_body()
    problem = seen(model, truth).having(RegressedBody(truth))
    detected = problem.get(BodyPoints)
    hand = [POINTS.index(f"l_{name}") for name in ("wrist", "thumb", "index", "pinky")]
    xy = detected.xy.clone()
    xy[:, hand] += torch.tensor([-4.0, -6.0])
    schedule = quick_schedule(40).with_weights(nll=0.0, anchor=1.0, prior=0.0)
    solver = Solver.begin(problem.having(BodyPoints(xy, detected.sigma)), model, schedule)
    list(solver.run())
    reached = project(problem.camera, points_of(model, solver.trace.best(model.volume)))
    assert (reached - xy)[0, hand[0]].norm() < 2.0  # of 7.2


def estimate(xy):
    """A sure estimate at some place of the crop, -1..1."""
    small = torch.full((1, 24), -3.0)
    return JointEstimate(xy.expand(1, 24, 2).clone(), small, torch.zeros(1, 24), small.clone())


def test_what_agrees_is_not_doubted():
    points = BodyPoints(
        torch.full((1, len(POINTS), 2), SIZE / 2), torch.full((1, len(POINTS)), 3.0)
    )
    given = estimate(torch.zeros(1, 1, 2))
    after = doubted(given, points, SIZE)
    torch.testing.assert_close(after.values, given.values)


def test_a_single_joint_that_disagrees_is_not_judged():
    points = BodyPoints(
        torch.full((1, len(POINTS), 2), SIZE / 2), torch.full((1, len(POINTS)), 3.0)
    )
    given = estimate(torch.zeros(1, 1, 2))
    given.xy[0, CARRIERS[POINTS.index("l_elbow")], 0] = 0.8
    torch.testing.assert_close(doubted(given, points, SIZE).values, given.values)


def test_somebody_elses_estimate_is_doubted_as_a_whole():
    points = BodyPoints(
        torch.full((1, len(POINTS), 2), SIZE / 2), torch.full((1, len(POINTS)), 3.0)
    )
    given = estimate(torch.full((1, 1, 2), 0.6))
    after = doubted(given, points, SIZE)
    distance = (after.xy * SIZE / 2).norm(dim=-1)
    assert (after.log_sigma.exp() * SIZE / 2 > 0.5 * distance / AGREE).all()


def test_unsure_points_contradict_nobody():
    far = torch.full((1, len(POINTS), 2), SIZE / 2) + 50
    unsure = BodyPoints(far, torch.full((1, len(POINTS)), 60.0))
    given = estimate(torch.zeros(1, 1, 2))
    torch.testing.assert_close(doubted(given, unsure, SIZE).values, given.values)
    assert len(LIMB_POINTS) == 12


def test_points_at_the_edge_of_the_photo_are_unsure():
    inside = torch.zeros(1, 1, 100, 100)
    inside[..., 20:] = 1  # the photo begins at column 20
    places = torch.tensor([[[60.0, 50.0], [22.0, 50.0], [10.0, 50.0], [60.0, 99.0], [60.0, 130.0]]])
    sigma = torch.tensor([[1.0, 1.0, 1.0, 1.0, 50.0]])
    after = unsure_at_edges(BodyPoints(places, sigma), inside)
    edge = EDGE_SIGMA * 100
    torch.testing.assert_close(after.sigma, torch.tensor([[1.0, edge, edge, edge, 50.0]]))
    assert torch.equal(after.xy, places)
