import io
import json

import numpy as np
import pytest
import torch
from rich.console import Console

from core.eval.metrics import JOINTS_14
from core.eval.scores import Scores, score_joints
from core.eval.summary import Estimate
from core.eval.tables import EvalReport, Protocol, Row


def skeletons(people=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(people, 24, 3, generator=generator) * 0.3
    return points + torch.tensor([0.0, 0.0, 4.0])


def score(shift=0.0, people=5, inside=None, occlusion=()):
    truth = skeletons(people)
    predicted = truth.clone()
    predicted[:, 16, 0] += shift
    focal = torch.full((people,), 500.0)
    everything = torch.ones(people, 24, dtype=torch.bool)
    scored = everything if inside is None else inside
    return score_joints(predicted, truth, focal, scored, occlusion=occlusion)


class TestScores:
    def test_only_the_protocols_joints_count(self):
        truth, focal = skeletons(), torch.full((5,), 500.0)
        predicted = truth.clone()
        others = [j for j in range(1, 24) if j not in JOINTS_14]
        predicted[:, others] += 1.0
        inside = torch.ones(5, 24, dtype=torch.bool)
        scores = score_joints(predicted, truth, focal, inside)
        assert scores.mpjpe.max() < 1e-9 and scores.pckh.min() == 1

    def test_one_shifted_joint(self):
        scores = score(0.14)
        assert scores.mpjpe == pytest.approx(np.full(5, 10.0), rel=1e-5)
        assert (scores.pa_mpjpe > 1).all() and (scores.pckh == 1).all()
        assert len(scores) == 5 and np.isnan(scores.z_auroc).all()

    def test_joints_that_are_not_inside_do_not_count(self):
        inside = torch.ones(5, 24, dtype=torch.bool)
        inside[:, 16] = False
        scores = score(5.0, inside=inside)
        assert scores.mpjpe.max() < 1e-9
        assert scores.unseen_mpjpe == pytest.approx(np.full(5, 5000.0))
        assert np.isnan(score(5.0).unseen_mpjpe).all()

    def test_person_without_any_joint_is_missing(self):
        inside = torch.ones(5, 24, dtype=torch.bool)
        inside[3] = False
        scores = score(0.14, inside=inside)
        assert np.isnan(scores.mpjpe).tolist() == [False, False, False, True, False]
        assert Row.of("m", "p", scores).mpjpe_mm.value == pytest.approx(10, rel=1e-5)

    def test_batches_join(self):
        joined = Scores.concatenate([score(0.1), score(0.2)])
        assert len(joined) == 10 and (joined.mpjpe[:5] == score(0.1).mpjpe).all()


def report():
    start, fit = score(0.2), score(0.1, occlusion=[(0.9, 0.5)] * 5)
    clean = Protocol("clean", "5 synthetic people", "256 px crops of the true box")
    patch = Protocol("patch 80", "5 synthetic people", "256 px crops", 80, "random over the body")
    rows = [
        Row.of("start", "clean", start),
        Row.of("fit", "clean", fit, start),
        Row.of("start", "patch 80", start),
        Row.of("fit", "patch 80", start, fit),
    ]
    return EvalReport("Evaluation", [clean, patch], rows, seed=0)


def test_row_against_its_start():
    better, worse = report().rows[1], report().rows[3]
    assert better.pa_change_mm.value < 0 and better.worse_share == Estimate(0.0, 0.0, 0.0)
    assert worse.pa_change_mm.value > 0 and worse.worse_share == Estimate(1.0, 1.0, 1.0)
    assert better.z_auroc.value == pytest.approx(0.9)
    assert report().rows[0].worse_share == Estimate(None, None, None)


def test_report_is_written_as_json(tmp_path):
    report().save(tmp_path / "eval.json")
    written = json.loads((tmp_path / "eval.json").read_text())
    assert written["protocols"][1]["patch"] == 80 and written["seed"] == 0
    row = written["rows"][1]
    assert row["method"] == "fit" and row["protocol"] == "clean" and row["n"] == 5
    assert set(row["mpjpe_mm"]) == {"value", "low", "high"}


def test_printed_table_states_the_protocol():
    console = Console(file=io.StringIO(), width=60)
    report().print(console)
    text = console.file.getvalue()
    flowing = " ".join(text.split())
    for word in ("PA-MPJPE", "start", "fit", "patch 80/224", "14 joints", "1.8 x neck-head", "95%"):
        assert word in flowing
    line = next(line for line in text.splitlines() if "-14." in line)
    assert line.split()[:3] == ["clean", "fit", "5"] and "0.900±0.000" in line
