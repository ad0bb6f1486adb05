"""The record type, selections, checks, contact sheets and `nbf data`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import cli
from core.body.names import JOINT_NAMES
from core.datasets import landmarks
from core.datasets.bedlam import open_bedlam
from core.datasets.check import check_dataset, reprojection_error
from core.datasets.contact_sheet import LEFT, RING, draw_points, record_contact_sheet
from core.datasets.crop import crop_person
from core.datasets.landmarks import LANDMARK_NAMES
from core.datasets.record import PhotoDataset
from core.datasets.registry import DATASETS, open_dataset
from core.errors import UserError
from core.io.images import load_image
from tests.datasets import writers
from tests.shapes import unchecked


@pytest.fixture
def scene(tmp_path, world):
    path = writers.write_bedlam(tmp_path, world)
    return open_bedlam(path, path.with_suffix("") / "png", "bedlam", path.stem)


def test_layouts_name_known_points_once():
    layouts = {k: v for k, v in vars(landmarks).items() if k[-1].isdigit()}
    lengths = {k: int(k.rpartition("_")[2]) for k in layouts}
    assert len(layouts) >= 9
    for key, layout in layouts.items():
        assert len(layout) == lengths[key]
        names = [name for name in layout if name]
        assert set(names) <= set(JOINT_NAMES) | set(LANDMARK_NAMES)
        if key not in ("SPIN_49", "HUMAN_DATA_190"):
            assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("layout", "row", "name"),
    [
        # Facts of the formats, each known from its own description.
        (landmarks.LSP_14, 0, "r_ankle"),
        (landmarks.LSP_14, 13, "head_top"),
        (landmarks.SPIN_24, 14, "pelvis_mpii"),
        (landmarks.SPIN_24, 20, "l_eye"),
        (landmarks.BODY_25, 4, "r_wrist"),
        (landmarks.BODY_25, 12, "l_hip"),
        (landmarks.BODY_25, 24, "r_heel"),
        (landmarks.COCO_18, 10, "r_ankle"),
        (landmarks.COCO_18, 17, "l_ear"),
        (landmarks.COCO_17, 9, "l_wrist"),
        (landmarks.COCO_17, 16, "r_ankle"),
        (landmarks.MPI_INF_3DHP_28, 11, "l_wrist"),
        (landmarks.MPI_INF_3DHP_28, 25, "r_ankle"),
        (landmarks.HUMAN_DATA_190, 55, "nose"),
        (landmarks.HUMAN_DATA_190, 144, "r_hip_lsp"),
        (landmarks.HUMAN_DATA_190, 167, "l_ankle"),
        (landmarks.HUMAN_DATA_190, 189, "r_hand"),
    ],
)
def test_layouts(layout, row, name):
    assert layout[row] == name


def test_a_record_is_a_row_of_the_columns(scene):
    record = scene[0]
    assert record.focal == pytest.approx(np.sqrt(150 * 140))
    assert record.landmarks2d is None and record.joints3d is None and record.placed is False
    assert (record.joints2d[:, 2] > 0).all()
    assert [r.number for r in scene] == [0, 5, 10]
    with pytest.raises(IndexError):
        scene[3]


def test_selections_keep_everything_together(scene):
    for chosen in (np.array([2, 0]), np.array([True, False, True])):
        some = scene.select(chosen)
        rows = [2, 0] if chosen.dtype != bool else [0, 2]
        assert [r.number for r in some] == [5 * row for row in rows]
        assert [r.subject for r in some] == ["rp_anna"] * 2
        np.testing.assert_array_equal(some.pose, scene.pose[rows])
    assert [r.number for r in scene.every(10)] == [0, 10]
    assert len(replace(scene, numbers=None).every(10)) == 3
    with pytest.raises(UserError, match="every 0-th"):
        scene.every(0)


def test_columns_that_do_not_fit_are_refused(scene):
    with pytest.raises(UserError, match="2 betas for 3 images"), unchecked():
        replace(scene, betas=scene.betas[:2])
    with pytest.raises(ValueError, match="pose of shape"), unchecked():
        replace(scene, pose=scene.pose[:, :22])


def test_an_empty_data_set_knows_nothing():
    data = PhotoDataset("x", "all", Path(), ["a"], np.ones((1, 4), np.float32))
    known = ("joints2d", "joints3d", "pose", "betas", "transl", "genders")
    assert not any(data.has(name).any() for name in known)
    assert data[0].pose is None and data[0].gender is None


def test_check(scene):
    report = check_dataset(scene)
    assert report.problems == ()
    assert (report.people, report.photos, report.subjects) == (3, 3, 2)
    assert report.known["pose"] == report.known["joints2d"] == 3
    assert report.known["joints3d"] == 0 and report.reprojection is None


def test_check_names_missing_broken_and_foreign_photos(scene):
    scene[0].image.unlink()
    scene[1].image.write_bytes(b"no picture")
    boxes = scene.boxes.copy()
    boxes[2, 0] = 5000
    first, second, third = check_dataset(replace(scene, boxes=boxes)).problems
    assert first.startswith("1 of 3 photos are missing") and scene.images[0] in first
    assert "is not an image" in second
    assert "person 2's box is outside" in third


def test_check_projects_3d_joints(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = open_dataset("3dpw", tmp_path)
    assert reprojection_error(data) < 1e-4
    wrong = data.intrinsics + np.array([0, 0, 20, 0], np.float32)
    report = check_dataset(replace(data, intrinsics=wrong))
    assert report.reprojection > 0.05 and "of other cameras?" in report.problems[0]


def test_sheet_draws_rings_around_dots(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = open_dataset("3dpw", tmp_path)
    crop = crop_person(data, 0, 200)
    picture = draw_points(crop)
    x, y = crop.joints2d[JOINT_NAMES.index("l_wrist"), :2].astype(int)
    assert (picture[y - 2 : y + 3, x - 2 : x + 3] == LEFT).all(-1).any()
    around = picture[y - 6 : y + 7, x - 6 : x + 7].astype(int)
    assert np.abs(around - RING).sum(-1).min() < 60
    assert record_contact_sheet(data, [0, 1, 2], 40, 2).shape == (80, 80, 3)


def test_command(tmp_path, world, capsys):
    folder = tmp_path / "d"
    writers.write_3dpw(folder, world)
    sheet = tmp_path / "sheet.png"
    assert cli.main(["data", "3dpw", str(folder), "--sheet", str(sheet), "--people", "2"]) == 0
    text = capsys.readouterr().out
    assert "3dpw (test): 3 people in 2 photos, 1 sequences, 2 subjects" in text
    assert "100% of the people" in text and "of the box apart" in text
    assert load_image(sheet).size == (4 * 224, 224)
    for photo in folder.rglob("*.jpg"):
        photo.unlink()
    assert cli.main(["data", "3dpw", str(folder), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["people"] == 3 and "2 of 2 photos are missing" in report["problems"][0]
    assert cli.main(["data", "3dpw", str(folder), "--sheet", str(sheet)]) == 2
    assert "nothing to draw" in capsys.readouterr().err


def test_command_lists_data_sets(capsys):
    assert cli.main(["data"]) == 0
    text = capsys.readouterr().out
    assert all(f"{name} " in text for name in DATASETS)
    assert cli.main(["data", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(DATASETS)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["3dpw"], "name the folder"),
        (["3dpw", "nowhere"], "nowhere is not a folder"),
        (["no-such", "."], "no data set 'no-such'"),
        (["3dpw", ".", "--people", "0"], "--people"),
    ],
)
def test_command_refuses(arguments, complaint, capsys):
    assert cli.main(["data", *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_every_data_set_is_described(root):
    page = (root / "docs" / "datasets.md").read_text(encoding="utf-8")
    assert [name for name in DATASETS if f"`{name}`" not in page] == []


def test_spin_and_human_data_find_their_photos(tmp_path, world):
    path = writers.write_spin(tmp_path / "a", world, "my own.npz")
    (tmp_path / "a" / "images").rename(tmp_path / "a" / "kept")
    (tmp_path / "a" / "images").mkdir()
    (tmp_path / "a" / "kept").rename(tmp_path / "a" / "images" / "images")
    assert all(r.image.is_file() for r in open_dataset("spin", tmp_path / "a"))
    writers.write_human_data(tmp_path / "b", world)
    by_file = open_dataset("human-data", tmp_path / "b" / "toy_train.npz")
    assert all(r.image.is_file() for r in by_file) and by_file.split == "toy_train"
    assert path.is_file()
