"""Missing, truncated, foreign, hostile files: one line names the file and the fix."""

from __future__ import annotations

import contextlib
import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from core.body.smpl_pickle import UnsafePickleError, read_tree
from core.datasets import files as reading
from core.datasets.registry import open_dataset
from core.errors import UserError
from tests.datasets import writers
from tests.datasets.writers import WRITERS
from tests.shapes import unchecked

NAMES = ["a/1.jpg", "a/2.jpg", "a/3.jpg"]


class Dangerous:
    """Runs a command when it is unpickled."""

    def __reduce__(self):
        return (print, ("this must never be printed",))


def complaint(name, folder, split=None):
    """The one line of the error, which must be printable."""
    with pytest.raises(UserError) as caught:
        open_dataset(name, folder, split)
    line = str(caught.value)
    assert "\n" not in line and line.isprintable()
    return line


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_folder_and_a_missing_file_are_named(name, tmp_path, world):
    assert "nowhere" in complaint(name, tmp_path / "nowhere")
    path = WRITERS[name](tmp_path / "d", world)
    assert len(open_dataset(name, tmp_path / "d")) >= 3
    path.unlink()
    line = complaint(name, tmp_path / "d")
    assert path.suffix in line or "no" in line


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", WRITERS)
def test_a_truncated_file_is_named(name, share, tmp_path, world):
    path = WRITERS[name](tmp_path, world)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert path.name in complaint(name, tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_bytes_give_data_or_one_line(name, tmp_path, world):
    path = WRITERS[name](tmp_path, world)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(25):
        broken = bytearray(content)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            broken[place] = rng.integers(256)
        path.write_bytes(bytes(broken))
        with contextlib.suppress(UserError):
            list(open_dataset(name, tmp_path))


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"PK\x03\x04", b"null", b"[" * 10000])
def test_foreign_content_is_refused(name, content, tmp_path, world):
    path = WRITERS[name](tmp_path, world)
    path.write_bytes(content)
    assert path.name in complaint(name, tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scale": None}, "lacks 'scale'"),
        ({"imgname": np.arange(3)}, "imgname is not a list of strings"),
        ({"imgname": np.array(["../x.jpg"] * 3)}, "outside the data set"),
        ({"imgname": np.array(["/etc/passwd"] * 3)}, "outside the data set"),
        ({"imgname": np.array(["C:\\x.jpg"] * 3)}, "outside the data set"),
        ({"imgname": np.array(["x" * 300] * 3)}, "longer than names can be"),
        ({"imgname": np.array(["x/" * 1100] * 3)}, "longer than names can be"),
        ({"part": np.zeros((3, 23, 3))}, "part has the shape (3, 23, 3), not (n, 24, 3)"),
        ({"part": np.zeros((2, 24, 3))}, "different lengths"),
        ({"pose": np.array([["a"] * 72] * 3)}, "pose does not hold numbers"),
        ({"shape": np.zeros((3, 9))}, "shape has the shape (3, 9)"),
        ({"has_smpl": np.ones(2)}, "has_smpl and pose"),
        ({"S": np.zeros((2, 24, 4))}, "2 joints3d for 3 images"),
        ({"gender": np.array(["m"])}, "1 genders for 3 images"),
        ({"center": np.zeros((2, 2))}, "h36m_train.npz: 2 centers and 3 scales do not fit"),
    ],
)
def test_spin(change, reason, tmp_path, world):
    arrays = writers.spin_arrays(world, NAMES) | change
    np.savez(tmp_path / "h36m_train.npz", **{k: v for k, v in arrays.items() if v is not None})
    with unchecked():
        assert reason in complaint("h36m", tmp_path)


def test_spin_names_as_objects_are_read_by_the_allow_list(tmp_path, world):
    arrays = writers.spin_arrays(world, NAMES) | {"imgname": np.array(NAMES, object)}
    np.savez(tmp_path / "h36m_train.npz", **arrays)
    assert open_dataset("h36m", tmp_path).images == NAMES
    arrays["imgname"] = np.array([Dangerous()] * 3, object)
    np.savez(tmp_path / "h36m_train.npz", **arrays)
    assert "do not trust" in complaint("h36m", tmp_path)


