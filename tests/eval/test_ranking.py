"""Poses around the truth move what they say, and the ranking counts them right."""

import json
import math

import numpy as np
import pytest
import torch

from core.body.params import BodyParams
from core.data.people import PeopleSampler
from core.eval import ranking
from core.eval.ranking import LIMB_JOINTS, poses_around, rank_people
from core.eval.synthetic import SEED
from core.fit.state import BodyState
from tests.untrained import short_schedule, untrained_engine


@pytest.fixture(scope="module")
def engine():
    return untrained_engine()


@pytest.fixture(scope="module")
def person():
    generator = torch.Generator().manual_seed(0)
    root = torch.tensor([[math.pi, 0, 0]] * 2)
    pose = 0.4 * torch.randn(2, 23, 3, generator=generator)
    return BodyState.of(
        BodyParams(root, pose, torch.zeros(2, 10), torch.tensor([[0, 0, 4.0], [0.5, 0.2, 6]]))
    )


def limb(engine, body, name):
    joints = ranking.joints_of(engine.volume, body.params())
    start, end = LIMB_JOINTS[name]
    return joints[:, start], joints[:, end] - joints[:, start]


def test_32_poses_and_a_flip_of_every_limb(engine, person):
    kinds = [(kind, name) for kind, name, _, _ in poses_around(person, engine.volume)]
    assert len(kinds) == 40 and len([k for k in kinds if k[0] != "flip"]) == 32
    assert {name for _, name in kinds} == set(LIMB_JOINTS) and len(LIMB_JOINTS) == 8


def test_limbs_turn_by_30_degrees_in_the_picture_or_out_of_it(engine, person):
    for kind, name, pose, _ in poses_around(person, engine.volume):
        start, before = limb(engine, person, name)
        again, after = limb(engine, pose, name)
        assert torch.allclose(start, again, atol=1e-5)
        assert torch.allclose(before.norm(dim=1), after.norm(dim=1), rtol=1e-4)
        ray = torch.nn.functional.normalize(start, dim=-1)
        depth, turned = (before * ray).sum(1), (after * ray).sum(1)
        if kind == "lateral":
            assert torch.allclose(depth, turned, atol=1e-5)
        else:  # what moves in depth keeps its direction in the picture, up to its sign
            plane = before - depth[:, None] * ray
            sideways = torch.linalg.cross(plane, ray, dim=-1)
            assert torch.allclose((after * sideways).sum(1), torch.zeros(2), atol=1e-5)
        if kind == "depth":
            angle = torch.nn.functional.cosine_similarity(before, after).acos()
            assert torch.allclose(angle, torch.full((2,), math.radians(30)), atol=1e-3)


def test_a_flip_is_the_mirror_image_in_depth(engine, person):
    for kind, name, pose, _ in poses_around(person, engine.volume):
        if kind != "flip":
            continue
        start, before = limb(engine, person, name)
        _, after = limb(engine, pose, name)
        ray = torch.nn.functional.normalize(start, dim=-1)
        mirrored = before - 2 * (before * ray).sum(1, keepdim=True) * ray
        assert torch.allclose(after, mirrored, atol=1e-4)


def test_the_rest_of_the_body_stays(engine, person):
    before = ranking.joints_of(engine.volume, person.params())
    for _, name, pose, _ in poses_around(person, engine.volume):
        if name != "r_lower_arm":
            continue
        moved = (ranking.joints_of(engine.volume, pose.params()) - before).norm(dim=-1) > 1e-4
        assert set(moved.any(0).nonzero()[:, 0].tolist()) <= {21, 23}


def test_a_likelihood_that_knows_the_truth_ranks_it_first(engine, monkeypatch):
    sampler = PeopleSampler(SEED, None, "test")
    samples = [sampler.sample(index) for index in range(2)]
    truth = torch.from_numpy(np.stack([s.joints for s in samples]))

    def distance(_engine, _problem, body, _schedule):
        return (ranking.joints_of(engine.volume, body.params()) - truth).norm(dim=-1).sum(1)

    monkeypatch.setattr(ranking, "nll", distance)
    arguments = (engine, samples, "two people", sampler.looks.patch, ["clean"], short_schedule(), 2)
    (row,) = rank_people(*arguments).rows
    assert row.below_fit.value == row.below_all.value == row.depth.value == row.arms.value == 1
    assert row.drift_mm.value > 0
    monkeypatch.setattr(ranking, "nll", lambda *a: -distance(*a))
    (row,) = rank_people(*arguments).rows
    assert row.below_fit.value == row.lateral.value == row.legs.value == 0


def test_the_command_prints_rows(capsys, monkeypatch):
    from core import cli
    from core.fit.engine import Engine

    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    arguments = ["eval", "--count", "1", "--ranking", "--protocols", "clean", "--json"]
    assert cli.main(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["protocol"] == "clean" and 0 <= row["lateral"] <= 1 and row["drift_mm"] > 0
