"""Which joints are seen, and how far they may be off."""

from dataclasses import replace

import pytest
import torch

from core.body.names import JOINT_NAMES
from core.body.points import POINTS
from core.body.unseen import GOOD_PART, HALF, unseen_words
from core.fit.comparison import compare
from core.fit.evidence import BodyPoints, FeatureMap, PersonMask
from core.fit.joint_certainty import (
    BASES_MM,
    SEEN_FROM,
    joint_certainties,
    seen_probability,
    spread_mm,
)
from core.fit.state import BodyState
from core.geometry.camera import project
from tests.fit.toy_problem import SIZE, quick_schedule, toy_model, toy_problem, true_body


@pytest.fixture(scope="module")
def model():
    return toy_model()


def certainties(model, problem, body=None):
    """By name; of the true body by default."""
    with torch.no_grad():
        seen = compare(problem, model, BodyState.of(body or true_body()), quick_schedule())
    return {c.joint: c for c in joint_certainties(problem, seen, model.volume)}


def found(sigma):
    """All points, at no place that counts, as sure as this; some by name."""
    sigmas = torch.full((1, len(POINTS)), 2.0)
    for name, value in sigma.items():
        sigmas[0, POINTS.index(name)] = value
    return BodyPoints(torch.zeros(1, len(POINTS), 2), sigmas)


def rows_of_joints(model, problem):
    body = true_body()
    joints = model.volume.joints(body.rotations(), body.betas, body.transl)
    return project(problem.camera, joints)[0, :, 1]


def test_a_body_that_the_map_shows_is_seen(model):
    problem = toy_problem(model, true_body()).having(found({}))
    told = certainties(model, problem)
    assert list(told) == list(JOINT_NAMES)
    assert all(c.inside and c.seen and c.visible > 0.5 for c in told.values())
    assert told["l_knee"].sigma == 2 and told["spine1"].sigma is None


def test_what_lies_beyond_the_photo_is_not_seen(model):
    problem = toy_problem(model, true_body()).having(found({}))
    rows = rows_of_joints(model, problem)
    edge = int((rows[4] + rows[1]) / 2 / 4)  # between hips and knees
    observed = problem.get(FeatureMap)
    inside = torch.ones(observed.size)
    inside[edge:] = 0
    told = certainties(model, problem.having(replace(observed, inside=inside.flatten()[None])))
    low = {name for name, row in zip(JOINT_NAMES, rows.tolist(), strict=True) if row > 4 * edge}
    assert {"l_knee", "r_ankle", "l_foot"} <= low and "l_hip" not in low
    assert {c.joint for c in told.values() if not c.inside} == low
    assert not any(told[name].seen for name in low) and told["head"].seen
    assert told["l_foot"].visible is None  # no pixel of it can be looked at


def test_a_body_beside_the_picture_is_neither_inside_nor_seen(model):
    body = true_body()
    away = replace(body, transl=body.transl + torch.tensor([9.0, 0.0, 0.0]))
    told = certainties(model, toy_problem(model, body).having(found({})), away)
    assert not any(c.inside or c.seen or c.visible is not None for c in told.values())


def test_z_says_which_part_is_hidden(model):
    problem = toy_problem(model, true_body()).having(found({}))
    rows = rows_of_joints(model, problem)
    logits = torch.zeros(1, SIZE, SIZE)
    before = certainties(model, problem.having(PersonMask(logits)))
    hidden = logits.clone()
    hidden[:, int(rows[4]) - 8 :] = -60.0  # all from the knees downwards
    after = certainties(model, problem.having(PersonMask(hidden)))
    assert after["l_ankle"].visible < before["l_ankle"].visible - 0.3
    assert before["l_ankle"].seen and not after["l_ankle"].seen
    assert after["l_shoulder"].visible == pytest.approx(before["l_shoulder"].visible)


def test_a_point_that_is_not_sure_speaks_for_a_hidden_joint(model):
    problem = toy_problem(model, true_body())
    lost = certainties(model, problem.having(found({"l_wrist": SIZE / 3, "r_ankle": SIZE / 3})))
    hand = {f"l_{name}": SIZE / 3 for name in ("wrist", "pinky", "index", "thumb")}
    told = certainties(model, problem.having(found(hand)))
    assert told["l_wrist"].sigma == told["l_hand"].sigma == pytest.approx(SIZE / 3)
    assert lost["l_wrist"].sigma == 2  # the fingers are found
    ratio = seen_probability(0.6, SIZE / 3, SIZE) / seen_probability(0.6, 2.0, SIZE)
    assert ratio < 0.5 and told["r_wrist"].seen


def test_probabilities_rise_with_z_and_fall_with_sigma():
    p = [seen_probability(z, s, 256) for z, s in ((0.8, 3), (0.8, 30), (0.1, 3), (0.1, 30))]
    assert p[0] > SEEN_FROM > p[1] and p[0] > p[2] > p[3]
    assert seen_probability(0.9, None, 256) > SEEN_FROM > seen_probability(0.1, None, 256)
    assert seen_probability(None, 3, 256) > SEEN_FROM  # nothing of z: the point decides
    assert 0 < seen_probability(0.0, 256, 256) < seen_probability(1.0, 1, 256) < 1


def test_spreads_grow_with_sigma_and_without_sight():
    assert set(BASES_MM) == {name.split("_")[-1] for name in JOINT_NAMES}
    for name in JOINT_NAMES:
        near, far = spread_mm(name, True, 0.01), spread_mm(name, True, 0.05)
        assert near < far and spread_mm(name, False, 0.0) >= spread_mm(name, True, 0.0)
        assert spread_mm(name, False, 0.0) == spread_mm(name, False, 0.3)
    assert spread_mm("l_ankle", True, 0.02) < spread_mm("l_ankle", False, 0.02)


def test_spreads_are_of_meters_at_the_body(model):
    """The same sigma in pixels is twice as much at twice the distance."""
    problem = toy_problem(model, true_body()).having(found({}))
    body = true_body()
    away = replace(body, transl=2 * body.transl)
    base, _ = BASES_MM["hip"]
    off = [
        (certainties(model, problem, b)["l_hip"].spread_mm ** 2 - base**2) ** 0.5
        for b in (body, away)
    ]
    assert off[1] == pytest.approx(2 * off[0], rel=0.05)


def test_words_only_where_a_good_part_is_unseen():
    legs = ["l_knee", "r_knee", "l_ankle", "r_ankle"]
    assert unseen_words(legs) == "unseen: both knees, both ankles; they come from the prior"
    assert unseen_words([*legs[:3], "l_foot", "head"]) == ""
    assert unseen_words([*legs, "r_wrist"]).startswith("unseen: both knees, both ankles, right wri")
    assert unseen_words(legs, HALF) == "" and len(legs) == GOOD_PART
    assert unseen_words([]) == ""