def test_people_with_boxes_without_area_are_left_out(tmp_path, world):
    arrays = writers.spin_arrays(world, NAMES)
    arrays["scale"][1] = 0
    arrays["center"][2] = np.nan
    np.savez(tmp_path / "h36m_train.npz", **arrays)
    data = open_dataset("h36m", tmp_path)
    assert len(data) == 1 and "2 people left out" in data.notes[0]


def test_points_that_are_not_finite_are_not_seen(tmp_path, world):
    arrays = writers.spin_arrays(world, NAMES)
    arrays["part"][0, 5, 0] = np.inf
    np.savez(tmp_path / "h36m_train.npz", **arrays)
    assert (open_dataset("h36m", tmp_path).joints2d[0, 7] == 0).all()


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("parm_pose", np.zeros((24, 3, 3)).tolist(), "no rotation matrix"),
        ("parm_pose", (-np.tile(np.eye(3), (24, 1, 1))).tolist(), "no rotation matrix"),
        ("parm_pose", [[1, 2], 3], "parm_pose is missing or does not hold numbers"),
        ("parm_shape", None, "parm_shape is missing"),
        ("parm_shape", [0.0] * 9, "parm_shape has the shape (1, 9)"),
        ("parm_cam", [0.0, 0, 0], "no positive scale"),
        ("bbox_center", [float("nan")] * 2, "finite"),
        ("gt_keypoint_2d", [[0, 0, 0]] * 25, "gt_keypoint_2d has the shape"),
        ("imageName", "..", "outside the data set"),
        ("imageName", 3, None),
    ],
)
def test_eft(key, value, reason, tmp_path, world):
    path = writers.write_eft(tmp_path, world)
    document = json.loads(path.read_text())
    document["data"][1][key] = value
    path.write_text(json.dumps(document))
    if reason is None:
        assert open_dataset("coco-eft", tmp_path).images[1] == "3"
    else:
        assert reason in complaint("coco-eft", tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"smpl": Dangerous()}, "do not trust this file"),
        ({"smpl": 3}, "smpl is not a dictionary"),
        ({"smpl": {"betas": np.zeros((3, 10))}}, "no array global_orient"),
        ({"bbox_xywh": np.zeros((3, 3))}, "bbox_xywh has the shape"),
        ({"keypoints2d": np.zeros((3, 7, 3))}, "keypoints2d has the shape (3, 7, 3)"),
        ({"keypoints2d_convention": "coco"}, "convention human_data"),
        ({"image_path": ["a.jpg", "b.jpg"]}, "for 2 images"),
        ({"cam_param": [{"in_mat": "x"}] * 3}, None),
        ({"cam_param": [{}] * 2}, None),
        ({"meta": {"gender": ["m"]}}, None),
    ],
)
def test_human_data(change, reason, tmp_path, world):
    np.savez(tmp_path / "x.npz", **writers.human_data(world, NAMES) | change)
    if reason is None:
        assert len(open_dataset("human-data", tmp_path)) == 3
    else:
        assert reason in complaint("human-data", tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("poses", None, "lacks 'poses'"),
        ("poses", [np.zeros((2, 71))] * 2, "poses has the shape (2, 71)"),
        ("poses", [np.zeros((1, 72))] * 2, "poses has 1 frames, 2 are needed"),
        ("betas", [np.zeros(3)] * 2, "betas has 3 numbers"),
        ("jointPositions", [np.full((2, 72), np.nan)] * 2, "finite"),
        ("jointPositions", [np.zeros((2, 72))], "jointPositions is missing"),
        ("cam_intrinsics", np.eye(4), "cam_intrinsics has the shape"),
        ("campose_valid", [np.ones(5)] * 2, "campose_valid has the shape"),
        ("campose_valid", [np.zeros(2)] * 2, "no sequence has a frame"),
        ("sequence", "../../etc", "outside the data set"),
        ("genders", Dangerous(), "builtins.print"),
    ],
)
def test_3dpw(key, value, reason, tmp_path, world):
    path = writers.write_3dpw(tmp_path, world)
    content = writers.sequence(world, path.stem) | {key: value}
    path.write_bytes(pickle.dumps({k: v for k, v in content.items() if v is not None}, protocol=2))
    assert reason.replace("builtins.", "") in complaint("3dpw", tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("scale", [0], "scale is 0"),
        ("bbox", [[0, 0]], "bbox has the shape"),
        ("smpl_joints_3d", None, "smpl_joints_3d is missing"),
        ("img_path", "..\\..\\x.jpg", "outside the data set"),
        ("extri", "none", "extri is missing or does not hold numbers"),
    ],
)
def test_3doh50k(key, value, reason, tmp_path, world):
    path = writers.write_3doh50k(tmp_path, world, True)
    document = json.loads(path.read_text())
    document["00002"][key] = value
    path.write_text(json.dumps(document))
    assert reason in complaint("3doh50k", tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"annot3": None}, "lacks the cells annot3"),
        ({"annot3": np.zeros((3, 84))}, "lacks the cells annot3"),
        ({"annot2": np.array([[np.zeros((2, 56))]] * 3 + [["x"]], object)}, "camera"),
    ],
)
def test_mpi_inf_3dhp(change, reason, tmp_path, world):
    path = writers.write_3dhp(tmp_path, world)
    cells = {k: v for k, v in writers.scipy.io.loadmat(path).items() if k.startswith("annot")}
    cells = {k: v for k, v in (cells | change).items() if v is not None}
    writers.scipy.io.savemat(path, cells)
    assert reason in complaint("mpi-inf-3dhp-raw", tmp_path)


