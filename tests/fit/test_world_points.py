"""Detected 3D points: foreshortened limbs, their term, and the start that is turned so."""

from dataclasses import replace

import pytest
import torch

from core.body.names import JOINT_NAMES
from core.body.points import LIMB_BONES, POINTS, limb_foreshortening
from core.fit.evaluation import Evaluation
from core.fit.evidence import BodyPoints, GivenBody, RegressedBody, WorldPoints
from core.fit.limb_directions import UNKNOWN, image_directions, unsure_limbs
from core.fit.parameters import BODY
from core.fit.starts.lifted import fused_foreshortenings, propose
from core.fit.state import BodyState
from core.fit.terms.foreshortening import foreshortening_cost, residual
from core.nets.joint_estimate import JointEstimate, bone_foreshortening
from tests.fit.test_points import points_of, seen
from tests.fit.toy_problem import quick_schedule, toy_model, true_body

ARM = LIMB_BONES.index(("l_elbow", "l_wrist"))


@pytest.fixture(scope="module")
def model():
    return toy_model()


def known(model, body, sigma=0.2):
    """A problem whose 2D and 3D points are those of ``body``, the latter of unknown size."""
    xyz = 0.5 * (points_of(model, body) - body.transl)
    return seen(model, body).having(
        WorldPoints(xyz, torch.full((len(xyz), len(LIMB_BONES)), sigma))
    )


def test_a_bone_towards_the_camera_is_minus_one():
    points = torch.zeros(1, len(POINTS), 3)
    points[0, POINTS.index("l_wrist")] = torch.tensor([0.0, 0.0, -0.25])
    assert limb_foreshortening(points)[0, ARM] == -1
    points[0, POINTS.index("l_wrist")] = torch.tensor([0.3, 0.0, 0.4])
    assert limb_foreshortening(points)[0, ARM] == pytest.approx(0.8)


def test_points_and_joints_are_foreshortened_alike(model):
    """Both describe the same bones: only a few centimetres lie between points and joints."""
    points = points_of(model, true_body())
    body = true_body()
    joints = model.volume.pose(body.rotations(), body.betas, body.transl).joints
    ends = [JOINT_NAMES.index(last) for _, last in LIMB_BONES]
    torch.testing.assert_close(
        limb_foreshortening(points), bone_foreshortening(joints)[:, ends], atol=0.1, rtol=0
    )


def test_errors_of_foreshortening_count_in_sigmas():
    detected = WorldPoints(
        torch.zeros(1, len(POINTS), 3), torch.full((1, len(LIMB_BONES)), torch.inf)
    )
    limbs = torch.full((1, len(LIMB_BONES)), 0.4)
    assert foreshortening_cost(limbs, detected).item() == 0
    detected.foreshortening_sigma[0, ARM] = 0.2
    assert foreshortening_cost(limbs, detected).item() == pytest.approx(
        2 * torch.tensor(7 / 3).log().item()
    )


def test_the_term_pulls_an_arm_to_its_depth(model):
    truth = true_body()
    problem, schedule = known(model, truth), quick_schedule()
    bent = truth.body_pose.clone()
    bent[0, JOINT_NAMES.index("l_shoulder") - 1] += torch.tensor([0.0, 0.5, 0.0])
    still = torch.zeros(1, BODY.size)
    bodies = [BodyState.of(body) for body in (truth, replace(truth, body_pose=bent))]
    costs = [residual(Evaluation.at(problem, model, b, still, schedule)) for b in bodies]
    assert costs[0] < 1e-6 < costs[1]


def test_the_lifted_start_is_the_body_of_the_points(model):
    """From other limbs and another place; only twists of the limbs remain unknown."""
    truth, other = true_body(), true_body()
    pose = other.body_pose.clone()
    for joint, turn in (("l_shoulder", 0.6), ("r_knee", 0.5), ("l_hip", -0.4)):
        pose[0, JOINT_NAMES.index(joint) - 1] += turn
    start = replace(other, body_pose=pose, transl=other.transl + 0.2)
    problem = known(model, truth).having(RegressedBody(start))
    (candidate,) = propose(problem, model, quick_schedule(), [])
    reached = points_of(model, candidate.body.params())
    want = points_of(model, truth)
    body = [POINTS.index(name) for bone in LIMB_BONES for name in bone]
    before = (points_of(model, start) - want)[0, body].norm(dim=-1).mean()
    assert (reached - want)[0, body].norm(dim=-1).mean() < 0.15 * before


def test_the_lifted_start_keeps_trunk_and_head(model):
    """Also where the 3D points turn them: they know these less well than the regression."""
    problem = known(model, true_body())
    root = true_body().global_orient + torch.tensor([[0.0, 0.3, 0.1]])
    start = replace(true_body(), global_orient=root)
    (candidate,) = propose(problem.having(RegressedBody(start)), model, quick_schedule(), [])
    kept = [JOINT_NAMES.index(name) for name in ("pelvis", "spine1", "spine3", "neck", "head")]
    torch.testing.assert_close(
        candidate.body.rotations[:, kept], start.rotations()[:, kept], atol=1e-5, rtol=0
    )


