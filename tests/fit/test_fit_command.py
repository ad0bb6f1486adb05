"""``nbf fit`` with the shipped weights, from photos to files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from core.cli import main
from core.fit.record import FitRecord, Run
from core.fit.recording import branch
from core.io.images import load_image, save_image
from tests.untrained import short_schedule, untrained_engine

FILES = {
    *("params.npz", "fit.nbf", "body.glb", "panels.png", "views.png", "fit.mp4"),
    "report.json",
}
PLUGINS = ",".join(f"tests.plugins.{name}" for name in ("toy_term", "toy_start", "toy_fitter"))


@pytest.mark.slow
def test_one_photo_without_anybody_does_not_stop_the_others(tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    save_image(tmp_path / "noise.png", noise)
    arguments = [str(tmp_path / "noise.png"), "skimage:astronaut", "--out", str(tmp_path / "out")]
    assert main(["fit", *arguments]) == 2
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert complaint.startswith("nbf: ")
    assert "noise.png: no person found" in complaint
    folder = tmp_path / "out" / "astronaut"
    assert not (tmp_path / "out" / "noise").exists()
    report = json.loads((folder / "report.json").read_text())
    drawn = not any("views.png" in warning for warning in report["warnings"])
    assert {path.name for path in folder.iterdir()} == FILES | ({"views.png"} if drawn else set())
    assert report["loss"]["nll"]["best"] < report["loss"]["nll"]["start"]
    assert 0.1 < report["occluded_share"] < 0.7  # the legs are outside the photo


def test_keypoints_for_the_first_photo_alone_stop_before_any_fit(tmp_path, capsys):
    joints = {"category_id": 1, "keypoints": [50, 50, 1] * 17, "score": 1}
    people = [{"image_id": name, **joints} for name in ("astronaut", "somebody")]
    (tmp_path / "kp.json").write_text(json.dumps(people))
    photos = ["skimage:astronaut", "skimage:camera"]
    where = ["--keypoints", str(tmp_path / "kp.json"), "--out", str(tmp_path / "out")]
    assert main(["fit", *photos, *where]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.jpg", "--method", "magic"], "no method 'magic'; there are nbf"),
        (["a.jpg", "--weights", "pior=3"], "no term 'pior'; there are nll"),
        (["a.jpg", "--weights", "prior"], "write NAME=VALUE"),
        (["a.jpg", "--resume", "fit.nbf", "--out", "x"], "begun: leave out photos, --out"),
        (["--resume", "fit.nbf", "--method", "magic", "--bbox", "1,2,30,40"], "--bbox, --method"),
        (["a.jpg", "--seed", str(10**30)], "--seed 1000000000000000000000000000000 makes no sense"),
        (["--resume", "missing.nbf"], "record of a fit missing.nbf is missing"),
        ([], "no photo given"),
    ],
)
def test_wrong_words_get_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fit", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and message in lines[0]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def untrained(monkeypatch):
    """Weights that have learnt nothing, and a short schedule."""
    engine = untrained_engine()
    monkeypatch.setattr("core.fit.engine.Engine.load", lambda *_, **__: engine)
    schedule = short_schedule()
    monkeypatch.setattr("core.fit.schedule.Schedule.standard", lambda: schedule)
    saved = []

    def save_result(folder, *arguments):
        saved.append((folder, *arguments))
        last = arguments[2].trace.records[-1]
        return SimpleNamespace(**vars(REPORT), finite=bool(last.total.isfinite().all()))

    monkeypatch.setattr("core.fit.result.save_result", save_result)
    return saved


REPORT = SimpleNamespace(occluded_share=None, best_step=0, seconds={"fit": 0.0})
CAMERA = ["fit", "skimage:camera", "--bbox", "20,60,300,440", "--out"]


def test_an_interrupted_fit_keeps_its_steps_and_says_how_to_go_on(
    untrained, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "my out" / "camera"
    assert main([*CAMERA, str(folder.parent)]) == 0
    (folder / "report.json").touch()  # of the first fit

    def interrupt(self, record):
        if record.step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("core.fit.recording.Recorder.after", interrupt)
    assert main([*CAMERA, str(folder.parent)]) == 130
    assert f"nbf fit --resume '{folder}/fit.nbf'" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["fit.nbf"]
    assert len(np.load(folder / "fit.nbf")["runs/0/total"]) == 4


def test_resuming_a_finished_and_an_unfinished_fit(untrained, tmp_path, monkeypatch, capsys):
    assert main([*CAMERA, str(tmp_path)]) == 0
    path = tmp_path / "camera" / "fit.nbf"
    whole = np.load(path)["runs/0/vector"]
    monkeypatch.chdir(path.parent)
    assert main(["fit", "--resume", "fit.nbf"]) == 0
    assert "fitting camera" in capsys.readouterr().err
    assert np.array_equal(np.load(path)["runs/0/vector"], whole)
    record = FitRecord.load(path)
    run = record.runs[0]
    for cut in (0, 1, 5):
        record.with_run(Run(run.info, run.trace.upto(cut))).save(path)
        assert main(["fit", "--resume", "fit.nbf", "--backend", "auto"]) == 0
        assert np.array_equal(np.load(path)["runs/0/vector"], whole)
        assert "in the record" not in capsys.readouterr().err
    with_branch = replace(record, runs=(run, branch(record, 0, 2, schedule=no_prior(record))))
    with_branch.save(path)
    assert main(["fit", "--resume", "fit.nbf"]) == 0
    assert "in the record" not in capsys.readouterr().err
    assert [len(r.trace) for r in FitRecord.load(path).runs] == [7, 7]


def no_prior(record):
    return record.runs[0].info.schedule.with_weights(prior=0.0)


def test_a_fit_without_finite_objective_is_said(untrained, tmp_path, capsys):
    assert main([*CAMERA, str(tmp_path), "--weights", "nll=1e308", "anchor=1"]) == 1
    said = capsys.readouterr().err
    assert "the objective is no longer finite; the results are those of the best step" in said
    assert any("no longer finite" in line for line in untrained[0][4].warnings)


def test_results_stay_inside_their_folder(untrained, tmp_path):
    photos = [tmp_path / name for name in ("...png", "a b.png", "a b.jpg", "a b-2.png")]
    for photo in photos:
        save_image(photo, load_image("skimage:camera").pixels)
    out = tmp_path / "out"
    assert main(["fit", *map(str, photos), "--out", str(out)]) == 0
    found = {str(path.relative_to(out)) for path in out.rglob("*.nbf")}
    assert found == {f"{name}/fit.nbf" for name in ("photo", "a b", "a b-2", "a b-2-2")}


@pytest.mark.slow
def test_a_killed_fit_resumes_to_the_same_bits(tmp_path):
    environment = os.environ | {"NBF_PLUGINS": PLUGINS, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "core.cli", "fit"]
    fresh = [*command, "skimage:camera", "--weights", "toy=5", "--out"]
    whole = subprocess.run([*fresh, str(tmp_path / "whole")], env=environment, capture_output=True)
    assert whole.returncode == 0, whole.stderr.decode()
    report = json.loads((tmp_path / "whole" / "camera" / "report.json").read_text())
    assert report["loss"]["toy"]["start"] > 0
    assert list(report["start_nll"]) == ["regressed", "further", "turned"]

    path = tmp_path / "cut" / "camera" / "fit.nbf"
    killed = subprocess.Popen([*fresh, str(tmp_path / "cut")], env=environment)
    while not path.exists():
        assert killed.poll() is None
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert [p.name for p in path.parent.iterdir()] == ["fit.nbf"]
    assert len(np.load(path)["runs/0/total"]) < 121

    resumed = subprocess.run(
        [*command, "--resume", str(path)], env=environment, capture_output=True
    )
    assert resumed.returncode == 0, resumed.stderr.decode()
    first, second = (np.load(p) for p in (tmp_path / "whole" / "camera" / "fit.nbf", path))
    assert first.files == second.files
    assert all(np.array_equal(first[n], second[n]) for n in first.files if n.startswith("runs/"))
    assert {p.name for p in path.parent.iterdir()} == FILES


@pytest.mark.slow
def test_a_fitter_from_outside_is_a_method(tmp_path):
    environment = os.environ | {"NBF_PLUGINS": PLUGINS, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "core.cli", "fit", "skimage:camera", "--method", "brief"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads((tmp_path / "camera" / "report.json").read_text())
    assert report["steps"] == 10 and report["reason"] == "ten steps are enough"
