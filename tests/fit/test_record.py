"""A record of a fit is whole: it opens, resumes and branches with the same bits, or is refused."""

from __future__ import annotations

import json
import random
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.params import BodyParams
from core.errors import UserError
from core.fit.fitter import finish
from core.fit.frames import photo_from_crop
from core.fit.photo_joints import body_joints
from core.fit.record import FitRecord, Run
from core.fit.recording import (
    Recorder,
    branch,
    check_replay,
    engine_of,
    new_record,
    observe_again,
    on_this_machine,
    photo_info,
    replay_notes,
    resume_run,
)
from core.fit.term import TERMS, Term
from core.fit.truth import Truth, true_joints
from core.geometry.crop import Box
from core.geometry.keypoints import Keypoints
from core.io.images import Photo, load_image, save_image
from core.nets.presets import DEFAULT_PRESET
from tests.untrained import short_schedule

BOX = Box(20, 60, 300, 440)


@pytest.fixture(scope="module")
def photo():
    return load_image("skimage:camera")


@pytest.fixture(scope="module")
def fit(engine, photo):
    fit = engine.begin(engine.observe(photo.pixels, BOX), short_schedule())
    finish(fit)
    return fit


@pytest.fixture(scope="module")
def record(engine, photo, fit):
    observation = engine.observe(photo.pixels, BOX)
    return new_record(engine, observation, fit, photo_info(photo, observation, "diagonal"), seed=3)


@pytest.fixture
def path(record, tmp_path):
    record.save(tmp_path / "fit.nbf")
    return tmp_path / "fit.nbf"


def same_traces(one, other):
    pairs = zip(one.records, other.records, strict=True)
    return all(
        torch.equal(a.vector, b.vector)
        and torch.equal(a.moments, b.moments)
        and torch.equal(a.total, b.total)
        and all(torch.equal(a.terms[name], b.terms[name]) for name in a.terms)
        for a, b in pairs
    )


def test_a_record_is_read_back_bit_by_bit(record, path):
    back = FitRecord.load(path)
    assert (back.photo, back.sources, back.seed) == (record.photo, record.sources, 3)
    assert back.environment == record.environment
    assert back.runs[0].info == record.runs[0].info
    assert same_traces(back.runs[0].trace, record.runs[0].trace)
    assert np.array_equal(back.pixels, record.pixels)


@pytest.mark.parametrize("cut", [0, 1, 3, 4, 6, 7])
def test_a_fit_resumes_from_any_step_with_the_same_bits(engine, record, fit, tmp_path, cut):
    run = record.runs[0]
    stopped = record.with_run(Run(run.info, run.trace.upto(cut)))
    stopped.save(tmp_path / "fit.nbf")
    back = FitRecord.load(tmp_path / "fit.nbf")
    again = resume_run(engine, observe_again(engine, back), back.runs[0])
    if cut:
        assert check_replay(back.runs[0].trace.records[-1], again.step()) is None
    assert same_traces(finish(again), fit.trace)


def test_a_recorder_keeps_a_running_fit_on_disk(engine, photo, record, tmp_path, monkeypatch):
    monkeypatch.setattr("core.fit.recording.PERIOD", 0.0)
    monkeypatch.setattr("core.fit.recording.SHARE", float("inf"))
    observation = engine.observe(photo.pixels, BOX)
    fit = engine.begin(observation, short_schedule())
    info = photo_info(photo, observation, "diagonal")
    recorder = Recorder(tmp_path / "fit.nbf", new_record(engine, observation, fit, info), fit)
    recorder.start()
    assert len(FitRecord.load(recorder.path).runs[0].trace) == 0
    recorder.after(fit.step())
    recorder.after(fit.step())
    stopped = FitRecord.load(recorder.path)
    assert len(stopped.runs[0].trace) == 2
    rest = resume_run(engine, observe_again(engine, stopped), stopped.runs[0])
    assert same_traces(finish(rest), record.runs[0].trace)