def unsure_arm(problem, sigma):
    """The problem with a wrist that is less sure, the end of one forearm."""
    detected = problem.get(BodyPoints)
    sigmas = detected.sigma.clone()
    sigmas[:, POINTS.index("l_wrist")] = sigma
    return problem.having(replace(detected, sigma=sigmas))


def test_points_tell_a_limb_that_is_longer_than_their_errors(model):
    problem = known(model, true_body())
    world, detected = problem.get(WorldPoints), problem.get(BodyPoints)
    apart = [detected.xy[0, POINTS.index(name)] for name in LIMB_BONES[ARM]]
    across, told = image_directions(detected, world)
    assert told.all()
    torch.testing.assert_close(across[0, ARM], (apart[1] - apart[0]) / (apart[1] - apart[0]).norm())
    _, told = image_directions(unsure_arm(problem, 40.0).get(BodyPoints), world)
    assert not told[0, ARM] and told.sum() == len(LIMB_BONES) - 1


def test_a_limb_towards_the_camera_may_be_short(model):
    """In the picture it has no length, and its foreshortening is known all the same."""
    problem = known(model, true_body())
    detected, world = problem.get(BodyPoints), problem.get(WorldPoints)
    first, last = (POINTS.index(name) for name in LIMB_BONES[ARM])
    xy, xyz = detected.xy.clone(), world.xyz.clone()
    xy[:, last] = xy[:, first] + torch.tensor([3.0, 0.0])
    short = replace(detected, xy=xy)
    xyz[:, last] = xyz[:, first] + torch.tensor([0.1, 0.0, 0.0])
    assert not image_directions(short, replace(world, xyz=xyz))[1][0, ARM]
    xyz[:, last] = xyz[:, first] + torch.tensor([0.02, 0.0, -0.1])
    assert image_directions(short, replace(world, xyz=xyz))[1][0, ARM]


def test_foreshortenings_of_unsure_limbs_are_unknown(model):
    problem = unsure_arm(known(model, true_body(), sigma=0.3), 40.0)
    after = unsure_limbs(problem.get(WorldPoints), problem.get(BodyPoints)).foreshortening_sigma
    assert after[0, ARM] == UNKNOWN
    assert (after[0] == 0.3).sum() == len(LIMB_BONES) - 1


def test_the_lifted_start_keeps_limbs_whose_points_are_unsure(model):
    truth, pose = true_body(), true_body().body_pose.clone()
    for joint in ("l_elbow", "r_elbow"):
        pose[0, JOINT_NAMES.index(joint) - 1] += torch.tensor([0.0, 0.5, 0.0])
    start = replace(truth, body_pose=pose)
    problem = unsure_arm(known(model, truth), 40.0).having(RegressedBody(start))
    (candidate,) = propose(problem, model, quick_schedule(), [])
    left, right = (JOINT_NAMES.index(f"{side}_elbow") for side in "lr")
    off = (candidate.body.rotations - start.rotations()).abs().amax((-2, -1))[0]
    assert off[left] < 1e-5 and off[right] > 0.1


def test_no_start_is_lifted_without_points_or_beside_a_given_body(model):
    problem = known(model, true_body())
    assert propose(problem, model, quick_schedule(), []) == []
    regressed = problem.having(RegressedBody(true_body()))
    given = regressed.having(GivenBody(true_body()))
    assert propose(given, model, quick_schedule(), []) == []
    assert propose(seen(model, true_body()), model, quick_schedule(), []) == []


def test_foreshortenings_are_fused_by_their_variances(model):
    world = known(model, true_body(), sigma=0.2).get(WorldPoints)
    zero, small = torch.zeros(1, 24), torch.full((1, 24), 0.1).log()
    estimate = JointEstimate(torch.zeros(1, 24, 2), zero, zero, small)
    alone, sigma = fused_foreshortenings(world, None)
    torch.testing.assert_close(alone, limb_foreshortening(world.xyz))
    torch.testing.assert_close(sigma, torch.full_like(alone, 0.2))
    fused, sigma = fused_foreshortenings(world, estimate)
    torch.testing.assert_close(fused, 0.2 * alone)
    torch.testing.assert_close(sigma, torch.full_like(alone, (0.2**-2 + 0.1**-2) ** -0.5))


def test_points_in_2d_give_the_direction_in_the_picture(model):
    """The 3D points are coarser: where they lie aside, the limb follows the picture."""
    truth = true_body()
    problem = known(model, truth)
    world = problem.get(WorldPoints)
    aside = world.xyz.clone()
    aside[:, POINTS.index("l_wrist"), 0] += 0.1
    problem = problem.having(WorldPoints(aside, world.foreshortening_sigma), RegressedBody(truth))
    (candidate,) = propose(problem, model, quick_schedule(), [])
    reached = points_of(model, candidate.body.params())
    wrist, elbow = POINTS.index("l_wrist"), POINTS.index("l_elbow")
    lines = [(p[0, wrist] - p[0, elbow])[:2] for p in (reached, points_of(model, truth))]
    assert torch.nn.functional.cosine_similarity(*lines, dim=0) > 0.999
    assert problem.get(BodyPoints) is not None