def test_matlabs_new_format_is_explained(tmp_path, world):
    path = writers.write_3dhp(tmp_path, world)
    path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(600))
    assert "MATLAB 7.3" in complaint("mpi-inf-3dhp-raw", tmp_path)


def test_a_broken_calibration_is_named(tmp_path, world):
    path = writers.write_3dhp(tmp_path, world).with_name("camera.calibration")
    path.write_text(path.read_text().replace("  intrinsic   150.0", "  intrinsic   x"))
    assert path.name in complaint("mpi-inf-3dhp-raw", tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pose_cam": np.zeros((3, 60))}, "pose_cam has the shape (3, 60)"),
        ({"shape": np.zeros((3, 3))}, "shape has the shape (3, 3)"),
        ({"gtkps": np.zeros((3, 5, 2))}, "gtkps has the shape (3, 5, 2)"),
        ({"cam_int": np.zeros((3, 4))}, "cam_int has the shape"),
    ],
)
def test_bedlam(change, reason, tmp_path, world):
    np.savez(tmp_path / "x.npz", **writers.bedlam_arrays(world, NAMES) | change)
    assert reason in complaint("bedlam", tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"keypoints": [1.0] * 50}, "50 keypoint numbers, not 51"),
        ({"keypoints": ["x"] * 51}, "do not hold numbers"),
        ({"keypoints": [float("inf")] * 51}, "finite"),
        ({"bbox": [1, 2]}, "not [x, y, width, height]"),
        ({"segmentation": [[1, 2, 3]]}, "not a list of polygons"),
        ({"segmentation": [[1, 2, 3, "x"]]}, "do not hold numbers"),
        ({"image_id": 99}, "of the photo 99, which images does not list"),
    ],
)
def test_photos(change, reason, tmp_path, world):
    path = writers.write_photos(tmp_path, world)
    document = json.loads(path.read_text())
    document["annotations"][0] |= change
    path.write_text(json.dumps(document))
    assert reason in complaint("photos", tmp_path)


def test_photos_that_are_not_there_and_two_files(tmp_path, world):
    path = writers.write_photos(tmp_path, world)
    for photo in tmp_path.glob("*.jpg"):
        photo.unlink()
    assert "'IMG 0.jpg', none of which is in" in complaint("photos", tmp_path)
    path.with_name("more.json").write_text("{}")
    assert "there are 2 (more.json, person_keypoints.json)" in complaint("photos", tmp_path)


def test_a_photo_that_vanished_is_named_when_it_is_read(tmp_path, world):
    writers.write_photos(tmp_path, world)
    data = open_dataset("photos", tmp_path)
    (tmp_path / "IMG 1.jpg").unlink()
    with pytest.raises(UserError, match=r"photos: .*IMG 1.jpg does not exist"):
        data.photo(1)


