"""Synthetic people: their ground truth agrees with the body, the camera and the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from core.body.load import load_body
from core.errors import UserError
from core.render.mesh.raster import rasterize
from core.synth.contact_sheet import contact_sheet
from core.synth.people import PeopleSampler, alpha_over
from core.synth.sample import field_layout


def posed(sample):
    rotations = Rotation.from_rotvec(sample.pose).as_matrix().astype(np.float32)
    tensors = (torch.from_numpy(x)[None] for x in (rotations, sample.betas, sample.transl))
    return load_body().pose(*tensors)


def body_raster(sample, size):
    body = load_body()
    focal = float(sample.focal) * size / len(sample.image)
    vertices = posed(sample).vertices[0].numpy()
    faces = body.faces.numpy().astype(np.int32)
    return rasterize(vertices, faces, focal, (size / 2, size / 2), size, size)


def test_fields_have_the_stated_layout(people):
    for name, (shape, dtype) in field_layout(64).items():
        array = getattr(people[0], name)
        assert array.shape == shape, name
        assert array.dtype == dtype, name


def test_parameters_pose_the_body_onto_the_joints(people):
    for sample in people:
        np.testing.assert_allclose(posed(sample).joints[0].numpy(), sample.joints, atol=1e-4)


def test_joints_project_to_their_pixels(people):
    for sample in people:
        screen = sample.focal * sample.joints[:, :2] / sample.joints[:, 2:] + 32
        np.testing.assert_allclose(screen, sample.joints2d, atol=1e-3)


def test_joints_in_the_frame_lie_on_the_person(people):
    hits = []
    for sample in people:
        seen = ((sample.joints2d > 1) & (sample.joints2d < 63)).all(1)
        column, row = sample.joints2d[seen].astype(int).T
        hits += list(sample.parts[row, column] > 0)
    assert np.mean(hits) > 0.97


def test_parts_follow_the_body(people):
    """Despite clothes and hair, most pixels of each part are those of the body's part."""
    body = load_body()
    overlap, agree = [], []
    for sample in people:
        raster = body_raster(sample, 64)
        person = sample.parts > 0
        overlap.append((person & raster.mask).sum() / (person | raster.mask).sum())
        both = person & raster.mask
        expected = body.face_part.numpy()[raster.face_ids[both]] + 1
        agree.append((expected == sample.parts[both]).mean())
    assert np.mean(overlap) > 0.8
    assert np.mean(agree) > 0.85


def test_left_and_right_are_the_bodys_own(people):
    """Parts of the left arm surround the left elbow more closely than the right one."""
    nearer = []
    for sample in people:
        rows, columns = np.nonzero(sample.parts == 1 + 18)
        if len(rows) > 3:
            middle = np.array([columns.mean(), rows.mean()]) + 0.5
            left, right = (np.linalg.norm(sample.joints2d[j] - middle) for j in (18, 19))
            nearer.append(left < right)
    assert np.mean(nearer) > 0.8


def test_depth_is_the_undressed_bodys(people):
    for sample in people[:8]:
        expected = body_raster(sample, 32).depth.astype(np.float16)
        np.testing.assert_array_equal(sample.depth, expected)


def test_people_are_in_frame_in_front_of_the_camera(people):
    for sample in people:
        assert sample.joints[:, 2].min() > 0.3
        assert (sample.parts > 0).mean() > 0.01


def test_same_seed_same_bits(sampler, people):
    again = PeopleSampler(seed=3, size=64).sample(5)
    for name, value in people[5].arrays().items():
        np.testing.assert_array_equal(value, again.arrays()[name], err_msg=name)


def test_order_does_not_matter(sampler, people):
    np.testing.assert_array_equal(sampler.sample(7).image, people[7].image)


def test_iteration_counts_from_zero(sampler, people):
    first, second = (sample for _, sample in zip(range(2), sampler, strict=False))
    np.testing.assert_array_equal(first.image, people[0].image)
    np.testing.assert_array_equal(second.image, people[1].image)


@pytest.mark.parametrize("other", [{"seed": 4}, {"seed": 3, "split": "test"}])
def test_other_seed_or_split_other_people(people, other):
    sample = PeopleSampler(size=64, **other).sample(5)
    assert np.abs(sample.pose - people[5].pose).max() > 0.01


def test_occluders_cover_some_and_leave_some(people):
    share = [((s.parts > 0) & s.occluder).sum() / (s.parts > 0).sum() for s in people]
    assert 0.2 < np.mean(np.array(share) > 0.02) < 0.9
    assert np.median(share) < 0.6


