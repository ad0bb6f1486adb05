"""``nbf why`` on a record of a short fit."""

import json

import pytest
import torch

from core.cli import main
from core.fit.fitter import finish
from core.fit.pose_perturbation import near
from core.fit.recording import new_record, photo_info
from core.fit.state import BodyState
from core.fit.step_probe import StepProbe
from core.fit.sweep import Parameter
from core.geometry.crop import Box
from core.io.images import load_image
from tests.fit.toy_problem import visited
from tests.untrained import short_schedule, untrained_engine


@pytest.fixture(scope="module")
def fitted():
    engine = untrained_engine()
    photo = load_image("skimage:camera")
    observation = engine.observe(photo.pixels, Box(100, 60, 200, 400))
    fit = engine.begin(observation, short_schedule())
    finish(fit)
    return engine, photo, observation, fit


@pytest.fixture
def record(fitted, tmp_path, monkeypatch):
    """The file of a fit; commands load the engine that made it."""
    engine, photo, observation, fit = fitted
    monkeypatch.setattr("core.fit.engine.Engine.load", lambda *_, **__: engine)
    info = photo_info(photo, observation, "given")
    new_record(engine, observation, fit, info).save(tmp_path / "fit.nbf")
    return tmp_path / "fit.nbf"


def asked(record, capsys, *arguments):
    assert main(["why", str(record), *arguments]) == 0
    return capsys.readouterr().out


def test_all_questions_at_once_as_json(record, fitted, capsys):
    trace = fitted[3].trace
    questions = ["--pixel", "200,240", "--joint", "l_wrist", "--sweep", "l_elbow.z:-20:20"]
    out = asked(record, capsys, *questions, "--count", "5", "--step", "4", "--json")
    answers = json.loads(out)
    assert answers["step"] == 4
    pixel, joint, sweep = (answers[name] for name in ("pixel", "joint", "sweep"))
    assert pixel["ratio"] == pytest.approx(
        pixel["foreground_log"] - pixel["background_log"], abs=1e-3
    )
    assert len(pixel["observed"]) == len(pixel["rendered"]) == 64
    total = joint["pulls"].pop()
    assert total["term"] == "total"
    for axis in range(3):
        parts = [pull["motion"][axis] for pull in joint["pulls"]]
        assert sum(parts) == pytest.approx(total["motion"][axis], abs=1e-6)
    for axis in range(2):
        parts = [pull["arrow"][axis] for pull in joint["pulls"]]
        assert sum(parts) == pytest.approx(total["arrow"][axis], abs=1e-3)
    assert sweep["values"] == [-20, -10, 0, 10, 20] and sweep["here"] == 0
    assert sweep["total"][2] == pytest.approx(trace.losses("total")[4, 0], rel=1e-4)


def test_the_photo_has_a_joint_where_the_fit_has_it(fitted):
    """An arrow is what the projection of a moved joint does in the whole photo."""
    engine, _, observation, fit = fitted
    wrist = StepProbe(visited(fit, 5), observation).joints[20]
    assert wrist.joint == "l_wrist" and wrist.share.limb == "l_lower_arm"
    height, width = observation.photo.shape[:2]

    def place(position):
        x, y, z = position
        return observation.focal * x / z + width / 2, observation.focal * y / z + height / 2

    assert wrist.place == pytest.approx(place(wrist.position), abs=0.05)
    crop = visited(fit, 5)
    joints = engine.volume.joints(crop.body.rotations, crop.body.betas, crop.body.transl)
    turned = observation.view.rotation @ joints[0, 20].double().numpy()
    assert wrist.position == pytest.approx(turned.tolist(), abs=1e-4)
    small = 1e-3
    for pull in wrist.pulls:
        there = [p + small * m for p, m in zip(wrist.position, pull.motion, strict=True)]
        moved = zip(place(there), place(wrist.position), strict=True)
        assert pull.arrow == pytest.approx([(a - b) / small for a, b in moved], rel=0.02, abs=0.02)
    assert max(abs(v) for pull in wrist.pulls for v in pull.arrow) > 0.5