def test_unknown_names_and_splits(tmp_path):
    assert "there are photos, multiview, coco" in complaint("hm36", tmp_path)
    assert "there are train, protocol1" in complaint("h36m", tmp_path, "test")


def test_several_npz_files_need_a_split(tmp_path, world):
    writers.write_bedlam(tmp_path, world, "one")
    writers.write_bedlam(tmp_path, world, "two")
    assert "2 npz files (one, two); name one: --split" in complaint("bedlam", tmp_path)
    data = open_dataset("bedlam", tmp_path, "two")
    assert data.split == "two" and data[0].image.is_file()
    assert "three.npz is missing; there are one, two" in complaint("bedlam", tmp_path, "three")


def test_a_zip_bomb_is_not_unpacked(tmp_path, world, monkeypatch):
    writers.write_spin(tmp_path, world)
    monkeypatch.setattr(reading, "MAX_BYTES", 500)
    assert "more than" in complaint("h36m", tmp_path)
    writers.write_eft(tmp_path, world)
    assert "more than" in complaint("coco-eft", tmp_path)


def test_an_npz_may_not_misstate_its_arrays(tmp_path, world):
    path = writers.write_spin(tmp_path, world)
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    )
    with zipfile.ZipFile(path) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(name, header.getvalue() if name == "center.npy" else content)
    assert path.name in complaint("h36m", tmp_path)


def test_trees_hold_plain_values_only():
    shared = [1.5, "text"]
    tree = {
        "array": np.arange(6.0).reshape(2, 3),
        "texts": np.array(["ab", "c"]),
        "objects": np.array([{"x": np.float32(2)}, None], object),
        "number": np.int64(3),
        "twice": [shared, shared],
    }
    for protocol in (2, 4):
        found = read_tree(pickle.dumps(tree, protocol=protocol))
        np.testing.assert_array_equal(found["array"], tree["array"])
        assert found["texts"].tolist() == ["ab", "c"]
        assert found["objects"] == [{"x": 2.0}, None]
        assert found["twice"] == [shared, shared] and found["number"] == 3


def test_trees_that_name_something_else_or_contain_themselves_are_refused():
    with pytest.raises(UnsafePickleError):
        read_tree(pickle.dumps({"a": [Dangerous()]}))
    circle: list = []
    circle += [circle, circle]
    with pytest.raises(ValueError, match="nested"):
        read_tree(pickle.dumps(circle))
    laughs: list = ["ha"]
    for _ in range(30):
        laughs = [laughs] * 10  # ten to the thirtieth, were it written out
    assert read_tree(pickle.dumps(laughs))


def test_numbers_out_of_range_are_no_warning_and_text_that_is_none_is_refused(
    tmp_path, world, recwarn
):
    data = writers.human_data(world, ["a.jpg", "b.jpg", "c.jpg"])
    data["bbox_xywh"][0, :4] = [np.inf, np.inf, -np.inf, -np.inf]
    np.savez(tmp_path / "toy.npz", **data)
    assert "1 people left out" in open_dataset("human-data", tmp_path).notes[0]
    assert not recwarn.list
    content = pickle.dumps({"a": np.array(["ab", "cd"])}, 2)
    assert content.count(b"a\0\0\0") == 1
    with pytest.raises(ValueError, match="no characters"):
        read_tree(content.replace(b"a\0\0\0", b"a\0\x11\0"))


def test_a_camera_that_is_no_rotation_is_named(tmp_path, world):
    path = writers.write_3dpw(tmp_path, world)
    content = pickle.loads(path.read_bytes())
    content["cam_poses"][0, :3, :3] = 0
    path.write_bytes(pickle.dumps(content, protocol=2))
    assert f"{path.name} is not a readable 3DPW sequence file" in complaint("3dpw", tmp_path)
    annotations = writers.write_3doh50k(tmp_path / "oh", world, True)
    entries = json.loads(annotations.read_text())
    entries["00000"]["extri"] = [[0.0] * 4] * 4
    annotations.write_text(json.dumps(entries))
    assert "oh" in complaint("3doh50k", tmp_path / "oh", "test")