def test_a_branch_is_a_run_of_its_own(engine, record, fit, tmp_path):
    schedule = record.runs[0].info.schedule.with_weights(prior=0.0)
    run = branch(record, 0, 3, "prior off", schedule)
    branched = resume_run(engine, observe_again(engine, record), run)
    record.with_run(Run(run.info, finish(branched))).save(tmp_path / "fit.nbf")
    back = FitRecord.load(tmp_path / "fit.nbf")
    assert [(r.info.id, r.info.parent, r.info.at_step) for r in back.runs] == [
        (0, None, None),
        (1, 0, 3),
    ]
    one, other = (r.trace.records for r in back.runs)
    assert torch.equal(one[3].vector, other[3].vector)
    assert not torch.equal(one[6].vector, other[6].vector)
    assert back.run(1).info.name == "prior off"
    with pytest.raises(UserError, match="no step 7 to branch from; the run has steps 0 to 6"):
        branch(record, 0, 7)
    with pytest.raises(UserError, match="no run 5; there are 0"):
        record.run(5)


def test_totals_of_a_branch_are_those_of_its_own_schedule(engine, record, fit, tmp_path):
    before = record.runs[0].info.schedule
    toy = Term("toy", 80, lambda at: at.body.betas[:, 0].square(), 1.0, "", "", "")
    with TERMS.added(toy):
        weights = {"nll": 0.5, "anchor": 2.0, "toy": 1.0}
        stage = replace(before.stages[1], steps=6, weights=weights)
        run = branch(record, 0, 4, schedule=replace(before, stages=(stage,)))
        assert {r.stage for r in run.trace.records} == {0}
        assert run.trace.terms == ("nll", "anchor", "toy")
        assert bool(run.trace.records[0].terms["toy"].isnan())
        whole = replace(record, runs=(*record.runs, run))
        whole.save(tmp_path / "begun.nbf")
        opened = FitRecord.load(tmp_path / "begun.nbf").runs[1]
        trace = finish(resume_run(engine, observe_again(engine, record), opened))
        whole.with_run(Run(run.info, trace)).save(tmp_path / "done.nbf")
        assert same_terms(FitRecord.load(tmp_path / "done.nbf").runs[1].trace, trace)
    last = trace.records[-1]
    expected = 0.5 * last.terms["nll"] + 2 * last.terms["anchor"] + last.terms["toy"]
    assert torch.allclose(last.total, expected)
    assert int(trace.best_steps()) >= 4  # the toy term of earlier steps is not known
    short = replace(before, stages=(replace(stage, steps=2, weights={"nll": 1.0}),))
    with pytest.raises(UserError, match="the schedule ends at step 2, before step 4"):
        branch(record, 0, 4, schedule=short)


def same_terms(one, other):
    return all(
        torch.equal(a.terms[name].nan_to_num(-1), b.terms[name].nan_to_num(-1))
        for a, b in zip(one.records, other.records, strict=True)
        for name in {*a.terms, *b.terms}
    )


def test_writing_the_record_takes_a_small_share_of_the_time(record, fit, tmp_path, monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 20.9, 21.1, 21.1, 21.2])
    monkeypatch.setattr("core.fit.recording.time.monotonic", lambda: next(clock))
    recorder = Recorder(tmp_path / "fit.nbf", record, fit)
    recorder.start()  # takes a second
    (tmp_path / "fit.nbf").unlink()
    recorder.after(fit.trace.records[0])
    recorder.after(fit.trace.records[0])
    assert not (tmp_path / "fit.nbf").exists()
    recorder.after(fit.trace.records[0])
    assert (tmp_path / "fit.nbf").exists()


def test_another_renderer_takes_over_where_the_recorded_one_is_missing(engine, record):
    run = record.runs[0]
    schedule = run.info.schedule.with_backend("cuda")
    if torch.cuda.is_available():
        pytest.skip("the renderer of the record is here")
    resumed = resume_run(
        engine, observe_again(engine, record), Run(replace(run.info, schedule=schedule), run.trace)
    )
    assert resumed.schedule.render.backend in ("cpu", "torch")
    with pytest.raises(UserError, match="no GPU"):
        on_this_machine(run, "cuda")
    assert on_this_machine(run, "torch").info.schedule.render.backend == "torch"
    assert record.environment.backend in ("cpu", "torch")  # not "auto": it says what computed


def test_a_photo_from_memory_has_no_path(engine, photo, tmp_path, monkeypatch):
    observation = engine.observe(photo.pixels, BOX)
    array = Photo.of_array(photo.pixels)
    assert photo_info(array, observation, "diagonal").path == ""
    monkeypatch.chdir(tmp_path)
    save_image(tmp_path / "a b.png", photo.pixels)
    assert photo_info(load_image("a b.png"), observation, "diagonal").path == str(
        tmp_path / "a b.png"
    )


