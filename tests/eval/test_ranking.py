"""The ranking counts correctly which body is more likely."""

import json

import numpy as np
import torch

from core.eval import ranking
from core.eval.ranking import rank_people
from core.eval.synthetic import SEED
from core.synth.people import PeopleSampler
from tests.untrained import short_schedule, untrained_engine


def test_a_perfect_likelihood_ranks_the_truth_first(engine, monkeypatch):
    sampler = PeopleSampler(SEED, None, "test")
    samples = [sampler.sample(index) for index in range(2)]
    truth = torch.from_numpy(np.stack([s.joints for s in samples]))

    def distance(_engine, _problem, body, _schedule):
        return (ranking.joints_of(engine.volume, body.params()) - truth).norm(dim=-1).sum(1)

    monkeypatch.setattr(ranking, "nll", distance)
    arguments = (
        engine,
        samples,
        "two people",
        sampler.materials.patch,
        ["clean"],
        short_schedule(),
        2,
    )
    (row,) = rank_people(*arguments).rows
    assert row.below_fit.value == row.below_all.value == row.depth.value == row.arms.value == 1
    assert row.drift_mm.value > 0 > row.excess_nats.value
    monkeypatch.setattr(ranking, "nll", lambda *a: -distance(*a))
    (row,) = rank_people(*arguments).rows
    assert row.below_fit.value == row.lateral.value == row.legs.value == 0 < row.excess_nats.value


def test_the_command_prints_rows(capsys, monkeypatch):
    from core import cli
    from core.fit.engine import Engine
    from core.fit.schedule import Schedule

    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    schedule = short_schedule()
    monkeypatch.setattr(Schedule, "standard", lambda: schedule)
    arguments = ["eval", "--count", "1", "--ranking", "--protocols", "clean", "--json"]
    assert cli.main(arguments) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["protocol"] == "clean" and 0 <= row["lateral"] <= 1 and row["drift_mm"] > 0
