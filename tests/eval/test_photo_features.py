"""Judged feature maps: painted features get the verdict that they were painted for."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core import cli
from core.body.names import LIMBS
from core.datasets.registry import open_dataset
from core.eval import photo_features
from core.eval.feature_pixels import CLEAR, FeaturePixels, judge_features
from core.eval.methods import fitted_bodies
from core.eval.photo_features import FeatureRow, judge_photos
from core.fit.comparison import compare
from core.fit.engine import Engine
from core.fit.evidence import FeatureMap
from core.fit.schedule import Schedule
from core.fit.state import BodyState
from core.io.images import load_image
from core.nbv.orientation import orientation_weights
from tests.fit.toy_problem import quick_schedule, toy_model, toy_problem, true_body
from tests.untrained import short_schedule, untrained_engine

NAMES = list(LIMBS)
SETTINGS = replace(quick_schedule(), likelihood=Schedule.standard().likelihood)


@pytest.fixture(scope="module")
def model():
    return toy_model()


@pytest.fixture(scope="module")
def painted(model):
    """Paints every reached pixel by its heaviest kernel and that kernel's orientations."""
    problem, body = toy_problem(model, true_body()), true_body()
    found = compare(problem, model, BodyState.of(body), SETTINGS)
    assignment = found.render.assignment
    heaviest = assignment.kernels.gather(1, found.render.weights.argmax(1, keepdim=True))[:, 0]
    weights = orientation_weights(found.posed.limb_directions, 4)[0, model.volume.limb[heaviest]]

    def paint(choose):
        observed = problem.get(FeatureMap)
        features = observed.features.clone()
        entries = [choose(int(k), w) for k, w in zip(heaviest, weights, strict=True)]
        features[0, assignment.pixel] = torch.nn.functional.normalize(torch.stack(entries), dim=-1)
        return replace(
            problem, evidence={**problem.evidence, FeatureMap: replace(observed, features=features)}
        )

    return paint


def judge(problem, model, seen=None):
    everywhere = torch.ones(problem.get(FeatureMap).features.shape[1])
    return judge_features(
        problem, model, true_body(), everywhere if seen is None else seen, SETTINGS
    )


def test_the_right_features_are_right(model, painted):
    pixels = judge(painted(lambda kernel, weight: model.bank.phi[kernel, weight.argmax()]), model)
    assert len(pixels) > 100
    assert pixels.exact.all() and pixels.near.all() and pixels.limb.all()
    clear = pixels.true_bin >= 0
    assert clear.any() and (pixels.told_bin == pixels.true_bin)[clear].all()


def test_the_other_sides_features_mislead_to_the_other_side(model, painted):
    limb = model.volume.limb

    def other_side(kernel, weight):
        name = NAMES[int(limb[kernel])]
        if name == "torso":
            return model.bank.phi[kernel, weight.argmax()]
        twin = NAMES.index({"l": "r", "r": "l"}[name[0]] + name[1:])
        return model.bank.phi[int((limb == twin).nonzero()[0]), 1]

    pixels = judge(painted(other_side), model)
    moved = ~pixels.limb
    assert moved.any() and pixels.twin[moved].all() and (pixels.misled[moved] > 0).all()
    assert not pixels.exact[moved].any() and not pixels.near[moved].any()
    assert pixels.exact[~moved].all()  # the torso


def test_another_limb_is_not_the_other_side(model, painted):
    leg = int((model.volume.limb == NAMES.index("l_lower_leg")).nonzero()[0])
    pixels = judge(painted(lambda *_: model.bank.phi[leg, 0]), model)
    wrong = ~pixels.limb
    assert wrong.any() and (pixels.misled[wrong] > 0).all()
    assert 0 < pixels.twin[wrong].mean() < 0.5  # the right lower leg's alone


def test_background_features_speak_for_the_background(model, painted):
    background = judge(painted(lambda *_: model.bank.background), model)
    right = judge(painted(lambda k, w: model.bank.phi[k, w.argmax()]), model)
    assert (background.background > 0).all() and (right.background < 0).mean() > 0.9


def test_only_seen_pixels_inside_the_photo_count(model, painted):
    problem = painted(lambda kernel, weight: model.bank.phi[kernel, weight.argmax()])
    observed = problem.get(FeatureMap)
    seen = torch.zeros(observed.features.shape[1])
    seen[observed.features.shape[1] // 2 :] = 0.6
    below = judge(problem, model, seen)
    assert len(below) and below.pixel.min() >= observed.features.shape[1] // 2
    cut = replace(observed, inside=1 - seen[None])
    outside = replace(problem, evidence={**problem.evidence, FeatureMap: cut})
    assert len(judge(outside, model, seen)) == 0


def test_a_row_averages_over_people_and_recalls_over_bins():
    def person(pixels, right, told):
        flags = np.arange(pixels) < right
        numbers = np.full(pixels, 0.5)
        true = np.arange(pixels) % 2
        return FeaturePixels(
            *(np.arange(pixels), flags, flags, flags, 3 * numbers * ~flags, ~flags),
            *(numbers, true, np.full(pixels, told)),
        )

    row = FeatureRow.of("all", [person(4, 4, 0), person(8, 2, 0)], 4)
    assert (row.n, row.pixels) == (2, 12)
    assert row.exact.value == row.near.value == row.limb.value == pytest.approx(0.625)
    assert row.misled.value == row.other_side.value == pytest.approx(0.375)
    assert row.background.value == 0
    assert row.orientation == pytest.approx(0.5)  # one bin always, one never


def test_the_reference_is_fitted_without_the_features(photos, engine, monkeypatch):
    weights = []

    def watch(engine, problem, schedule):
        weights.extend(stage.weights["nll"] for stage in schedule.stages)
        return fitted_bodies(engine, problem, schedule)

    monkeypatch.setattr(photo_features, "fitted_bodies", watch)
    judge_photos(engine, open_dataset("photos", photos).select(np.array([0])), short_schedule())
    assert weights and not any(weights)


def test_the_command_prints_shares_and_draws_the_worst(photos, tmp_path, capsys, monkeypatch):
    schedule = short_schedule()
    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    monkeypatch.setattr(Schedule, "standard", lambda: schedule)
    monkeypatch.setattr(photo_features, "SURE", -50.0)
    words = ["eval", "--dataset", "photos", "--data", str(photos), "--features", "--json"]
    assert cli.main([*words, "--count", "2", "--sheets", str(tmp_path / "sheets")]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    shares = ("exact", "near", "limb", "misled", "other_side", "background")
    assert rows[0]["people"] == "all" and rows[0]["pixels"] > 0
    assert all(0 <= rows[0][name] <= 1 for name in shares)
    assert rows[0]["exact"] <= rows[0]["near"]
    assert load_image(str(tmp_path / "sheets" / "features.png")).pixels.std() > 5


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--features", "--dataset", "synth-occ"], "--features is for photographs"),
        (["--features", "--ablation"], "--ablation and --features are two tables"),
        (["--features", "--each", "each.csv"], "--each is for the plain table, not for --features"),
    ],
)
def test_what_makes_no_sense_is_refused(photos, capsys, words, reason):
    assert cli.main(["eval", "--dataset", "photos", "--data", str(photos), *words]) == 2
    said = capsys.readouterr().err
    assert reason in said and said.count("\n") == 1


def test_clear_orientations_are_a_majority():
    assert 0.5 < CLEAR < 1