def test_keypoints_travel_with_the_record(engine, photo, tmp_path):
    given = Keypoints(torch.rand(1, 24, 2) * 500, torch.ones(1, 24))
    observation = engine.observe(photo.pixels, BOX, given)
    fit = engine.begin(observation, short_schedule())
    info = photo_info(photo, observation, "given")
    new_record(engine, observation, fit, info).save(tmp_path / "a.nbf")
    again = observe_again(engine, FitRecord.load(tmp_path / "a.nbf"))
    assert torch.equal(again.problem.get(Keypoints).xy, observation.problem.get(Keypoints).xy)


def test_the_truth_travels_with_the_record(engine, record, tmp_path):
    assert FitRecord.load(_saved(record, tmp_path)).truth is None
    joints = np.random.default_rng(0).normal(size=(24, 4)).astype(np.float32)
    body = BodyParams(*(torch.randn(1, *s) for s in ((3,), (23, 3), (10,), (3,))))
    for truth in (Truth(joints[:, :3]), Truth(joints3d=joints), Truth(joints[:, :3], joints, body)):
        back = FitRecord.load(_saved(replace(record, truth=truth), tmp_path)).truth
        assert (back.body is None) == (truth.body is None)
        for name, array in truth.arrays().items():
            np.testing.assert_array_equal(back.arrays()[name], array)


def test_a_body_has_true_joints_where_none_are_given(engine, record):
    observation = observe_again(engine, record)
    in_crop = record.runs[0].trace.best(engine.volume)
    body = photo_from_crop(in_crop, observation.view, engine.volume)
    true = true_joints(engine, observation, Truth(body=body))
    np.testing.assert_allclose(true.xy, body_joints(engine, observation, in_crop).xy, atol=1e-2)
    two, three = np.zeros((24, 3), np.float32), np.zeros((24, 4), np.float32)
    two[5], three[7] = (10, 20, 1), (1, 2, 3, 0.5)
    true = true_joints(engine, observation, Truth(two, three, body))
    assert np.flatnonzero(np.isfinite(true.xy[:, 0])).tolist() == [5]
    assert np.flatnonzero(np.isfinite(true.places[:, 0])).tolist() == [7]
    assert true.places[7].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "damage",
    [
        {"truth/joints2d": np.zeros((23, 3), np.float32)},
        {"truth/joints3d": np.full((24, 4), np.inf, np.float32)},
        {"truth/joints3d": np.zeros((24, 4), np.int64)},
        {"truth/betas": np.zeros((1, 10), np.float32)},
        {
            "truth/global_orient": np.zeros((2, 3), np.float32),
            "truth/body_pose": np.zeros((2, 23, 3), np.float32),
            "truth/betas": np.zeros((2, 10), np.float32),
            "truth/transl": np.zeros((2, 3), np.float32),
        },
    ],
)
def test_a_truth_that_cannot_be_is_damage(record, tmp_path, damage):
    path = _saved(record, tmp_path)
    with zipfile.ZipFile(path, "a") as file:
        for name, array in damage.items():
            with file.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array)
    with pytest.raises(UserError, match=r"is damaged: its true"):
        FitRecord.load(path)


def _saved(record, folder):
    record.save(folder / "truth.nbf")
    return folder / "truth.nbf"


def test_a_photo_that_was_left_out_is_looked_for(record, tmp_path):
    bare = replace(record, pixels=None)
    bare.save(tmp_path / "bare.nbf")
    back = FitRecord.load(tmp_path / "bare.nbf")
    assert back.pixels is None and np.array_equal(back.photo_pixels(), record.pixels)
    changed = replace(back, photo=replace(back.photo, source="skimage:astronaut"))
    with pytest.raises(UserError, match="another picture"):
        changed.photo_pixels()


def test_what_differs_is_said(engine, record):
    assert replay_notes(engine, record, record.environment.backend) == []
    threads = record.environment.threads
    elsewhere = replace(
        record,
        sources=replace(record.sources, model_sha256="f" * 64, model="/else/where"),
        environment=replace(record.environment, threads=threads + 3, versions={"torch": "1.0"}),
    )
    notes = replay_notes(engine, elsewhere, record.environment.backend)
    assert any(line.startswith("model_sha256 ffffffffffff then, ") for line in notes)
    assert f"threads {threads + 3} then, {threads} now" in notes
    assert any(line.startswith("torch 1.0 then, ") for line in notes)
    assert not any("else" in line for line in notes)  # where a file lies does not matter