def test_occluder_changes_the_picture_only_where_it_is(sampler):
    """Without degradation, pixels outside the mask equal the picture without occluders."""
    from core.synth.drawing.occluders import random_occluders

    rng = np.random.default_rng(0)
    person = np.zeros((64, 64), bool)
    person[20:50, 25:40] = True
    for _ in range(40):
        for layer in random_occluders(person, sampler.materials, rng):
            assert layer.alpha.shape == (64, 64)
            assert 0 <= layer.alpha.min() <= layer.alpha.max() <= 1
            assert np.isfinite(layer.color).all()
            partial = (layer.alpha > 0.02) & (layer.alpha < 0.98)
            assert partial.mean() < 0.35  # edges only: the mask is exact to a pixel


def test_a_desk_hides_what_is_below_the_box(sampler):
    from core.synth.drawing.occluders import barrier_below

    rng = np.random.default_rng(0)
    for _ in range(20):
        (desk,) = barrier_below(64, 40.0, sampler.materials, rng)
        assert (desk.alpha[:28] == 0).all() and (desk.alpha[52:] == 1).all()


def test_people_who_are_cut_by_their_box_are_hidden_below_it_more_often(sampler, monkeypatch):
    """In training only: the test people stay as they are."""

    def hidden(share: float, split: str) -> float:
        monkeypatch.setattr("core.synth.people.BEHIND_DESK", share)
        monkeypatch.setattr(sampler, "split", split)
        samples = [sampler.sample(i) for i in range(24)]
        return float(np.mean([s.occluder[-4:].mean() for s in samples]))

    assert hidden(1.0, "train") > hidden(0.0, "train") + 0.1
    assert hidden(1.0, "test") == hidden(0.0, "test")


def test_nobody_to_occlude_nothing_in_front(sampler):
    from core.synth.drawing.occluders import random_occluders

    rng = np.random.default_rng(0)
    assert random_occluders(np.zeros((8, 8), bool), sampler.materials, rng) == []


def test_alpha_over_keeps_what_is_not_covered():
    below = np.full((2, 2, 3), 0.5, np.float32)
    rgba = np.zeros((2, 2, 4), np.float32)
    rgba[0, 0] = [1, 0, 0, 1]
    rgba[0, 1] = [0.5, 0, 0, 0.5]
    result = alpha_over(below, rgba)
    np.testing.assert_allclose(result[0, 0], [1, 0, 0])
    np.testing.assert_allclose(result[0, 1], [0.75, 0.25, 0.25])
    np.testing.assert_allclose(result[1], 0.5)


def test_data_folder_without_material_is_named(tmp_path):
    with pytest.raises(UserError, match="ambientcg_sheets"):
        PeopleSampler(seed=0, data=tmp_path)


def test_contact_sheet_shows_pictures_and_truth(people):
    sheet = contact_sheet(people[:5], columns=3)
    assert sheet.shape == (128, 192, 3)
    np.testing.assert_array_equal(sheet[:64, :64], people[0].image)
    assert (sheet[:64, 64:128] != people[1].image).any()
    assert not sheet[64:, 128:].any()


def test_view_rotates_all_of_the_body(sampler, monkeypatch):
    from core.synth import people as module
    from core.synth.sampling.camera import random_orientation

    lean = np.zeros((24, 3), np.float32)
    lean[0] = [0.3, 0.2, 0.1]
    monkeypatch.setattr(module, "random_pose", lambda bank, rng: lean.copy())
    rng = np.random.default_rng(0)
    view = random_orientation(rng)
    pose, _ = sampler.random_body(view, rng)
    expected = view @ Rotation.from_rotvec(lean[0]).as_matrix()
    np.testing.assert_allclose(Rotation.from_rotvec(pose[0]).as_matrix(), expected, atol=1e-6)
    np.testing.assert_array_equal(pose[1:], lean[1:])


def test_training_people_are_in_company_more_often(sampler, monkeypatch):
    """Up to three stand behind them, the farthest drawn first; test people stay as they are."""
    from core.synth import people as module

    monkeypatch.setattr(module, "IN_FRONT", {"train": 0.0, "test": 0.0})
    monkeypatch.setattr(module, "WITH_NEIGHBOUR", {"train": 0.0, "test": 0.0})
    drawn: list[float] = []
    bystander = PeopleSampler._bystander

    def watch(self, scene, farther, rng):
        drawn.append(farther)
        return bystander(self, scene, farther, rng)

    monkeypatch.setattr(PeopleSampler, "_bystander", watch)
    counts = {}
    for split in ("train", "test"):
        monkeypatch.setattr(sampler, "split", split)
        counts[split] = []
        for index in range(40):
            drawn.clear()
            sampler.sample(index)
            assert drawn == sorted(drawn, reverse=True)
            counts[split].append(len(drawn))
    assert max(counts["train"]) >= 2 > max(counts["test"])
    assert np.mean(np.array(counts["train"]) > 0) > np.mean(np.array(counts["test"]) > 0) + 0.1
