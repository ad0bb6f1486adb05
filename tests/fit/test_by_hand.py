"""What a hand does to a body: joints come where they are dragged, and runs begin and end there."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.moves import Drag, Pull, Value, Wish, check_by_hand
from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.fit.by_hand import branched, moved, wishing, with_wishes
from core.fit.fitter import finish
from core.fit.photo_joints import body_joints
from core.fit.reach import limb_to
from core.fit.record import FitRecord, Run
from core.fit.recording import check_replay, new_record, observe_again, photo_info, resume_run
from core.fit.state import BodyState
from core.geometry.crop import Box
from core.io.images import load_image
from tests.fit.test_record import same_traces
from tests.untrained import short_schedule

BOX = Box(20, 60, 300, 440)
STEP = 4


@pytest.fixture(scope="module")
def photo():
    return load_image("skimage:camera")


@pytest.fixture(scope="module")
def observation(engine, photo):
    return engine.observe(photo.pixels, BOX)


@pytest.fixture(scope="module")
def fit(engine, observation):
    fit = engine.begin(observation, short_schedule())
    finish(fit)
    return fit


@pytest.fixture(scope="module")
def body(engine, fit):
    return BodyState.of(fit.trace.params(STEP, engine.volume))


def place(engine, observation, body, joint):
    """A joint in pixels of the photo."""
    return body_joints(engine, observation, body.params()).xy[JOINT_NAMES.index(joint)]


def in_photo(engine, observation, body, joint):
    """A joint in the photo camera's frame, metres."""
    joints = engine.volume.joints(body.rotations, body.betas, body.transl)[0].numpy()
    return joints[JOINT_NAMES.index(joint)] @ observation.view.rotation.T


