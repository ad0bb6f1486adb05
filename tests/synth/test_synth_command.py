"""``nbf synth`` from the command line."""

from __future__ import annotations

import json

import imageio.v3 as imageio
import numpy as np
import pytest

from core.cli import main
from core.synth.people import PeopleSampler


def test_sheet(tmp_path, monkeypatch):
    monkeypatch.delenv("NBF_DATA", raising=False)
    sheet = tmp_path / "sheet.png"
    assert main(["synth", "--sheet", str(sheet), "--count", "3", "--size", "64"]) == 0
    assert imageio.imread(sheet).shape == (128, 128, 3)


def test_shards_and_json(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NBF_DATA", raising=False)
    out = tmp_path / "shards"
    assert main(["synth", "--out", str(out), "--count", "2", "--size", "64", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["count"] == 2
    assert facts["data"] is False
    assert facts["made"] == 2
    assert facts["per_second"] > 0
    assert not (out / "shard-00000" / "iuv.npy").exists()
    assert (out / "shard-00000" / "image.npy").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to do"),
        (["--sheet", "x.txt", "--count", "1", "--size", "64"], "not a picture's name"),
        (["--bodies", "x.png", "--count", "1"], "not an npz file's name"),
        (["--sheet", "x.png", "--count", "0"], "--count"),
        (["--sheet", "x.png", "--size", "30"], "--size"),
        (["--sheet", "x.png", "--size", "100000"], "--size"),
        (["--sheet", "x.png", "--seed", "-1"], "--seed -1 makes no sense"),
        (["--sheet", "x.png", "--seed", str(2**64)], "makes no sense"),
        (["--sheet", "x.png", "--data", "/nowhere/at/all"], "does not exist"),
        (["--out", "pyproject.toml", "--sheet", "x.png"], "is not a folder"),
        (["--out", "pyproject.toml/below"], "is not a folder"),
        (["--pictures", "pyproject.toml"], "is not a folder"),
        (["--sheet", "pyproject.toml/x.png"], "is not a folder"),
        (["--bodies", "pyproject.toml/x.npz"], "is not a folder"),
    ],
)
def test_bad_input_is_one_line(arguments, words, capsys, monkeypatch, root):
    monkeypatch.delenv("NBF_DATA", raising=False)
    monkeypatch.chdir(root)
    monkeypatch.setattr(PeopleSampler, "sample", lambda *_: pytest.fail("work was done"))
    assert main(["synth", *arguments]) == 2
    complaint = capsys.readouterr().err
    assert words in complaint
    assert complaint.count("\n") == 1


def test_pictures_are_the_people_of_the_seed(tmp_path, monkeypatch):
    monkeypatch.delenv("NBF_DATA", raising=False)
    folder = tmp_path / "people"
    folder.mkdir()
    for index in range(3):
        (folder / f"person-000{index}.png").touch()
    arguments = ["synth", "--pictures", str(folder), "--count", "2", "--size", "64", "--seed", "5"]
    assert main(arguments) == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["person-0000.png", "person-0001.png"]  # and not those of another run
    expected = PeopleSampler(5, None, "train", 64).sample(1).image
    np.testing.assert_array_equal(imageio.imread(folder / names[1]), expected)


def test_labels_are_written_and_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NBF_DATA", raising=False)
    out, sheet = tmp_path / "shards", tmp_path / "sheet.png"
    arguments = ["--out", str(out), "--sheet", str(sheet), "--count", "1", "--size", "64"]
    assert main(["synth", *arguments, "--labels"]) == 0
    assert "1 people in" in capsys.readouterr().out
    assert np.load(out / "shard-00000" / "kernels.npy").shape == (1, 858)
    assert imageio.imread(sheet).shape == (64, 320, 3)
