"""The ablation changes one thing at a time and pairs people with their standard fit."""

import json
from dataclasses import fields, replace

import numpy as np
import pytest

from core.eval import ablation
from core.eval.ablation import STANDARD, VARIANTS, ablate
from core.eval.synthetic import SEED
from core.fit.schedule import Schedule
from core.synth.people import PeopleSampler
from tests.untrained import short_schedule, untrained_engine


def test_each_variant_changes_the_schedule() -> None:
    standard = Schedule.standard()
    changed = {name: variant(standard) for name, variant in VARIANTS.items()}
    assert changed.pop(STANDARD) == standard
    for name, schedule in changed.items():
        differing = [
            f.name
            for f in fields(Schedule)
            if getattr(schedule, f.name) != getattr(standard, f.name)
        ]
        assert len(differing) == 1, name


def test_rows_are_paired_with_the_standard_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a measure that says how much of each person's weights is left."""
    sampler = PeopleSampler(SEED, None, "test")
    samples = [sampler.sample(index) for index in range(3)]

    def measure(_engine, case, schedule):
        people = np.arange(len(case.samples), dtype=float)
        lost = 10.0 * (schedule.stages[1].weights["prior"] == 0)
        names = ("mpjpe_mm", "pa_mpjpe_mm", "pckh", "drift_mm")
        return dict.fromkeys(names, people + lost)

    monkeypatch.setattr(ablation, "_measure", measure)
    told: list[int] = []
    report = ablate(
        *(None, samples, "three people", sampler.materials.patch, ["clean"], short_schedule(), 2),
        progress=told.append,
        variants=[STANDARD, "no prior"],
    )
    standard, bare = report.rows
    assert (standard.variant, bare.variant, bare.n) == (STANDARD, "no prior", 3)
    assert standard.pa_change_mm.value == 0
    assert bare.pa_change_mm.value == bare.pa_change_mm.low == 10
    assert bare.mpjpe_mm.value == pytest.approx(standard.mpjpe_mm.value + 10)
    assert told[-1] == 6


def test_the_command_prints_rows(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    from core import cli
    from core.fit.engine import Engine

    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    schedule = replace(short_schedule(), starts=("regressed", "turned"))
    monkeypatch.setattr(Schedule, "standard", lambda: schedule)
    arguments = ["eval", "--count", "1", "--ablation", "--protocols", "clean", "--json"]
    assert cli.main([*arguments, "--variants", "no z"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["variant"] for row in rows] == [STANDARD, "no z"]
    assert all(row["drift_mm"] > 0 for row in rows)