def test_tables_name_what_makes_a_pixel_and_what_pulls_a_joint(record, capsys):
    out = asked(record, capsys, "--pixel", "200,240")
    assert "kernels that make it" in out and "what fits best" in out and "torso" in out
    out = asked(record, capsys, "--pixel", "60,60", "--json")
    assert json.loads(out)["pixel"]["rendered"] is None
    assert "does not reach" in asked(record, capsys, "--pixel", "60,60")
    out = asked(record, capsys, "--joint", "r_ankle")
    assert "r_lower_leg explains" in out and "joint_estimate" in out and "total" in out
    out = asked(record, capsys, "--sweep", "depth", "--count", "5")
    assert "here" in out and "nll" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing asked; give --pixel X,Y, --joint NAME, --sweep PARAMETER or --landscape A B"),
        (["--pixel", "12"], "place '12' is not x,y"),
        (["--pixel", "512,3"], "place 512,3 is outside the photo of 512 x 512"),
        (["--pixel", "500,500"], "pixel 500,500 is outside the person's crop"),
        (["--joint", "nose"], "no joint 'nose'; there are pelvis"),
        (["--joint", "l_wrist", "--step", "9"], "no step 9; the run has steps 0 to 6"),
        (["--joint", "l_wrist", "--run", "3"], "no run 3; there are 0"),
        (["--sweep", "depth:1"], "--sweep 'depth:1': write PARAMETER or PARAMETER:LOW:HIGH"),
        (["--sweep", "depth:2:a"], "--sweep 'depth:2:a': write PARAMETER"),
        (["--sweep", "depth:2:1"], "the range 2 to 1 of depth is empty"),
        (["--sweep", "width"], "no parameter 'width'; there are x, y, depth"),
        (["--sweep", "depth", "--count", "2"], "--count 2 makes no sense"),
    ],
)
def test_a_mistake_is_one_line(record, arguments, said, capsys):
    assert main(["why", str(record), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith(f"nbf: {said}")


def test_a_landscape_agrees_with_its_sweep_and_shows_the_path(record, fitted, capsys):
    trace = fitted[3].trace
    pair = ["--landscape", "l_elbow.z:-20:20", "shape0:-1:1", "--step", "4", "--count", "5"]
    seen = json.loads(asked(record, capsys, *pair, "--json"))["landscape"]
    assert seen["parameters"] == ["l_elbow.z", "shape0"] and seen["values"][0] == [
        -20,
        -10,
        0,
        10,
        20,
    ]
    here = seen["here"]
    assert here[0] == 0
    sweep = ["--sweep", "shape0:-1:1", "--step", "4", "--count", "5", "--json"]
    line = json.loads(asked(record, capsys, *sweep))["sweep"]
    there = [t for v, t in zip(line["values"], line["total"], strict=True) if v != here[1]]
    assert seen["total"][2] == pytest.approx(there, rel=1e-4)
    assert len(seen["path"]) == len(trace)
    assert seen["path"][4] == pytest.approx([4, *here], abs=1e-4)
    words = asked(record, capsys, *pair)
    assert "where the run went" in words and "minima" in words


def test_the_mirror_image_of_a_limb_is_told(record, fitted, capsys):
    sweep = ["--sweep", "l_elbow.depth", "--step", "4", "--count", "9"]
    mirror = json.loads(asked(record, capsys, *sweep, "--json"))["sweep"]["mirror"]
    engine, fit = fitted[0], fitted[3]
    body = BodyState.of(fit.trace.params(4, engine.volume))
    flipped = near(body, engine.volume, "l_lower_arm", "flip")
    if not bool(flipped.exists[0]):
        assert mirror is None
        return
    turned = Parameter("l_elbow.depth").applied(body, engine.volume, torch.tensor([mirror]))
    joints = [
        engine.volume.joints(b.rotations, b.betas, b.transl)[0, 20] for b in (turned, flipped.body)
    ]
    assert torch.allclose(joints[0], joints[1], atol=1e-4)
    assert "mirror image in depth" in asked(record, capsys, *sweep)