def turns(one, other):
    """Degrees by which each joint has turned."""
    between = one.rotations[0].mT @ other.rotations[0]
    cosine = (between.diagonal(dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.rad2deg(cosine.clamp(-1, 1).acos()).numpy()


@pytest.mark.parametrize(
    ("joint", "way"),
    [
        ("l_wrist", (-12, 9)),
        ("r_elbow", (9, -7)),
        ("l_ankle", (9, -7)),
        ("head", (7, 2)),
        ("r_knee", (7, -10)),
    ],
)
def test_a_joint_comes_where_it_is_dragged_and_others_stay(engine, observation, body, joint, way):
    x, y = np.add(place(engine, observation, body, joint), way)
    after = moved(body, [Drag(joint, float(x), float(y))], engine.model, observation)
    assert place(engine, observation, after, joint) == pytest.approx([x, y], abs=1.5)
    turned = turns(body, after)
    limb = list(limb_to(JOINT_NAMES.index(joint)))
    assert turned[limb].max() > 1
    others = np.delete(turned, limb)
    assert others.max() < 0.1
    assert torch.equal(after.betas, body.betas) and torch.equal(after.transl, body.transl)
    assert float(engine.model.prior(after.rotations[:, 1:22])) < 3 + 2 * float(
        engine.model.prior(body.rotations[:, 1:22])
    )


def test_an_arm_ends_at_its_collar_and_a_leg_at_its_hip():
    named = {
        name: [JOINT_NAMES[j] for j in limb_to(JOINT_NAMES.index(name))]
        for name in ("l_elbow", "r_hand", "l_ankle", "r_hip", "head")
    }
    assert named == {
        "l_elbow": ["l_shoulder", "l_collar"],
        "r_hand": ["r_wrist", "r_elbow", "r_shoulder"],
        "l_ankle": ["l_knee", "l_hip"],
        "r_hip": [],
        "head": ["neck", "spine3", "spine2"],
    }


def test_a_place_out_of_reach_stretches_the_limb_towards_it(engine, observation, body):
    shoulder = place(engine, observation, body, "l_shoulder")
    far = np.add(shoulder, [0, 2000])
    after = moved(body, [Drag("l_wrist", *map(float, far))], engine.model, observation)
    way = place(engine, observation, after, "l_wrist") - shoulder
    # Within 60 degrees: the pose prior has several optima, and processors end in different ones.
    assert way[1] > 0.5 * np.linalg.norm(way)
    assert np.isfinite(after.params().body_pose.numpy()).all()


def test_the_pelvis_takes_the_body_with_it_at_its_depth(engine, observation, body):
    x, y = np.add(place(engine, observation, body, "pelvis"), [30, 12])
    after = moved(body, [Drag("pelvis", float(x), float(y))], engine.model, observation)
    assert place(engine, observation, after, "pelvis") == pytest.approx([x, y], abs=0.5)
    assert torch.equal(after.rotations, body.rotations)
    assert float(after.transl[0, 2]) == pytest.approx(float(body.transl[0, 2]), abs=1e-4)


def test_a_joint_is_pulled_through_space(engine, observation, body):
    goal = np.add(in_photo(engine, observation, body, "l_elbow"), [0.03, -0.02, 0.05])
    after = moved(body, [Pull("l_elbow", *map(float, goal))], engine.model, observation)
    assert in_photo(engine, observation, after, "l_elbow") == pytest.approx(goal, abs=0.04)
    nearer = np.linalg.norm(in_photo(engine, observation, after, "l_elbow") - goal)
    assert nearer < 0.6 * np.linalg.norm([0.03, -0.02, 0.05])


def test_moves_are_done_in_order_with_values_of_parameters(engine, observation, body):
    moves = [Value("shape0", 1.5), Value("pelvis.y", 30.0), Value("depth", 5.0)]
    after = moved(body, moves, engine.model, observation)
    assert float(after.betas[0, 0]) == 1.5
    assert turns(body, after)[0] == pytest.approx(30, abs=0.1)
    pelvis = engine.volume.joints(after.rotations, after.betas, after.transl)[0, 0]
    assert float(pelvis[2]) == pytest.approx(5.0, abs=1e-3)


def test_nonsense_by_hand_is_refused():
    with pytest.raises(UserError, match="no joint 'tail'"):
        Drag("tail", 1, 2)
    with pytest.raises(UserError, match="cannot be brought"):
        Drag("l_wrist", float("nan"), 2)
    with pytest.raises(UserError, match="cannot be -1"):
        Value("depth", -1)
    with pytest.raises(UserError, match="sigma of l_wrist is 0 px"):
        Wish("l_wrist", 1, 2, 0.0)
    with pytest.raises(UserError, match="two wishes"):
        check_by_hand((), (Wish("l_wrist", 1, 2, 3), Wish("l_wrist", 4, 5, 6)))
    with pytest.raises(UserError, match="up to 64 moves"):
        check_by_hand((Value("shape0", 1.0),) * 65, ())


def test_a_run_begins_at_the_moved_body_and_keeps_those_before(engine, observation, fit, body):
    x, y = map(float, np.add(place(engine, observation, body, "l_wrist"), [-12, 9]))
    moves = (Drag("l_wrist", x, y),)
    schedule = fit.schedule
    trace = branched(observation, engine.model, fit.trace, STEP, schedule, schedule, moves)
    for step in range(STEP):
        ours, theirs = (t.params(step, engine.volume) for t in (trace, fit.trace))
        joints = [engine.volume.joints(p.rotations(), p.betas, p.transl) for p in (ours, theirs)]
        assert float((joints[0] - joints[1]).abs().max()) < 1e-4
    anchors = [float(record.terms["anchor"]) for record in trace.records]
    assert anchors[0] > 0.01 > anchors[STEP] == 0  # of the new origin, as the totals are
    assert bool(trace.records[0].total.isfinite())
    run = engine.resume(observation, schedule, trace)
    first = run.step()
    assert first.step == STEP and bool((first.moments == 0).all())
    assert float(first.terms["anchor"]) == pytest.approx(0, abs=1e-6)  # it holds the moved body
    there = BodyState.of(run.trace.params(STEP, engine.volume))
    assert place(engine, observation, there, "l_wrist") == pytest.approx([x, y], abs=1.5)


def test_a_wish_pulls_and_counts_before_the_branch(engine, observation, fit, body):
    x, y = map(float, np.add(place(engine, observation, body, "l_wrist"), [40, 0]))
    wishes = (Wish("l_wrist", x, y, 1.0),)
    seen, after = with_wishes(observation, wishes), wishing(fit.schedule, wishes)
    trace = branched(seen, engine.model, fit.trace, STEP, fit.schedule, after)
    assert bool(torch.stack([r.total for r in trace.records]).isfinite().all())
    run = engine.resume(seen, after, trace)
    again, then = run.step(), fit.trace.records[STEP]
    assert float(again.terms["wishes"]) == pytest.approx(800, rel=0.05)  # 40 px, sigma 1
    assert float(trace.records[-1].terms["wishes"]) == pytest.approx(
        float(again.terms["wishes"]), rel=1e-4
    )
    assert float(again.total - then.total) == pytest.approx(40 * 800, rel=0.05)
    finish(run)
    nearer = BodyState.of(run.trace.params(len(run.trace) - 1, engine.volume))
    before = BodyState.of(fit.trace.params(len(fit.trace) - 1, engine.volume))
    distance = [
        np.linalg.norm(place(engine, observation, b, "l_wrist") - [x, y]) for b in (nearer, before)
    ]
    assert distance[0] < distance[1] - 2
    assert with_wishes(seen, ()).problem.evidence.keys() == observation.problem.evidence.keys()


def test_a_record_keeps_both_and_goes_on_with_the_same_bits(
    engine, photo, observation, fit, body, tmp_path
):
    x, y = map(float, np.add(place(engine, observation, body, "r_wrist"), [12, 3]))
    moves, wishes = (Drag("r_wrist", x, y), Value("shape1", 0.5)), (Wish("head", x, y, 20.0),)
    seen, schedule = with_wishes(observation, wishes), wishing(fit.schedule, wishes)
    trace = branched(seen, engine.model, fit.trace, STEP, fit.schedule, schedule, moves)
    run = engine.resume(seen, schedule, trace)
    run.step()
    record = new_record(engine, seen, fit, photo_info(photo, seen, "diagonal"))
    about = replace(
        record.runs[0].info, id=1, parent=0, at_step=STEP, schedule=schedule, moves=moves
    )
    record.with_run(Run(replace(about, wishes=wishes), run.trace)).save(tmp_path / "fit.nbf")
    finish(run)
    back = FitRecord.load(tmp_path / "fit.nbf")
    kept = back.run(1)
    assert (kept.info.moves, kept.info.wishes) == (moves, wishes)
    again = resume_run(engine, observe_again(engine, back), kept)
    assert check_replay(kept.trace.records[-1], again.step()) is None
    assert same_traces(finish(again), run.trace)
