"""``nbf fit`` with the shipped weights, from photos to files."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core.cli import main
from core.io.images import save_image

FILES = {"params.npz", "trace.npz", "body.glb", "panels.png", "fit.mp4", "report.json"}


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
    assert {path.name for path in folder.iterdir()} == FILES
    assert not (tmp_path / "out" / "noise").exists()
    report = json.loads((folder / "report.json").read_text())
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
