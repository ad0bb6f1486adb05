"""`nbf train` from its plan to its model, in one tiny run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from core import cli
from core.io.images import load_image, save_image
from core.train.run.checkpoint import LAST
from tests.train.people import write_shard


@pytest.mark.slow
def test_files_of_a_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    write_shard(tmp_path / "people" / "shard-00000", 3)
    save_image(tmp_path / "photos" / "astronaut.png", load_image("skimage:astronaut").pixels)
    monkeypatch.setattr("core.train.run.plan.is_short", lambda settings: False)
    monkeypatch.setattr("core.commands.train._BUDGET", 0.0)
    out, people = tmp_path / "out", tmp_path / "people"
    options = ["--shards", people, "--held-out", people, "--out", out, "--photos"]
    options += [tmp_path / "photos"]
    options += ["--steps", 1, "--batch-size", 2, "--head-images", 0, "--bank-images", 2]
    options += ["--device", "cpu", "--validate-every", 1, "--tensorboard", "--json"]
    assert cli.main(["train", *map(str, options)]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["steps"] == 1
    assert captured.err.startswith("preset frozen: 1 steps of 2 images = 2 crops")
    names = {path.name for path in out.iterdir()}
    assert names >= {"plan.json", "held_out.png", "gallery", "tensorboard", "frozen.safetensors"}
    note = json.loads((out / "plan.json").read_text())
    assert note["options"]["validate_every"] == 1 and note["plan"]["measured"]["crops"] == 2
    assert len((out / "held_out.csv").read_text().splitlines()) == 2  # validated once
    row = next(csv.DictReader((out / "gallery.csv").open()))
    assert float(row["held_out_px"]) > 0 and float(row["photos_px"]) > 0
    assert [path.name for path in (out / "gallery").iterdir()] == ["step-0000001.png"]


def test_others_of_another_size_are_refused_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shard(tmp_path / "people" / "shard-00000", 2)
    write_shard(tmp_path / "large" / "shard-00000", 1, size=320)
    people, out = str(tmp_path / "people"), tmp_path / "out"
    options = ["train", "--shards", people, "--held-out", people, "--out", str(out), "--steps", "1"]
    assert cli.main([*options, "--finish-on", str(tmp_path / "large")]) == 2
    assert "320 px" in capsys.readouterr().err
    assert cli.main([*options, "--finish-on", str(tmp_path / "none")]) == 2
    assert "no shards" in capsys.readouterr().err
    assert not out.exists()


def test_invalid_numbers_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--shards", "a", "--held-out", "b", "--out", str(tmp_path)]
    for option in ("--batch-size", "--validate-every"):
        assert cli.main(["train", *folders, "--steps", "1", option, "0"]) == 2
        assert "must be at least 1" in capsys.readouterr().err
    wrong = {
        "--steps": "-5",
        "--minutes": "nan",
        "--rate": "nan",
        "--occlude": "1.5",
        "--seed": str(2**64),
        "--threads": "-1",
        "--bins": "0",
        "--ranking": "-1.0",
        "--head-images": "-1",
        "--bank-images": "0",
        "--loader-threads": "0",
    }
    for option, value in wrong.items():
        assert cli.main(["train", *folders, option, value]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and f"{option} {value} makes no sense" in said


def test_a_folder_that_holds_a_run_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / LAST).write_bytes(b"weeks of work")
    folders = ["--shards", "a", "--held-out", "b", "--out", str(tmp_path)]
    assert cli.main(["train", *folders, "--steps", "1"]) == 2
    assert "holds a run already: go on with --resume" in capsys.readouterr().err
    assert (tmp_path / LAST).read_bytes() == b"weeks of work"
