"""OpenPose and COCO files: right joints, right person, and one line for what is wrong."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.geometry.crop import Box
from core.io.keypoints import SMPL_JOINTS, UNSEEN, load_keypoints, load_people

BODY_25 = [
    "nose",
    "neck",
    "r_shoulder",
    "r_elbow",
    "r_wrist",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
    "mid_hip",
    "r_hip",
    "r_knee",
    "r_ankle",
    "l_hip",
    "l_knee",
    "l_ankle",
    "r_eye",
    "l_eye",
    "r_ear",
    "l_ear",
    "l_big_toe",
    "l_small_toe",
    "l_heel",
    "r_big_toe",
    "r_small_toe",
    "r_heel",
]
COCO_18 = [
    "nose",
    "neck",
    "r_shoulder",
    "r_elbow",
    "r_wrist",
    "l_shoulder",
    "l_elbow",
    "l_wrist",
    "r_hip",
    "r_knee",
    "r_ankle",
    "l_hip",
    "l_knee",
    "l_ankle",
    "r_eye",
    "l_eye",
    "r_ear",
    "l_ear",
]
COCO_17 = [
    "nose",
    "l_eye",
    "r_eye",
    "l_ear",
    "r_ear",
    "l_shoulder",
    "r_shoulder",
    "l_elbow",
    "r_elbow",
    "l_wrist",
    "r_wrist",
    "l_hip",
    "r_hip",
    "l_knee",
    "r_knee",
    "l_ankle",
    "r_ankle",
]
SMPL = dict(
    zip(
        [
            "l_hip",
            "r_hip",
            "l_knee",
            "r_knee",
            "l_ankle",
            "r_ankle",
            "l_shoulder",
            "r_shoulder",
            "l_elbow",
            "r_elbow",
            "l_wrist",
            "r_wrist",
        ],
        SMPL_JOINTS,
        strict=True,
    )
)


def place(name, offset=0.0):
    """A pixel that tells every joint apart."""
    known = sorted(set(BODY_25 + COCO_17))
    return 100.0 + 3 * known.index(name) + offset, 200.0 + 5 * known.index(name) + offset


def flat(names, confidence=0.5, offset=0.0):
    return [v for name in names for v in (*place(name, offset), confidence)]


def open_pose(*people):
    return {"version": 1.3, "people": [{"pose_keypoints_2d": person} for person in people]}


def write(tmp_path, document):
    path = tmp_path / "key points.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def check_joints(keypoints, confidence, offset=0.0):
    assert keypoints.xy.shape == (1, 24, 2) and keypoints.confidence.shape == (1, 24)
    for name, joint in SMPL.items():
        assert keypoints.xy[0, joint].tolist() == pytest.approx(place(name, offset))
        assert keypoints.confidence[0, joint] == pytest.approx(confidence)
    others = [joint for joint in range(24) if joint not in SMPL_JOINTS]
    assert (keypoints.confidence[0, others] == 0).all()


@pytest.mark.parametrize("names", [BODY_25, COCO_18], ids=["BODY_25", "COCO-18"])
def test_open_pose(tmp_path, names):
    path = write(tmp_path, open_pose(flat(names, 0.7)))
    check_joints(load_keypoints(path).keypoints, 0.7)


def test_coco_annotation_flags(tmp_path):
    values = flat(COCO_17, 2)
    for name, flag in (("l_hip", 1), ("r_hip", 0)):
        values[3 * COCO_17.index(name) + 2] = flag
    entry = {"image_id": 7, "keypoints": values, "bbox": [90, 190, 80, 150]}
    document = {"images": [{"id": 7, "file_name": "a.jpg"}], "annotations": [entry]}
    person = load_keypoints(write(tmp_path, document))
    confidence = person.keypoints.confidence[0]
    assert confidence[SMPL["l_knee"]] == 1
    assert confidence[SMPL["l_hip"]] == UNSEEN and confidence[SMPL["r_hip"]] == 0
    assert person.keypoints.xy[0, SMPL["r_hip"]].tolist() == [0, 0]
    assert person.box == Box(90, 190, 80, 150)


def test_coco_results_keep_their_confidence(tmp_path):
    document = [{"image_id": 1, "score": 0.9, "keypoints": flat(COCO_17, 0.4)}]
    check_joints(load_keypoints(write(tmp_path, document)).keypoints, 0.4)


def test_confidence_above_one_counts_as_one(tmp_path):
    check_joints(load_keypoints(write(tmp_path, open_pose(flat(BODY_25, 1.02)))).keypoints, 1.0)
    document = [{"image_id": "a.jpg", "score": 2.9, "keypoints": flat(COCO_17, 3.1)}]
    check_joints(load_keypoints(write(tmp_path, document)).keypoints, 1.0)


def test_box_of_the_keypoints_has_a_margin(tmp_path):
    box = load_keypoints(write(tmp_path, open_pose(flat(BODY_25)))).box
    points = np.array([place(name) for name in BODY_25])
    assert box.x < points[:, 0].min() and box.x + box.width > points[:, 0].max()
    assert box.y < points[:, 1].min() and box.y + box.height > points[:, 1].max()
    assert box.height < 1.5 * np.ptp(points[:, 1])


class TestChoice:
    def people(self, tmp_path):
        small = np.array(flat(BODY_25)).reshape(-1, 3)
        small[:, :2] = small[:, :2] * 0.2 + [600, 0]
        return write(tmp_path, open_pose(small.flatten().tolist(), flat(BODY_25)))

    def test_largest_without_a_box(self, tmp_path):
        check_joints(load_keypoints(self.people(tmp_path)).keypoints, 0.5)

    def test_the_one_in_the_box(self, tmp_path):
        chosen = load_keypoints(self.people(tmp_path), box=Box(600, 20, 60, 60))
        assert chosen.keypoints.xy[0, SMPL["l_hip"], 0] > 600

    def test_nobody_in_the_box(self, tmp_path):
        with pytest.raises(UserError, match="none of the 2 people"):
            load_keypoints(self.people(tmp_path), box=Box(2000, 2000, 50, 50))

    def test_people_without_joints_do_not_count(self, tmp_path):
        path = write(tmp_path, open_pose([0.0] * 75, flat(BODY_25)))
        assert len(load_people(path)) == 1


class TestSeveralPhotos:
    def annotations(self, tmp_path):
        images = [{"id": i, "file_name": f"val/{i:012d}.jpg"} for i in (785, 459)]
        entries = [
            {"image_id": i, "keypoints": flat(COCO_17, 2, offset=i), "bbox": [0, 0, 50, 50]}
            for i in (785, 459)
        ]
        entries.append({"image_id": 785, "segmentation": []})  # an object without keypoints
        return write(tmp_path, {"images": images, "annotations": entries})

    def results(self, tmp_path, ids):
        entries = [
            {"image_id": i, "score": 1, "keypoints": flat(COCO_17, 1, i)} for i in (785, 459)
        ]
        for entry, name in zip(entries, ids, strict=True):
            entry["image_id"] = name
        return write(tmp_path, entries)

    @pytest.mark.parametrize("name", ["/photos/000000000459.jpg", "000000000459"])
    def test_annotations_by_file_name_or_stem(self, tmp_path, name):
        person = load_keypoints(self.annotations(tmp_path), name)
        check_joints(person.keypoints, 1.0, offset=459)

    @pytest.mark.parametrize("ids", [(785, 459), ("000000000785.jpg", "000000000459.jpg")])
    def test_results_by_number_or_name(self, tmp_path, ids):
        person = load_keypoints(self.results(tmp_path, ids), "000000000785.jpg")
        check_joints(person.keypoints, 1.0, offset=785)

    @pytest.mark.parametrize("name", ["my.holiday.jpg", "my.holiday"])
    def test_names_with_dots(self, tmp_path, name):
        images = [{"id": 5, "file_name": "my.holiday.jpg"}, {"id": 6, "file_name": "my.jpg"}]
        entries = [{"image_id": i, "keypoints": flat(COCO_17, 2, i)} for i in (5, 6)]
        document = {"images": images, "annotations": entries}
        person = load_keypoints(write(tmp_path, document), name)
        check_joints(person.keypoints, 1.0, offset=5)

    def test_photo_that_is_not_there(self, tmp_path):
        with pytest.raises(UserError, match=r"2 photos and none is other\.jpg"):
            load_keypoints(self.annotations(tmp_path), "other.jpg")
        with pytest.raises(UserError, match="2 photos and none is named"):
            load_keypoints(self.annotations(tmp_path))

    def test_one_photo_needs_no_name(self, tmp_path):
        path = write(tmp_path, [{"image_id": 3, "score": 1, "keypoints": flat(COCO_17, 1)}])
        check_joints(load_keypoints(path, "renamed.jpg").keypoints, 1.0)

    def test_ids_of_any_type(self, tmp_path):
        images = [{"id": [1], "file_name": "a.jpg"}, {"id": {}, "file_name": "b.jpg"}]
        entries = [{"image_id": i["id"], "keypoints": flat(COCO_17, 2)} for i in images]
        document = {"images": images, "annotations": entries}
        check_joints(load_keypoints(write(tmp_path, document), "a.jpg").keypoints, 1.0)

    def test_photo_with_an_entry_but_nobody(self, tmp_path):
        images = [{"id": 1, "file_name": "empty.jpg"}, {"id": 2, "file_name": "full.jpg"}]
        entries = [{"image_id": 2, "keypoints": flat(COCO_17, 2)}]
        path = write(tmp_path, {"images": images, "annotations": entries})
        with pytest.raises(UserError, match="no person"):
            load_keypoints(path, "empty.jpg")


def coco(image_id, file_name=None):
    entry = {"image_id": image_id, "score": 1, "keypoints": flat(COCO_17, 1)}
    if file_name is None:
        return [entry]
    return {"images": [{"id": image_id, "file_name": file_name}], "annotations": [entry]}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (coco(7, "other.png"), "mine"),
        (coco("other.jpg"), "mine"),
        (coco(785), "000000000459"),
    ],
)
def test_people_of_another_photo_only_are_refused(tmp_path, document, name):
    path = write(tmp_path, document)
    with pytest.raises(UserError, match=f"keypoints of 1 photo and none is {name}"):
        load_people(path, name)
    assert load_people(path)  # without a name, whose photo it is cannot be told


@pytest.mark.parametrize("document", [open_pose(flat(BODY_25)), coco(1)])
def test_a_file_of_one_photo_serves_one(tmp_path, document):
    path = write(tmp_path, document)
    assert load_people(path, "mine")
    with pytest.raises(UserError, match=r"one photo \(OpenPose\)|1 photo and none is mine"):
        load_people(path, "mine", several=True)


@pytest.mark.parametrize("document", [coco(7, "mine.png"), coco("mine.png"), coco("mine")])
def test_a_file_that_names_the_photo_serves_several(tmp_path, document):
    assert load_people(write(tmp_path, document), "mine", several=True)


@pytest.mark.parametrize(
    ("shift", "size", "found"),
    [
        ((0, 0), (600, 600), ""),
        ((0, 0), (120, 250), ""),  # half of the joints are outside, but near
        ((-195, 0), (600, 600), "outside the photo of 600 x 600"),  # all are outside, but near
        ((5000, 0), (600, 600), "12 of 12 joints are outside the photo"),
        ((0, -5000), (600, 600), "12 of 12 joints are outside the photo"),
        ((0, 0), (110, 210), "of 12 joints are outside the photo of 110 x 210 pixels; are they of"),
    ],
)
def test_people_must_be_in_the_photo(tmp_path, shift, size, found):
    values = np.array(flat(BODY_25)).reshape(-1, 3)
    values[:, :2] += shift
    path = write(tmp_path, open_pose(values.flatten().tolist()))
    if not found:
        assert load_keypoints(path, size=size)
        return
    with pytest.raises(UserError, match=found):
        load_keypoints(path, size=size)


def refused(path, *words):
    with pytest.raises(UserError) as caught:
        load_keypoints(path)
    message = str(caught.value)
    assert "\n" not in message
    for word in (path.name, *words):
        assert word in message


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e300])
@pytest.mark.parametrize("place_in_triple", [0, 1, 2])
def test_numbers_that_are_not_finite(tmp_path, value, place_in_triple):
    values = flat(BODY_25)
    values[6 + place_in_triple] = value
    path = write(tmp_path, open_pose(values))
    assert (
        "NaN" in path.read_text() or "Infinity" in path.read_text() or "e+300" in path.read_text()
    )
    with pytest.raises(UserError, match="person 0"):
        load_keypoints(path)


def test_negative_confidence(tmp_path):
    values = flat(BODY_25)
    values[5] = -0.1
    refused(write(tmp_path, open_pose(values)), "person 0", "negative confidence")


@pytest.mark.parametrize("count", [0, 1, 51, 74, 76, 150])
def test_wrong_length(tmp_path, count):
    refused(write(tmp_path, open_pose([1.0] * count)), f"{count} keypoint numbers", "75 or 54")


def test_wrong_length_coco(tmp_path):
    refused(write(tmp_path, [{"image_id": 1, "keypoints": [1.0] * 54}]), "54", "51")


@pytest.mark.parametrize("bad", [None, "text", [[1, 2, 3]] * 25, [True] * 75, {"x": 1}, ["1"] * 75])
def test_wrong_type(tmp_path, bad):
    refused(write(tmp_path, open_pose(bad)), "flat list of numbers")


def test_normalised_coordinates(tmp_path):
    values = np.array(flat(BODY_25)).reshape(-1, 3)
    values[:, :2] /= 1000
    refused(write(tmp_path, open_pose(values.flatten().tolist())), "--keypoint_scale 0")


def test_huge_integer(tmp_path):
    values = flat(BODY_25)
    values[0] = 10**400
    path = tmp_path / "huge.json"
    path.write_text(json.dumps(open_pose(values)).replace(str(10**400), "1" + "0" * 400))
    refused(path, "too large")


@pytest.mark.parametrize("document", ["", "{", "not json", "[" * 100_000, "\x00"])
def test_not_json(tmp_path, document):
    refused(write(tmp_path, document), "not a readable JSON keypoint file")


def test_not_text(tmp_path):
    path = tmp_path / "binary.json"
    path.write_bytes(b"\xff\xfe\x00\x01")
    refused(path, "not a readable JSON keypoint file")


@pytest.mark.parametrize("document", [{}, {"bodies": []}, 3, "text", None])
def test_other_json(tmp_path, document):
    refused(write(tmp_path, json.dumps(document)), "neither OpenPose nor COCO")


@pytest.mark.parametrize("document", [{"people": 3}, {"people": [1]}, {"annotations": {}}, [[1]]])
def test_entries_of_the_wrong_kind(tmp_path, document):
    refused(write(tmp_path, document), "not a list of objects")


@pytest.mark.parametrize("document", [[], {"people": []}, open_pose([0.0] * 75)])
def test_nobody(tmp_path, document):
    refused(write(tmp_path, document), "no person")


@pytest.mark.parametrize("box", [[1, 2, 3], ["a"] * 4, [0, 0, math.nan, 1], 5])
def test_bad_coco_box(tmp_path, box):
    document = [{"image_id": 1, "keypoints": flat(COCO_17, 2), "bbox": box}]
    refused(write(tmp_path, document), "bbox")


def test_box_without_area_is_replaced(tmp_path):
    document = [{"image_id": 1, "keypoints": flat(COCO_17, 2), "bbox": [0, 0, 0, 0]}]
    assert load_keypoints(write(tmp_path, document)).box.width > 0


def test_missing_file_and_folder(tmp_path):
    refused(tmp_path / "none.json", "is missing")
    refused(tmp_path, "directory")


values = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=3), st.just([])
)
lists = st.one_of(
    st.lists(st.floats(width=32), min_size=75, max_size=75),
    st.lists(st.floats(0, 1000), min_size=51, max_size=51),
    st.lists(values, max_size=5),
    values,
)
entries = st.lists(
    st.dictionaries(
        st.sampled_from(["keypoints", "pose_keypoints_2d", "image_id", "id", "bbox", "score"]),
        lists,
    ),
    max_size=3,
)
documents = st.one_of(
    entries,
    st.fixed_dictionaries({"people": entries}),
    st.fixed_dictionaries({"images": entries, "annotations": entries}),
    values,
)


@settings(deadline=None, max_examples=80)
@given(documents, st.sampled_from([None, "1.jpg", "None"]))
def test_any_document_gives_people_or_one_line(tmp_path_factory, document, image_name):
    path = tmp_path_factory.mktemp("any") / "f.json"
    path.write_text(json.dumps(document))
    try:
        people = load_people(path, image_name)
    except UserError:
        return
    for person in people:
        assert torch.isfinite(person.keypoints.xy).all()
        assert ((person.keypoints.confidence >= 0) & (person.keypoints.confidence <= 1)).all()
        assert person.keypoints.confidence.max() > 0
        assert person.box.width > 0 and person.box.height > 0
