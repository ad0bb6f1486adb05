"""Per-person figures are written and read again, and compared in pairs."""

import json
from dataclasses import fields

import numpy as np
import pytest

from core import cli
from core.errors import UserError
from core.eval.people import changes, load_people, save_people
from core.eval.scores import Scores
from core.eval.synthetic import places
from core.fit.engine import Engine
from core.fit.schedule import Schedule
from core.synth.people import DRAWING_VERSION
from tests.untrained import short_schedule, untrained_engine

CLEAN = ("clean", "nbf")


def save(path, people):
    """Write a table of synthetic people."""
    found = {key[0]: places(len(scores), None, occluded=True) for key, scores in people.items()}
    save_people(path, people, found)


def scores(count, seed, shift=0.0):
    generator = np.random.default_rng(seed)
    values = {field.name: generator.uniform(1, 200, count) for field in fields(Scores)}
    values["mpjpe"] += shift
    values["z_auroc"][0] = np.nan
    return Scores(**values)


def test_figures_survive_the_file(tmp_path):
    people = {("clean", "init"): scores(5, 0), CLEAN: scores(5, 1)}
    save(tmp_path / "each.csv", people)
    again = load_people(tmp_path / "each.csv")
    assert list(again) == list(people)
    for key, value in people.items():
        for name, column in vars(value).items():
            np.testing.assert_allclose(getattr(again[key], name), column, rtol=1e-5)
    text = (tmp_path / "each.csv").read_text()
    assert text.startswith("protocol,method,person,dataset,folder,") and "nan" not in text


def test_differences_are_taken_person_by_person():
    """People differ by hundreds of millimetres, the two methods by three, exactly."""
    before, now = {CLEAN: scores(40, 0)}, {CLEAN: scores(40, 0, shift=3.0)}
    (row,) = changes(now | {("occ80", "nbf"): scores(40, 2)}, before)
    assert (row.protocol, row.method, row.n) == ("clean", "nbf", 40)
    assert row.mpjpe_mm.low == pytest.approx(3) and row.mpjpe_mm.high == pytest.approx(3)
    assert row.pa_mpjpe_mm.value == 0


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(UserError, match="share no protocol"):
        changes({CLEAN: scores(4, 0)}, {("occ80", "nbf"): scores(4, 0)})
    with pytest.raises(UserError, match="4 people cannot be paired with 5"):
        changes({CLEAN: scores(4, 0)}, {CLEAN: scores(5, 0)})


PLACED = f"9000001,{DRAWING_VERSION},1"
"""Seed, drawing and occlusion of the first person."""


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "a,b\n1,2\n",
        lambda text: text.replace("clean,nbf,2,", "clean,nbf,7,"),
        lambda text: text.replace(f",{PLACED},", f",{PLACED},x"),
        lambda text: text.rsplit(",", 3)[0],
    ],
)
def test_other_files_are_named(tmp_path, damage):
    path = tmp_path / "each.csv"
    save(path, {CLEAN: scores(5, 0)})
    path.write_text(damage(path.read_text()))
    with pytest.raises(UserError, match=r"each\.csv is not a readable table of people .*--each"):
        load_people(path)


def test_tables_that_do_not_say_who_their_people_are_are_still_paired(tmp_path):
    """As nbf wrote them before."""
    path = tmp_path / "each.csv"
    save(path, {CLEAN: scores(5, 0)})
    lines = [line.split(",") for line in path.read_text().splitlines()]
    path.write_text("\n".join(",".join(cells[:3] + cells[16:]) for cells in lines))
    (row,) = changes({CLEAN: scores(5, 0, shift=3.0)}, load_people(path))
    assert row.mpjpe_mm.value == pytest.approx(3, abs=1e-3)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nothing\.csv is missing"):
        load_people(tmp_path / "nothing.csv")


def test_the_command_pairs_two_evaluations(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    standard = short_schedule()
    monkeypatch.setattr(Schedule, "standard", lambda: standard)
    plain = ["eval", "--count", "2", "--protocols", "clean", "--json"]
    assert cli.main([*plain, "--each", str(tmp_path / "each.csv")]) == 0
    assert "changes" not in json.loads(capsys.readouterr().out)
    assert cli.main([*plain, "--against", str(tmp_path / "each.csv")]) == 0
    rows = json.loads(capsys.readouterr().out)["changes"]
    assert [row["method"] for row in rows] == ["init", "start", "nbf"]
    assert all(abs(row["mpjpe_mm"]) < 1e-2 for row in rows)  # the file keeps six digits
    plain[2] = "3"
    assert cli.main([*plain, "--against", str(tmp_path / "each.csv")]) == 2
    assert "holds 2 people" in capsys.readouterr().err
    plain[2:5] = ["2", "--protocols", "occ80"]
    assert cli.main([*plain, "--against", str(tmp_path / "each.csv")]) == 2
    assert "holds none of these --protocols" in capsys.readouterr().err
    assert cli.main([*plain, "--ranking", "--each", str(tmp_path / "other.csv")]) == 2
    assert "plain table" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--each"])
def test_a_place_that_cannot_be_written_is_known_before_the_people(
    option, tmp_path, monkeypatch, capsys
):
    def load(*_arguments, **_options):
        raise AssertionError("too late")

    monkeypatch.setattr("core.fit.engine.Engine.load", load)
    (tmp_path / "file").touch()
    for path, why in (("file/x.json", "not a folder"), (".", "it is a folder")):
        assert cli.main(["eval", "--count", "1", option, str(tmp_path / path)]) == 2
        assert why in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
