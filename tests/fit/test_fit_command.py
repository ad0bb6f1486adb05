"""``nbf fit`` with the shipped weights, from photos to files."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from core.cli import main
from core.errors import UserError
from core.fit import result
from core.fit.record import FitRecord, Run
from core.fit.recording import branch
from core.geometry.crop import Box
from core.io.folders import finished, unfinished
from core.io.images import load_image, save_image
from core.occlusion.files import save_occluders
from core.occlusion.occluder import drawn
from tests.preloaded import ONE_THREAD, Child, command, run
from tests.untrained import short_schedule, untrained_engine

FILES = {
    *("params.npz", "fit.nbf", "body.glb", "panels.png", "views.png", "fit.mp4"),
    "report.json",
}
PLUGINS = ",".join(f"tests.plugins.{name}" for name in ("toy_term", "toy_start", "toy_fitter"))
VARIABLES = {"NBF_PLUGINS": PLUGINS, **ONE_THREAD}


@pytest.mark.slow
def test_one_photo_without_anybody_does_not_stop_the_others(tmp_path, capsys):
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    save_image(tmp_path / "noise.png", noise)
    arguments = [str(tmp_path / "noise.png"), "skimage:astronaut", "--out", str(tmp_path / "out")]
    assert main(["fit", *arguments]) == 1
    shown = capsys.readouterr()
    said = [line for line in shown.err.splitlines() if line.startswith("nbf: ")]
    assert "noise.png: no person found" in said[0]
    assert said[1:] == [f"nbf: 1 of 2 photos failed: {tmp_path / 'noise.png'}"]
    folder = tmp_path / "out" / "astronaut"
    assert not (tmp_path / "out" / "noise").exists()
    report = json.loads((folder / "report.json").read_text())
    assert {path.name for path in folder.iterdir()} == FILES
    assert report["loss"]["nll"]["best"] < report["loss"]["nll"]["start"]
    joints = report["joints"]  # she is cut off at the hips
    assert joints["head"]["seen"] and joints["l_shoulder"]["seen"]
    for name in ("l_knee", "r_knee", "l_ankle", "r_ankle"):
        assert not joints[name]["seen"] and not joints[name]["inside"]
        assert joints[name]["spread_mm"] > 100
    (warning,) = [line for line in report["warnings"] if line.startswith("unseen: ")]
    assert "both knees, both ankles" in warning
    assert warning in shown.out
    assert 0.1 < report["occluded_share"] < 0.7  # the legs are outside the photo


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
        (["a.jpg", "--at", "1,2", "--bbox", "1,2,30,40"], "--at and --bbox both say who is meant"),
        (["a.jpg", "b.jpg", "--at", "1,2"], "--at is for one photo"),
        (["skimage:camera", "--occluders", "none.json"], "set of occluders none.json is missing"),
        (["skimage:camera", "--at", "200"], "place '200' is not x,y"),
        (["skimage:camera", "--at", "200,512"], "200,512 is outside the photo of 512 x 512"),
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
        (folder / "report.json").write_text(str(len(saved)))
        last = arguments[2].trace.records[-1]
        return Report(arguments[4].image, finite=bool(last.total.isfinite().all()))

    monkeypatch.setattr("core.fit.result.save_result", save_result)
    return saved


@dataclass(frozen=True)
class Report:
    """What the command shows of a `core.io.report.FitReport`."""

    image: str
    finite: bool = True
    occluded_share: float | None = None
    z_iou: float | None = None
    joints: dict = field(default_factory=dict)
    best_step: int = 0
    seconds: dict = field(default_factory=lambda: {"fit": 0.0})


CAMERA = ["fit", "skimage:camera", "--bbox", "20,60,300,440", "--out"]


def test_no_package_of_the_turntable_is_imported_without_it(tmp_path):
    """Together they take two seconds."""
    code = f"""
import sys
from core.cli import main
from core.fit.engine import Engine
from core.fit.schedule import Schedule
from tests.untrained import short_schedule, untrained_engine
engine, schedule = untrained_engine(), short_schedule()
Engine.load, Schedule.standard = lambda *_, **__: engine, lambda: schedule
assert main([*{CAMERA!r}, sys.argv[1]]) == 0
print({{"pyrender", "trimesh", "OpenGL"}} & set(sys.modules))
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert {path.name for path in (tmp_path / "camera").iterdir()} == FILES


