"""On photographs, too, the ablation changes one thing and pairs people with their standard fit."""

import json

import numpy as np
import pytest

from core import cli
from core.datasets.registry import open_dataset
from core.eval import photo_ablation
from core.eval.ablation import STANDARD, VARIANTS
from core.eval.photo_ablation import ablate_photos
from core.eval.photo_scores import PhotoScores
from core.fit.engine import Engine
from core.fit.schedule import Schedule
from tests.untrained import short_schedule, untrained_engine


def test_rows_are_paired_with_the_standard_fit(photos, engine, monkeypatch):
    """With scores that say how much of each person's weights is left."""
    dataset = open_dataset("photos", photos)
    looks, fits = [], []

    def look(_engine, _dataset, index):
        looks.append(index)
        return index, type("Seen", (), {"problem": None})

    def fit(_engine, _problem, schedule):
        fits.append(schedule.stages[1].weights["nll"])
        return {"nbf": fits[-1]}

    def score(_volume, weight, index):
        right = 0.5 + 0.01 * index + (0.1 if weight else 0.0)
        columns = {"pck10": right, "pck05": right / 2, "mpjpe": 9.0, "pa_mpjpe": 50 - 20 * right}
        columns |= {"under_half": 0.0, "seen": 1.0 if index else 0.4}
        return PhotoScores(**{name: np.array([value]) for name, value in columns.items()})

    monkeypatch.setattr(photo_ablation, "look_at", look)
    monkeypatch.setattr(photo_ablation, "fitted_bodies", fit)
    monkeypatch.setattr(photo_ablation, "score_body", score)
    told: list[int] = []
    report = ablate_photos(engine, dataset, progress=told.append, variants=["no features"])
    assert looks == list(range(len(dataset)))  # once each
    assert told == list(range(1, 2 * len(dataset) + 1))
    assert [weight > 0 for weight in fits] == [True, False] * len(dataset)
    groups = list(dict.fromkeys(row.people for row in report.rows))
    assert groups == ["all", "all 12 seen", "under 6 seen"]
    for standard, bare in zip(report.rows[::2], report.rows[1::2], strict=True):
        assert (standard.variant, bare.variant) == (STANDARD, "no features")
        assert standard.pck10_change.value == standard.pa_change_mm.value == 0
        assert bare.pck10_change.value == pytest.approx(-0.1)
        assert bare.pck05_change.high == pytest.approx(-0.05)
        assert bare.pa_change_mm.low == pytest.approx(2)
        assert standard.n == (1 if standard.people == "under 6 seen" else bare.n)


def test_the_command_prints_the_chosen_variants(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    schedule = short_schedule()
    monkeypatch.setattr(Schedule, "standard", lambda: schedule)
    words = ["eval", "--dataset", "photos", "--data", str(photos), "--count", "1", "--ablation"]
    assert cli.main([*words, "--variants", "no prior", "--out", str(tmp_path / "a.json")]) == 0
    said = capsys.readouterr().out
    assert "no prior" in said and "no z" not in said and "paired by person" in said
    rows = json.loads((tmp_path / "a.json").read_text())["rows"]
    assert [row["variant"] for row in rows] == [STANDARD, "no prior"]
    assert cli.main([*words, "--variants", "no prior", "--json"]) == 0
    flat = json.loads(capsys.readouterr().out)["rows"]
    assert [row["pck10"] for row in flat] == [row["pck10"]["value"] for row in rows]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--ablation", "--variants", "no eyes"], "no variant 'no eyes'; there are standard, no f"),
        (["--variants", "no prior"], "--variants is for --ablation"),
        (["--ranking"], "--ranking needs true bodies"),
    ],
)
def test_what_makes_no_sense_is_refused(photos, capsys, words, reason):
    assert cli.main(["eval", "--dataset", "photos", "--data", str(photos), *words]) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1


def test_every_variant_has_a_name_of_its_own():
    assert {"no features", "no points", "no 3D points"} < set(VARIANTS)