def test_a_record_of_a_network_that_shipped_before_gets_the_one_that_ships_now(record):
    before = replace(record, sources=replace(record.sources, preset="lite", model=""))
    now = engine_of(before)
    assert now.sources.preset == DEFAULT_PRESET
    notes = replay_notes(now, before, record.environment.backend)
    assert f"preset lite then, {DEFAULT_PRESET} now" in notes


def test_a_step_that_evaluates_differently_is_said(record):
    step = record.runs[0].trace.records[2]
    other = replace(step, total=step.total + 1)
    assert check_replay(step, step) is None
    assert "step 2 has a total of" in check_replay(step, other)
    broken = replace(step, total=step.total * torch.nan)
    assert check_replay(broken, broken) is None
    assert "step 2 has a total of" in check_replay(step, broken)


def edited(path, target, change):
    """The record with its JSON changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename == "record.json":
                document = json.loads(content)
                change(document)
                content = json.dumps(document).encode()
            new.writestr(member, content)
    return target


CHANGES = {
    "future": (lambda d: d.update(version=4, written_by="9.9"), "written by nbf 9.9"),
    "foreign": (lambda d: d.update(format="other"), "not a record"),
    "no version": (lambda d: d.update(version="1"), "no version"),
    "unknown field": (lambda d: d.update(more=1), "unknown fields: more"),
    "lost field": (lambda d: d.pop("seed"), None),
    "term": (lambda d: d["runs"][0]["schedule"]["stages"][0]["weights"].update(odd=1), "'odd'"),
    "fewer terms": (lambda d: [s["weights"].pop("nll") for s in stages(d)], "other terms"),
    "fewer steps": (lambda d: [s.update(steps=1) for s in stages(d)], "more steps"),
    "parent": (lambda d: d["runs"][0].update(parent=0, at_step=0), "branches from a step"),
    "no run": (lambda d: d.update(runs=[]), "no run"),
    "size": (lambda d: d["photo"].update(size=[10, 10]), "its photo is"),
    "digest": (lambda d: d["photo"].update(sha256="0" * 64), "not the one it names"),
    "candidates": (lambda d: d["runs"][0].update(candidates=["a"]), "'scores'"),
    "stage": (lambda d: d["runs"][0]["schedule"].update(stages=long_stage(d)), "other stages"),
    "visible": (lambda d: likelihood(d).update(visible=1.0), "between 0 and 1, not 1.0"),
    "seed": (lambda d: d.update(seed=10**400), "its seed"),
    "weight": (lambda d: stages(d)[0]["weights"].update(nll=-1.0), "cannot have the weight"),
    "bookmark": (lambda d: d["runs"][0].update(bookmarks=[{"step": 99}]), "bookmarks"),
    "two bookmarks": (lambda d: d["runs"][0].update(bookmarks=2 * [{"step": 0}]), "bookmarks"),
    "text": (lambda d: d["photo"].update(focal="long"), "focal"),
}


def stages(document):
    return document["runs"][0]["schedule"]["stages"]


def likelihood(document):
    return document["runs"][0]["schedule"]["likelihood"]


def long_stage(document):
    return [stages(document)[0] | {"steps": 100}]


@pytest.mark.parametrize("case", CHANGES)
def test_records_that_do_not_hold_together_are_refused(path, tmp_path, case):
    change, message = CHANGES[case]
    target = edited(path, tmp_path / "edited.nbf", change)
    if message is None:
        assert FitRecord.load(target).seed == 0
        return
    with pytest.raises(UserError, match=r"edited\.nbf") as caught:
        FitRecord.load(target)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_two_hundred_mutants_get_one_line_or_are_whole(record, path, tmp_path):
    whole, generator = path.read_bytes(), random.Random(0)
    target = tmp_path / "mutant.nbf"
    refused = []
    for _ in range(200):
        data = bytearray(whole)
        kind = generator.randrange(3)
        if kind == 0:
            del data[generator.randrange(len(data)) :]
        elif kind == 1:
            for _ in range(generator.randrange(1, 4)):
                data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        else:
            start = generator.randrange(len(data))
            data[start : start + generator.randrange(1, 5000)] = b""
        target.write_bytes(data)
        try:
            back = FitRecord.load(target)
        except UserError as error:
            refused.append(str(error))
        else:  # a bit that no reader looks at, such as a time of writing
            assert same_traces(back.runs[0].trace, record.runs[0].trace)
    assert len(refused) > 150
    assert all("mutant.nbf" in line and "\n" not in line for line in refused)