def test_an_interrupted_fit_keeps_its_steps_and_says_how_to_go_on(
    untrained, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "my out" / "camera"
    assert main([*CAMERA, str(folder.parent)]) == 0

    def interrupt(self, record):
        if record.step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("core.fit.recording.Recorder.after", interrupt)
        assert main([*CAMERA, str(folder.parent)]) == 130
    hidden = folder.parent / ".camera.unfinished"
    assert f"nbf fit --resume '{hidden}/fit.nbf'" in capsys.readouterr().err
    assert [path.name for path in hidden.iterdir()] == ["fit.nbf"]
    assert len(np.load(hidden / "fit.nbf")["runs/0/total"]) == 4
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(first) == {"fit.nbf", "report.json"}  # the first fit's, whole

    assert main(["fit", "--resume", str(hidden / "fit.nbf")]) == 0
    assert list(folder.parent.iterdir()) == [folder]
    assert (folder / "fit.nbf").read_bytes() == first["fit.nbf"]
    assert (folder / "report.json").read_text() == "2"


def test_occluders_of_a_file_are_in_the_record(untrained, tmp_path):
    occluders = (drawn("ellipse", [(100, 100), (200, 250)]),)
    save_occluders(tmp_path / "set.json", occluders)
    given = ["--occluders", str(tmp_path / "set.json")]
    assert main([*CAMERA, str(tmp_path / "out"), *given]) == 0
    assert (
        FitRecord.load(tmp_path / "out" / "camera" / "fit.nbf").runs[0].info.occluders == occluders
    )
    (_, _, observation, *_) = untrained[0]
    assert observation.occluders == occluders


def test_each_photo_stands_for_itself(untrained, tmp_path, monkeypatch, capsys):
    whole = load_image("skimage:camera")
    for name in ("a.png", "cut.png", "no room.png", "z.png"):
        save_image(tmp_path / name, whole.pixels)
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:5000])
    boxes = lambda *_: [Box(20, 60, 300, 440)]  # noqa: E731
    monkeypatch.setattr("core.fit.engine.Engine.find_people", boxes)
    happened = []

    def read(source):
        happened.append(f"read {Path(source).stem}")
        return load_image(source)

    save_result = result.save_result

    def save(folder, *arguments):
        happened.append(f"write {finished(folder).name}")
        if "no room" in happened[-1]:
            raise UserError(f"cannot write {folder}: No space left on device")
        return save_result(folder, *arguments)

    monkeypatch.setattr("core.io.images.load_image", read)
    monkeypatch.setattr("core.fit.result.save_result", save)
    names = ("a.png", "cut.png", "no room.png", "missing.png", "z.png")
    photos = [str(tmp_path / name) for name in names]
    out = tmp_path / "out"
    assert main(["fit", *photos, "--out", str(out), "--json"]) == 1
    shown = capsys.readouterr()
    errors = {Path(one["image"]).name: one.get("error") for one in json.loads(shown.out)}
    assert list(errors) == list(names)
    assert errors["a.png"] is errors["z.png"] is None
    assert "truncated" in errors["cut.png"] and "does not exist" in errors["missing.png"]
    assert "No space left on device; then go on with: nbf fit --resume" in errors["no room.png"]
    assert shown.err.splitlines()[-1].startswith("nbf: 3 of 5 photos failed: ")
    assert happened == [  # one is decoded at a time
        *("read a", "write a", "read cut", "read no room", "write no room"),
        *("read missing", "read z", "write z"),
    ]
    left = {str(path.relative_to(out)) for path in out.rglob("*.*") if path.is_file()}
    folders = ("a", "z", ".no room.unfinished")
    assert left == {f"{name}/fit.nbf" for name in folders} | {"a/report.json", "z/report.json"}
    assert main(["fit", str(tmp_path / "cut.png"), "--out", str(out)]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("out", ["file", "file/below", "result is a file", "full"])
def test_a_bad_destination_is_known_before_the_fit(untrained, out, tmp_path, monkeypatch, capsys):
    def load(*_arguments):
        raise AssertionError("too late")

    (tmp_path / "file").touch()
    (tmp_path / "camera").touch()
    before = sorted(tmp_path.rglob("*"))
    where = tmp_path if out == "result is a file" else tmp_path / out
    observe = "core.fit.engine.Engine.observe"
    monkeypatch.setattr(observe if where == tmp_path else "core.fit.engine.Engine.load", load)
    if out == "full":

        def fill(*_arguments):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "posix_fallocate", fill, raising=False)
    assert main([*CAMERA, str(where)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "cannot write" in said[0]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_name_that_is_not_text(untrained, tmp_path, capfdbinary):
    name = os.fsdecode(b"ph\xff\n")
    save_image(tmp_path / f"{name}.png", load_image("skimage:camera").pixels)
    arguments = ["--bbox", "20,60,300,440", "--out", str(tmp_path / "out")]
    assert main(["fit", str(tmp_path / f"{name}.png"), *arguments]) == 0
    assert (tmp_path / "out" / name / "fit.nbf").exists()
    said = capfdbinary.readouterr().out
    assert said.count(b"\n") == 1 and b"out/ph\\udcff\\n  best step" in said


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
    assert any("no longer finite" in line for line in untrained[0][5].warnings)


def test_a_doubtful_fit_is_said(untrained, tmp_path, monkeypatch, capsys):
    for said in ("", "it is another's"):
        monkeypatch.setattr("core.fit.misfit.doubt", lambda *_, said=said: said)
        assert main([*CAMERA, str(tmp_path)]) == 0
        assert ("it is another's" in capsys.readouterr().err) == bool(said)
    kept = [arguments[5].warnings for arguments in untrained]
    assert "it is another's" not in kept[0] and "it is another's" in kept[1]


def test_an_animation_is_written_where_it_is_wanted(untrained, tmp_path):
    assert main([*CAMERA, str(tmp_path)]) == 0
    assert main([*CAMERA, str(tmp_path), "--animation"]) == 0
    assert [arguments[-2:] for arguments in untrained] == [(False, False), (False, True)]


def test_results_stay_inside_their_folder(untrained, tmp_path):
    long = f"{'ä' * 120}.png"
    names = ("...png", "..png", ".a.png", "a b.png", "a b.jpg", "a b-2.png", long)
    photos = [tmp_path / name for name in names]
    for photo in photos:
        save_image(photo, load_image("skimage:camera").pixels)
    out = tmp_path / "out"
    assert main(["fit", *map(str, photos), "--out", str(out)]) == 0
    found = {str(path.relative_to(out)) for path in out.rglob("*.nbf")}
    folders = ("photo", "photo-2", "a", "a b", "a b-2", "a b-2-2", "ä" * 100)
    assert found == {f"{name}/fit.nbf" for name in folders}
    assert {path.name for path in tmp_path.iterdir()} == {*names, "out"}


@pytest.mark.slow
def test_a_killed_fit_resumes_to_the_same_bits(tmp_path):
    environment = os.environ | VARIABLES
    fresh = ["fit", "skimage:camera", "--weights", "toy=5", "--out"]
    begin = time.monotonic()
    program = [sys.executable, "-m", "core.cli", *fresh, str(tmp_path / "whole")]
    whole = subprocess.run(program, env=environment, capture_output=True)
    elapsed = time.monotonic() - begin
    assert whole.returncode == 0, whole.stderr.decode()
    report = json.loads((tmp_path / "whole" / "camera" / "report.json").read_text())
    seconds = report["seconds"]
    assert list(seconds) == ["start", "load", "look", "fit", "write"]
    assert elapsed - seconds["start"] < sum(seconds.values()) < elapsed + 0.02  # the clock's tick
    assert report["loss"]["toy"]["start"] > 0
    assert list(report["start_objective"]) == ["placed", "lifted", "regressed", "further", "turned"]

    folder = tmp_path / "cut" / "camera"
    hidden = unfinished(folder)
    resume = ["fit", "--resume", str(hidden / "fit.nbf")]
    for signum, start, when in (
        (signal.SIGKILL, [*fresh, str(tmp_path / "cut")], "fit.nbf"),
        (signal.SIGTERM, resume, "body.glb"),  # while the results are written
    ):
        stopped = Child(command, *start, environment=environment, heard=2)
        while not (hidden / when).exists():
            assert stopped.poll() is None
            time.sleep(0.005)
        stopped.send_signal(signum)
        said = stopped.stderr.read()
        assert stopped.wait(60) == (143 if signum == signal.SIGTERM else -signum)
        assert not folder.exists() and (hidden / "fit.nbf").exists()
        assert len(np.load(hidden / "fit.nbf")["runs/0/total"]) <= 121
    assert said.splitlines()[-2:] == [
        f"nbf: to go on: nbf fit --resume {hidden / 'fit.nbf'}",
        "nbf: terminated",
    ]
    assert [path.name for path in hidden.iterdir()] == ["fit.nbf"]

    (resumed,) = run((command, resume, VARIABLES))
    assert resumed.returncode == 0, resumed.stderr
    both = (tmp_path / "whole" / "camera", folder)
    first, second = (np.load(where / "fit.nbf") for where in both)
    assert first.files == second.files
    assert all(np.array_equal(first[n], second[n]) for n in first.files if n.startswith("runs/"))
    assert {p.name for p in folder.iterdir()} == FILES and not hidden.exists()
    for name in ("params.npz", "body.glb", "panels.png"):
        assert (both[0] / name).read_bytes() == (folder / name).read_bytes()


@pytest.mark.slow
def test_a_fitter_from_outside_is_a_method(tmp_path):
    words = ["fit", "skimage:camera", "--method", "brief", "--out", str(tmp_path)]
    (done,) = run((command, words, VARIABLES))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "camera" / "report.json").read_text())
    assert report["steps"] == 10 and report["reason"] == "ten steps are enough"
