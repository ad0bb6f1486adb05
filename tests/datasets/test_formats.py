"""Each format's values after conversion, against the world they were written from."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.names import JOINT_NAMES
from core.datasets.bedlam import open_bedlam
from core.datasets.coco import open_photos
from core.datasets.crop import crop_person
from core.datasets.eft import open_eft
from core.datasets.human_data import open_human_data
from core.datasets.landmarks import LANDMARK_NAMES
from core.datasets.mat5 import read_cells
from core.datasets.mpi_inf_3dhp import open_mpi_inf_3dhp
from core.datasets.oh50k import open_3doh50k
from core.datasets.pw3d import open_3dpw, open_3dpw_occ
from core.datasets.spin import open_spin
from core.geometry.rotations import rotation_from_axis_angle
from core.io.keypoints import UNSEEN
from tests.datasets import writers
from tests.datasets.world import PEOPLE, posed_joints, rotations, write_photo

LIMBS = [
    JOINT_NAMES.index(f"{side}_{name}")
    for side in "lr"
    for name in ("shoulder", "elbow", "wrist", "knee", "ankle")
    if f"{side}_{name}" != JOINT_NAMES[writers.HIDDEN]
]
HIPS = [1, 2]
PIXEL, MM = 0.02, 1e-3


def landmark(name):
    return LANDMARK_NAMES.index(name)


def assert_same_pose(pose, truth):
    np.testing.assert_allclose(rotations(pose), rotations(truth), atol=1e-5)


def test_spin(tmp_path, world):
    path = writers.write_spin(tmp_path, world)
    data = open_spin(path, tmp_path, "h36m", "train")
    assert len(data) == PEOPLE
    np.testing.assert_allclose(data.joints2d[:, LIMBS + HIPS, :2], world.pixels[:, LIMBS + HIPS])
    assert (data.joints2d[:, LIMBS + HIPS, 2] == 1).all()
    assert (data.joints2d[:, writers.HIDDEN] == 0).all()
    relative = world.joints - world.joints[:, :1]
    np.testing.assert_allclose(data.joints3d[:, LIMBS, :3], relative[:, LIMBS], atol=1e-6)
    assert (data.joints3d[:, HIPS, 3] == 0).all()  # LSP's hips are not SMPL's in 3D
    hips = data.landmarks3d[:, [landmark("l_hip_lsp"), landmark("r_hip_lsp")]]
    np.testing.assert_allclose(hips[..., :3], relative[:, HIPS], atol=1e-6)
    assert not data.placed
    middle, side = world.boxes[:, :2] + world.boxes[:, 2:] / 2, world.boxes[:, 2:].max(1)
    np.testing.assert_allclose(data.boxes[:, :2] + data.boxes[:, 2:] / 2, middle, atol=1e-4)
    np.testing.assert_allclose(data.boxes[:, 2], side, rtol=1e-5)
    assert data.has("pose").tolist() == data.has("betas").tolist() == [True, False, True]
    record = data[2]
    assert_same_pose(record.pose, world.pose[2])
    np.testing.assert_allclose(record.betas, world.betas[2], rtol=1e-6)
    assert (record.gender, record.subject, record.number) == ("neutral", "S7", 3)
    assert record.sequence == "images/S7_Walking_1.5413"
    assert data[1].pose is None and data[1].gender == "female"


def test_spin_prefers_annotations_to_detections(tmp_path, world):
    arrays = writers.spin_arrays(world, ["a_1.jpg", "a_2.jpg", "b_1.jpg"])
    detected = np.zeros((PEOPLE, 25, 3))
    detected[:, 10] = (3, 4, 0.5)  # right knee, which nobody annotated
    detected[:, 11] = (5, 6, 0.5)  # right ankle
    np.savez(tmp_path / "x.npz", **arrays | {"openpose": detected})
    data = open_spin(tmp_path / "x.npz", tmp_path, "spin", "x")
    np.testing.assert_allclose(data.joints2d[:, 5], [(3, 4, 0.5)] * PEOPLE)
    np.testing.assert_allclose(data.joints2d[:, 8, :2], world.pixels[:, 8], rtol=1e-6)


def test_confidences_end_at_one(tmp_path, world):
    arrays = writers.spin_arrays(world, ["a_1.jpg", "a_2.jpg", "b_1.jpg"])
    arrays["part"][..., 2] *= 3
    np.savez(tmp_path / "x.npz", **arrays)
    data = open_spin(tmp_path / "x.npz", tmp_path, "spin", "x")
    assert data.joints2d[..., 2].max() == 1


def test_49_points_in_one_array_are_the_same(tmp_path, world):
    arrays = writers.spin_arrays(world, ["a_1.jpg", "a_2.jpg", "b_1.jpg"])
    apart = np.concatenate([arrays.pop("openpose"), arrays["part"]], 1)
    np.savez(tmp_path / "apart.npz", **arrays)
    del arrays["part"]
    np.savez(tmp_path / "one.npz", **arrays, keypoints=apart)
    first, second = (
        open_spin(tmp_path / f"{stem}.npz", tmp_path, "spin", stem) for stem in ("apart", "one")
    )
    np.testing.assert_array_equal(first.joints2d, second.joints2d)
    np.testing.assert_array_equal(first.landmarks2d, second.landmarks2d)


def test_eft(tmp_path, world):
    path = writers.write_eft(tmp_path, world)
    data = open_eft(path, tmp_path, "coco-eft", "train", "train2014")
    assert data.frame == "crop"
    np.testing.assert_allclose(data.joints2d[:, LIMBS, :2], world.pixels[:, LIMBS], rtol=1e-5)
    for person, record in enumerate(data):
        assert_same_pose(record.pose, world.pose[person])
        assert record.image.is_file()
        # EFT: across the square of 200 * scale pixels, -1..1, x = s X + t
        center, scale = (a[person] for a in writers.center_and_scale(world))
        point = np.array([0.3, -0.5])
        expected = center + 100 * scale * (0.8 * point + [0.1, -0.2])
        metre, x, y = record.weak_camera
        np.testing.assert_allclose(
            record.box.center + metre * (point + np.array([x, y])), expected, rtol=1e-5
        )


def test_eft_without_points_takes_them_from_coco(tmp_path, world):
    path = writers.write_eft(tmp_path, world, points=False)
    names = [f"COCO_train2014_{i:012d}.jpg" for i in range(PEOPLE)]
    annotations = tmp_path / "annotations" / "person_keypoints_train2014.json"
    data = open_eft(path, tmp_path, "coco-eft", "train", "train2014", annotations)
    assert data.joints2d is None and annotations.name in data.notes[0]
    annotations.parent.mkdir()
    annotations.write_text(json.dumps(writers.coco_document(world, names)))
    data = open_eft(path, tmp_path, "coco-eft", "train", "train2014", annotations)
    np.testing.assert_allclose(data.joints2d[:, LIMBS, :2], world.pixels[:, LIMBS], rtol=1e-5)
    assert data.joints2d[0, JOINT_NAMES.index("l_wrist"), 2] == UNSEEN


def test_eft_fits_of_smplx_have_no_smpl_shape(tmp_path, world):
    path = writers.write_eft(tmp_path, world)
    document = json.loads(path.read_text())
    document["data"][1]["smpltype"] = "smplx"
    path.write_text(json.dumps(document))
    data = open_eft(path, tmp_path, "coco-eft", "train")
    assert data.has("betas").tolist() == [True, False, True]
    assert data.has("pose").all()


def test_human_data(tmp_path, world):
    path = writers.write_human_data(tmp_path, world)
    data = open_human_data(path, tmp_path, "human-data", "toy")
    known = [j for j in range(24) if j != writers.HIDDEN]
    np.testing.assert_allclose(data.joints2d[:, known, :2], world.pixels[:, known], rtol=1e-5)
    np.testing.assert_allclose(data.joints3d[:, known, :3], world.joints[:, known], atol=1e-6)
    assert (data.joints2d[:, writers.HIDDEN] == 0).all()
    assert data.placed and data.frame == "camera"
    np.testing.assert_allclose(data.boxes, world.boxes, rtol=1e-4)
    np.testing.assert_allclose(data.intrinsics, [world.lens] * PEOPLE)
    np.testing.assert_allclose(data.transl, world.transl, rtol=1e-6)
    for person, record in enumerate(data):
        assert_same_pose(record.pose, world.pose[person])
        np.testing.assert_allclose(record.betas, world.betas[person], rtol=1e-6)
    assert [record.gender for record in data] == ["male", "female", "neutral"]


def test_human_data_of_smplx_and_of_eft(tmp_path, world):
    arrays = writers.human_data(world, ["0.jpg", "1.jpg", "2.jpg"])
    body = arrays.pop("smpl")
    smplx = {"global_orient": body["global_orient"], "body_pose": body["body_pose"][:, :21]}
    np.savez(tmp_path / "x.npz", **arrays | {"smplx": smplx, "config": "eft"})
    data = open_human_data(tmp_path / "x.npz", tmp_path, "human-data", "x")
    assert_same_pose(data.pose[:, :22], world.pose[:, :22])
    assert (data.pose[:, 22:] == 0).all()
    assert data.betas is None and data.transl is None
    assert data.frame == "crop"


def test_human_data_relative_to_the_root_is_not_placed(tmp_path, world):
    arrays = writers.human_data(world, ["0.jpg", "1.jpg", "2.jpg"])
    arrays["keypoints3d"][..., :3] -= world.joints[:, None, 0]
    np.savez(tmp_path / "x.npz", **arrays)
    assert not open_human_data(tmp_path / "x.npz", tmp_path, "human-data", "x").placed


def test_3dpw(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = open_3dpw(tmp_path, "test")
    truth = [0, 1, 2]  # person 0 in two frames; the other one has a camera in frame 1 only
    assert [record.number for record in data] == [0, 1, 1]
    np.testing.assert_allclose(data.joints3d[..., :3], world.joints[truth], atol=1e-5)
    np.testing.assert_allclose(data.joints2d[..., :2], world.pixels[truth], atol=PIXEL)
    assert [record.gender for record in data] == ["male", "male", "female"]
    assert len(set(data.subjects)) == 2 and set(data.sequences) == {"outdoors_golf_00"}
    assert all(record.image.is_file() for record in data)
    for record, person in zip(data, truth, strict=True):
        assert_same_pose(record.pose, world.pose[person])
    # The camera's pose, the shape and the pelvis give back the very joints.
    record = data[2]
    transl = record.joints3d[0, :3] - world.rest_pelvis[2]
    np.testing.assert_allclose(record.betas, world.betas[2], rtol=1e-6)
    np.testing.assert_allclose(
        posed_joints(world, record.pose, 2, transl), world.joints[2], atol=MM
    )


def test_3dpw_boxes_are_of_detections_if_there_are_enough(tmp_path, world):
    path = writers.write_3dpw(tmp_path, world)
    content = writers.sequence(world, path.stem)
    points = content["poses2d"][0]  # frames, 3, 18
    low, high = (f(points[0][:2, points[0][2] > 0], 1) for f in (np.min, np.max))
    points[1][2, 5:] = 0  # frame 1: five are left
    path.write_bytes(writers.pickle.dumps(content, protocol=2))
    data = open_3dpw(tmp_path, "test")
    np.testing.assert_allclose(data.boxes[0], [*low, *(high - low)], rtol=1e-5)
    np.testing.assert_allclose(data.boxes[1], world.boxes[1], atol=PIXEL)


def test_3dpw_names_of_python_2_are_read(tmp_path, world):
    path = writers.write_3dpw(tmp_path, world)
    content = writers.sequence(world, path.stem)
    content |= {"sequence": np.bytes_(path.stem.encode()), "genders": [b"f", np.bytes_(b"m")]}
    path.write_bytes(writers.pickle.dumps(content, protocol=2))
    data = open_3dpw(tmp_path, "test")
    assert data[0].sequence == path.stem and data[0].image.is_file()
    assert [record.gender for record in data] == ["female", "female", "male"]


def test_3dpw_joints_behind_the_camera_have_no_pixels(tmp_path, world):
    path = writers.write_3dpw(tmp_path, world)
    content = writers.sequence(world, path.stem)
    behind = world.joints[0].copy()
    behind[7, 2] = -1.0
    turn, move = world.camera_from_world[:3, :3], world.camera_from_world[:3, 3]
    content["jointPositions"][0][0] = ((behind - move) @ turn).ravel()
    path.write_bytes(writers.pickle.dumps(content, protocol=2))
    record = open_3dpw(tmp_path, "test")[0]
    assert (record.joints2d[7] == 0).all() and record.joints2d[:, 2].sum() == 23
    assert record.joints3d[7, 3] == 1


def test_3dpw_occ_takes_its_scenes_from_all_splits(tmp_path, world):
    writers.write_3dpw(tmp_path, world, "outdoors_golf_00", "test")
    writers.write_3dpw(tmp_path, world, "courtyard_box_00", "train")
    writers.write_3dpw(tmp_path, world, "downtown_bus_00", "validation")
    data = open_3dpw_occ(tmp_path)
    assert set(data.sequences) == {"outdoors_golf_00", "courtyard_box_00"}


def test_every_thirtieth_frame(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = open_3dpw(tmp_path, "test").every(30)
    assert [record.number for record in data] == [0]


@pytest.mark.parametrize("joints_in_world", [True, False])
def test_3doh50k(tmp_path, world, joints_in_world):
    writers.write_3doh50k(tmp_path, world, joints_in_world)
    data = open_3doh50k(tmp_path, "test")
    np.testing.assert_allclose(data.joints3d[..., :3], world.joints, atol=1e-5)
    np.testing.assert_allclose(data.joints2d[..., :2], world.pixels, rtol=1e-5)
    np.testing.assert_allclose(data.boxes, world.boxes, rtol=1e-5)
    assert_same_pose(data.pose, world.pose)
    assert data.placed and all(record.image.is_file() for record in data)


@pytest.mark.parametrize("factor", [1.1, -1.0])
def test_3doh50k_joints_that_fit_no_camera_are_dropped(tmp_path, world, factor):
    path = writers.write_3doh50k(tmp_path, world, False)
    document = json.loads(path.read_text())
    # away from their pixels, or behind the camera
    document["00001"]["smpl_joints_3d"] = (
        world.joints[1] * [factor, factor, min(factor, 1)]
    ).tolist()
    path.write_text(json.dumps(document))
    data = open_3doh50k(tmp_path, "test")
    assert data.has("joints3d").tolist() == [True, False, True]
    assert data.notes and "1 people without 3D" in data.notes[0]


@pytest.mark.parametrize("compressed", [True, False])
def test_matlab_cells(tmp_path, compressed):
    cells = np.empty((2, 2), object)
    tables = [np.arange(6.0).reshape(2, 3), np.array([[7]], np.int16), np.ones((1, 2, 2)), "text"]
    for place, table in zip([(0, 0), (1, 0), (0, 1), (1, 1)], tables, strict=True):
        cells[place] = table
    path = tmp_path / "x.mat"
    content = {"ab": cells, "other": cells, "number": np.eye(2)}
    writers.scipy.io.savemat(path, content, do_compression=compressed)
    found = read_cells(path.read_bytes(), ("ab", "number"))
    assert set(found) == {"ab"}  # a plain table is no cell array
    first, second, third, fourth = found["ab"]  # column by column
    np.testing.assert_array_equal(first, tables[0])
    assert second.tolist() == [[7]]
    assert third is None and fourth is None


@pytest.mark.parametrize("compressed", [True, False])
def test_mpi_inf_3dhp(tmp_path, world, compressed):
    writers.write_3dhp(tmp_path, world, compressed=compressed)
    data = open_mpi_inf_3dhp(tmp_path)
    assert len(data) == 8 * 3  # cameras, frames 1, 11, 21
    np.testing.assert_allclose(data.joints3d[:3, LIMBS, :3], world.joints[:, LIMBS], atol=1e-5)
    np.testing.assert_allclose(data.joints2d[:3, LIMBS, :2], world.pixels[:, LIMBS], rtol=1e-5)
    np.testing.assert_allclose(data.intrinsics[0], world.lens)
    assert data.intrinsics[-1, 0] == world.lens[0] + 8  # camera 8's
    assert [record.image.is_file() for record in data][:4] == [True, True, True, False]
    assert data[4].image.as_posix().endswith("S1/Seq1/imageFrames/video_1/frame_000011.jpg")
    assert data[4].subject == "S1" and data.placed
    shown = world.pixels[:, [0, *HIPS, *LIMBS]]
    low, size = shown.min(1), np.ptp(shown, axis=1)
    np.testing.assert_allclose(data.boxes[:3], np.concatenate([low, size], 1), rtol=1e-5)


@pytest.mark.parametrize("x", [-4.0, 2049.0])
def test_mpi_inf_3dhp_points_outside_the_photo_are_not_seen(tmp_path, world, x):
    path = writers.write_3dhp(tmp_path, world)
    cells = writers.scipy.io.loadmat(path)
    cells["annot2"][0, 0][0, 2 * 20] = x  # of the left ankle in frame 1
    writers.scipy.io.savemat(path, {k: cells[k] for k in ("annot2", "annot3")})
    data = open_mpi_inf_3dhp(tmp_path)
    assert data.joints2d[0, JOINT_NAMES.index("l_ankle"), 2] == 0
    assert data.joints3d[0, JOINT_NAMES.index("l_ankle"), 3] == 1


def test_bedlam(tmp_path, world):
    path = writers.write_bedlam(tmp_path, world)
    data = open_bedlam(path, tmp_path, "bedlam", path.stem)
    np.testing.assert_allclose(data.joints2d[..., :2], world.pixels, rtol=1e-5)
    np.testing.assert_allclose(data.transl, world.transl, atol=1e-6)
    np.testing.assert_allclose(data.intrinsics, [world.lens] * PEOPLE)
    for person, record in enumerate(data):
        joints = posed_joints(world, record.pose, person, record.transl)
        np.testing.assert_allclose(joints, world.joints[person], atol=MM)
    assert data[1].subject == "rp_bob" and data[1].gender == "neutral"
    assert not data.notes


def test_bedlam_cameras_of_zeros_are_not_known(tmp_path, world):
    arrays = writers.bedlam_arrays(world, ["0.jpg", "1.jpg", "2.jpg"])
    arrays["cam_int"][1] = 0
    np.savez(tmp_path / "x.npz", **arrays)
    data = open_bedlam(tmp_path / "x.npz", tmp_path, "bedlam", "x")
    assert data.has("intrinsics").tolist() == [True, False, True]


def test_bedlam_of_smplx(tmp_path, world):
    path = writers.write_bedlam(tmp_path, world, smplx=True)
    data = open_bedlam(path, tmp_path, "agora", path.stem)
    assert_same_pose(data.pose[:, :22], world.pose[:, :22])
    assert (data.pose[:, 22:] == 0).all()
    assert data.betas is None and data.transl is None
    assert (data.joints2d[:, 22:, 2] == 0).all()  # SMPL-X has other things there
    assert "SMPL-X" in data.notes[0]


def test_bedlam_scenes_that_are_stored_rotated_become_upright(tmp_path, world):
    path = writers.write_bedlam(tmp_path, world)
    root = path.with_suffix("") / "png"
    arrays = dict(np.load(path))
    arrays["cam_int"][:, [0, 1], 2] = (60, 80)  # the middle of an upright photo
    np.savez(path, **arrays)
    data = open_bedlam(path, root, "bedlam", path.stem)
    photo = data.photo(0)
    assert photo.size == (120, 160)
    assert photo.pixels[5, 110].mean() > 150 > photo.pixels[5, 5].mean()  # clockwise
    assert photo.pixels.flags.c_contiguous
    data[0].image.unlink()
    assert open_bedlam(path, root, "bedlam", path.stem).quarter_turns == 1
    write_photo(data[0].image, 120, 160)  # rotated by their owner
    assert open_bedlam(path, root, "bedlam", path.stem).quarter_turns == 0


def test_photos(tmp_path, world):
    writers.write_photos(tmp_path, world)
    data = open_photos(tmp_path)
    np.testing.assert_allclose(data.joints2d[:, LIMBS + HIPS, :2], world.pixels[:, LIMBS + HIPS])
    assert data.joints2d[0, JOINT_NAMES.index("l_wrist"), 2] == UNSEEN
    np.testing.assert_allclose(data.boxes, world.boxes, rtol=1e-6)
    assert data.photo(1).size == (160, 120)
    corners = writers.rectangle(*world.boxes[1].tolist())
    np.testing.assert_allclose(data[1].outline, [np.reshape(corners, (4, 2))], rtol=1e-6)
    assert data[1].focal is None and data[1].pose is None and data[1].joints3d is None


def test_outlines_may_be_missing_or_packed(tmp_path, world):
    path = writers.write_photos(tmp_path, world)
    document = json.loads(path.read_text())
    document["annotations"][0]["segmentation"] = {"counts": "abc", "size": [1, 1]}
    document["annotations"][1]["segmentation"] = [[1, 2, 3, 4]]  # no area
    path.write_text(json.dumps(document))
    assert [record.outline is None for record in open_photos(tmp_path)][:2] == [True, True]


def test_photos_of_results_in_sub_folders(tmp_path, world):
    for number in range(PEOPLE):
        writers.write_photo(tmp_path / "day" / f"holiday_{number:06d}.png")
    document = writers.coco_document(world, [""] * PEOPLE)
    results = [
        {"image_id": i or "holiday_000000", "keypoints": a["keypoints"], "score": 0.9}
        for i, a in enumerate(document["annotations"])
    ]
    results.append({"image_id": 1, "keypoints": [1, 1, 1] * 2 + [0] * 45, "score": 0.3})
    (tmp_path / "results.json").write_text(json.dumps(results))
    data = open_photos(tmp_path)
    assert [record.image.name for record in data] == [f"holiday_{i:06d}.png" for i in range(3)]
    assert "1 people left out" in data.notes[0]
    # without a box: that of the points, and a margin
    x, y, width, height = data.boxes[0].tolist()
    seen = data.joints2d[0][data.joints2d[0, :, 2] > 0]
    assert x < seen[:, 0].min() and y < seen[:, 1].min()
    assert x + width > seen[:, 0].max() and y + height > seen[:, 1].max()
    assert data.joints2d[0, JOINT_NAMES.index("l_wrist"), 2] == 1  # scores, no flags


@pytest.mark.parametrize("size", [64, 96])
def test_crop_camera_sees_the_same_people(tmp_path, world, size):
    path = writers.write_bedlam(tmp_path, world)
    data = open_bedlam(path, path.with_suffix("") / "png", "bedlam", path.stem)
    for person in range(PEOPLE):
        crop = crop_person(data, person, size)
        joints = posed_joints(world, crop.pose, person, crop.transl(world.rest_pelvis[person]))
        pixels = joints[:, :2] / joints[:, 2:] * crop.view.focal + size / 2
        np.testing.assert_allclose(crop.joints2d[:, :2], pixels, atol=PIXEL)
        np.testing.assert_allclose(joints @ crop.view.rotation.T, world.joints[person], atol=MM)
        inner = crop.joints2d[:, :2]
        assert (inner > 0).all() and (inner < size).all()
        assert not np.allclose(crop.view.rotation, np.eye(3))


def test_crop_places_bodies_by_their_pelvis_too(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = open_3dpw(tmp_path, "test")
    crop = crop_person(data, 1, 64)
    joints = posed_joints(world, crop.pose, 1, crop.transl(world.rest_pelvis[1]))
    np.testing.assert_allclose(joints, crop.joints3d[:, :3], atol=MM)
    pixels = joints[:, :2] / joints[:, 2:] * crop.view.focal + 32
    np.testing.assert_allclose(crop.joints2d[:, :2], pixels, atol=PIXEL)


def test_crop_of_a_fit_to_a_crop_is_not_rotated(tmp_path, world):
    path = writers.write_eft(tmp_path, world)
    data = open_eft(path, tmp_path, "coco-eft", "train", "train2014")
    size, person = 64, 1
    crop = crop_person(data, person, size)
    assert_same_pose(crop.pose, world.pose[person])
    # A point at the depth of the body's origin is where the weak camera projects it.
    place = crop.transl(world.rest_pelvis[person])
    point = np.array([0.3, -0.5, 0.0]) + place
    pixel = point[:2] / point[2] * crop.view.focal + size / 2
    expected = size / 2 * (1 + 1.2 / 1.25 * (0.8 * np.array([0.3, -0.5]) + [0.1, -0.2]))
    np.testing.assert_allclose(pixel, expected, rtol=1e-5)


def test_relative_joints_give_no_translation(tmp_path, world):
    path = writers.write_spin(tmp_path, world)
    crop = crop_person(open_spin(path, tmp_path, "h36m", "train"), 0, 64)
    assert crop.transl(world.rest_pelvis[0]) is None
    turned = crop.joints3d[LIMBS, :3] @ crop.view.rotation.T
    np.testing.assert_allclose(turned, (world.joints[0] - world.joints[0, 0])[LIMBS], atol=1e-5)


def test_joints_that_are_not_placed_give_no_translation(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = replace(open_3dpw(tmp_path, "test"), placed=False)
    assert crop_person(data, 0, 64).transl(world.rest_pelvis[0]) is None


def test_crop_leaves_its_padding_around_the_box(tmp_path, world):
    writers.write_3dpw(tmp_path, world)
    data = open_3dpw(tmp_path, "test")
    box = data[2].box
    assert box.height > box.width
    homography = crop_person(data, 2, 100).view.homography
    ends = np.array([[box.center[0], y, 1] for y in (box.y, box.y + box.height)]) @ homography.T
    height = np.ptp(ends[:, 1] / ends[:, 2])
    np.testing.assert_allclose(height, 100 / 1.25, rtol=0.02)


def test_unknown_points_stay_zero_in_the_crop(tmp_path, world):
    path = writers.write_spin(tmp_path, world)
    crop = crop_person(open_spin(path, tmp_path, "h36m", "train"), 0, 64)
    assert (crop.joints2d[writers.HIDDEN] == 0).all()


def test_photos_leave_crowds_out(tmp_path, world):
    path = writers.write_photos(tmp_path, world)
    document = json.loads(path.read_text())
    document["annotations"][0]["iscrowd"] = 1
    path.write_text(json.dumps(document))
    assert len(open_photos(tmp_path)) == PEOPLE - 1


def test_human_data_marks_who_has_a_body_and_where(tmp_path, world):
    arrays = writers.human_data(world, ["0.jpg", "1.jpg", "2.jpg"])
    arrays["smpl"]["transl"] = world.transl * [[1, 1, 1], [1, 1, -1], [1, 1, 1]]
    np.savez(tmp_path / "x.npz", **arrays, has_smpl=np.array([1, 1, 0]))
    data = open_human_data(tmp_path / "x.npz", tmp_path, "human-data", "x")
    assert data.has("pose").tolist() == data.has("betas").tolist() == [True, True, False]
    assert data.has("transl").tolist() == [True, False, False]  # the second is behind the camera


def true_body(crop, body):
    """The body of a crop's pose and shape, at the origin if its translation is unknown."""
    betas = torch.from_numpy(crop.betas)[None]
    transl = crop.transl(body.rest_joints(betas)[0, 0].numpy())
    place = torch.zeros(1, 3) if transl is None else torch.from_numpy(transl)[None]
    return body.pose(rotation_from_axis_angle(torch.from_numpy(crop.pose)[None]), betas, place)


def test_the_body_of_a_crop_is_where_the_photo_has_it(tmp_path, world):
    path = writers.write_bedlam(tmp_path, world)
    data = open_bedlam(path, path.with_suffix("") / "png", "bedlam", path.stem)
    crop = crop_person(data, 1, 64)
    posed = true_body(crop, world.body)
    joints = posed.joints[0].numpy()
    np.testing.assert_allclose(joints @ crop.view.rotation.T, world.joints[1], atol=MM)
    assert posed.vertices.shape == (1, len(world.body.v_template), 3)
    nowhere = true_body(replace(crop, transl_in_photo=None), world.body).joints[0].numpy()
    np.testing.assert_allclose(nowhere - nowhere[0], joints - joints[0], atol=MM)
