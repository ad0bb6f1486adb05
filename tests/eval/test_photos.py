"""Photographs are scored against their annotations, in the engine's crop."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from core.body.params import BodyParams
from core.datasets.crop import crop_person
from core.datasets.registry import open_dataset
from core.eval.photo_scores import LIMB_JOINTS, score_body, score_points
from core.geometry.camera import Camera, project
from tests.datasets.world import make_world
from tests.datasets.writers import write_photos, write_spin
from tests.untrained import short_schedule, untrained_engine


@pytest.fixture
def body():
    root = torch.tensor([[torch.pi, 0, 0]])
    place = torch.tensor([[0.0, 0.2, 5.0]])
    return BodyParams(root, torch.zeros(1, 23, 3), torch.zeros(1, 10), place)


@pytest.fixture
def crop(engine, body, tmp_path):
    """A crop whose points and joints are those of ``body``."""
    write_photos(tmp_path, make_world())
    given = crop_person(open_dataset("photos", tmp_path), 0, engine.size)
    joints = engine.volume.pose(body.rotations(), body.betas, body.transl).joints
    camera = Camera.centered(torch.tensor([given.view.focal]), engine.size)
    ones = torch.ones(24, 1)
    points = torch.cat([project(camera, joints)[0], ones], 1).numpy()
    truth = torch.cat([joints[0], ones], 1).numpy()
    return replace(given, joints2d=points, joints3d=truth)


def test_the_true_body_is_right(engine, body, crop):
    scores = score_body(engine.volume, body, crop)
    assert scores.pck10[0] == scores.pck05[0] == 1
    assert scores.mpjpe[0] < 1e-3 and scores.pa_mpjpe[0] < 1e-3


def test_points_are_near_by_the_size_of_the_box(engine, body, crop):
    moved = crop.joints2d.copy()
    moved[LIMB_JOINTS[0], 0] += 0.07 * engine.size / 1.25
    scores = score_body(engine.volume, body, replace(crop, joints2d=moved))
    assert scores.pck10[0] == 1 and scores.pck05[0] == pytest.approx(11 / 12)


def test_missing_labels_are_not_scored(engine, body, crop):
    hidden = crop.joints2d.copy()
    hidden[:, 2] = 0
    scores = score_body(engine.volume, body, replace(crop, joints2d=hidden, joints3d=None))
    assert all(np.isnan(values[0]) for values in vars(scores).values())


def test_points_are_scored_without_a_body(engine, body, crop):
    points = torch.from_numpy(crop.joints2d[None, :, :2]).clone()
    points[0, list(LIMB_JOINTS[:7])] += 0.2 * crop.view.size
    scores = score_points(points, crop)
    assert scores.pck10[0] == pytest.approx(5 / 12) and scores.under_half[0] == 1
    assert np.isnan(scores.mpjpe[0])


def test_hips_align_where_the_pelvis_is_unknown(engine, body, crop):
    """A shift of the whole body is no error; the pelvis itself is not labelled."""
    truth = crop.joints3d.copy()
    truth[0] = 0
    truth[1:, :3] += [0.5, -0.2, 1.0]
    scores = score_body(engine.volume, body, replace(crop, joints3d=truth))
    assert scores.mpjpe[0] < 1e-3


def test_hidden_points_are_labelled_but_not_seen(engine, body, crop):
    labels = crop.joints2d.copy()
    labels[list(LIMB_JOINTS[:3]), 2] = 0.5
    labels[LIMB_JOINTS[3], 2] = 0
    scores = score_body(engine.volume, body, replace(crop, joints2d=labels))
    assert scores.seen[0] == pytest.approx(8 / 12) and scores.pck10[0] == 1


@pytest.mark.parametrize(("name", "write"), [("photos", write_photos), ("h36m", write_spin)])
def test_the_command_scores_a_data_set(name, write, tmp_path, capsys, monkeypatch):
    from core import cli
    from core.fit.engine import Engine
    from core.fit.schedule import Schedule

    schedule = short_schedule()
    monkeypatch.setattr(Engine, "load", lambda **_: untrained_engine())
    monkeypatch.setattr(Schedule, "standard", lambda: schedule)
    write(tmp_path, make_world())
    assert (
        cli.main(
            [
                "eval",
                "--dataset",
                name,
                "--data",
                str(tmp_path),
                "--json",
                "--sheets",
                str(tmp_path / "sheets"),
            ]
        )
        == 0
    )
    report = json.loads(capsys.readouterr().out)
    masks, rows = report["masks"], report["rows"]
    assert (masks is None) == (name != "photos")
    assert masks is None or sum(belief["share"] for belief in masks["beliefs"]) == pytest.approx(1)
    rows = [row for row in rows if row["people"] == "all"]
    assert [row["method"] for row in rows] == ["keypoints", "init", "start", "nbf"]
    assert all(0 <= row["pck05"] <= row["pck10"] <= 1 for row in rows)
    assert all(0 <= row["under_half"] <= row["n"] for row in rows)
    assert (rows[1]["pa_mpjpe_mm"] is None) == (name == "photos")
    for sheet in ("worst", "middle"):
        picture = cv2.imread(str(tmp_path / "sheets" / f"{sheet}.png"))
        assert picture is not None and picture.std() > 5


def test_photographs_must_be_somewhere(capsys):
    from core import cli

    assert cli.main(["eval", "--dataset", "coco"]) == 2
    assert "--data DIR" in capsys.readouterr().err
