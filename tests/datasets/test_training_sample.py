"""Samples of data sets: known values are exact, unknown ones are marked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from core.assets import asset_path
from core.body.load import load_body
from core.body.names import JOINT_NAMES
from core.datasets.registry import open_dataset
from core.datasets.training_sample import (
    CropSettings,
    RestJoints,
    SmplBody,
    crop_sample,
    place_on_points,
)
from core.geometry.rotations import rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from tests.datasets import writers
from tests.datasets.world import HEIGHT, WIDTH, make_world

SIZE = 128


@pytest.fixture(scope="module")
def world():
    return make_world()


@pytest.fixture(scope="module")
def smpl(tmp_path_factory):
    """The embedded body as a user's SMPL file, which has no topology tag."""
    with np.load(asset_path("body/freebody.npz"), allow_pickle=False) as file:
        tables = {name: file[name] for name in file.files if name != "topology"}
    path = tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.npz"
    np.savez(path, **tables)
    return load_body(path)


@pytest.fixture(scope="module")
def settings(smpl):
    volume = NeuralBodyVolume.from_body(load_body(), kernels=80)
    bodies = {"neutral": SmplBody(smpl, False), "male": SmplBody(smpl, False)}
    return CropSettings(SIZE, RestJoints.of_volume(volume), bodies)


def trained_joints(sample):
    """Joints of the body that is trained, by the sample's pose, betas and transl."""
    posed = load_body().pose(
        rotation_from_axis_angle(torch.from_numpy(sample.pose)[None]).float(),
        torch.from_numpy(sample.betas)[None].float(),
        torch.from_numpy(sample.transl)[None].float(),
    )
    return posed.joints[0].numpy()


def project(sample, points):
    return sample.focal * points[:, :2] / points[:, 2:3] + len(sample.image) / 2


def test_a_captured_body_is_where_its_pixels_are(tmp_path, world, settings):
    writers.write_3dpw(tmp_path, world)
    sample = crop_sample(open_dataset("3dpw", tmp_path), 0, settings)  # a man
    assert (sample.supervision.pose, sample.supervision.place, sample.supervision.parts) == (
        True,
        True,
        True,
    )
    assert not sample.supervision.shape and not sample.supervision.occluder
    assert (sample.joints3d[:, 3] == 1).all() and (sample.joints2d[:, 2] == 1).all()
    np.testing.assert_allclose(project(sample, sample.joints3d), sample.joints2d[:, :2], atol=0.5)
    # The betas found for the trained body, which is the same here, put its joints there, too.
    np.testing.assert_allclose(trained_joints(sample), sample.joints3d[:, :3], atol=0.02)
    inside = ((sample.joints2d[:, :2] > 2) & (sample.joints2d[:, :2] < SIZE - 2)).all(1)
    column, row = (sample.joints2d[inside, :2] // 4).astype(int).T
    assert (sample.parts[row, column] > 0).mean() > 0.9
    column, row = (sample.joints2d[inside, :2] // 2).astype(int).T
    depth = sample.depth[row, column]
    apart = (sample.joints3d[inside, 2] - depth)[np.isfinite(depth)]
    assert (apart > -0.02).all() and (apart < 0.3).all()  # a joint is just behind the skin


def test_parts_and_depth_agree(tmp_path, world, settings):
    writers.write_3dpw(tmp_path, world)
    sample = crop_sample(open_dataset("3dpw", tmp_path), 0, settings)
    body = np.isfinite(sample.depth).reshape(SIZE // 4, 2, SIZE // 4, 2).mean((1, 3))
    assert (sample.parts[body == 1] > 0).all() and (sample.parts[body == 0] == 0).mean() > 0.99
    wrist = JOINT_NAMES.index("l_wrist")
    assert {wrist + 1, JOINT_NAMES.index("r_knee") + 1} <= set(np.unique(sample.parts).tolist())


def test_betas_of_the_trained_body_itself_are_true(tmp_path, world, settings):
    writers.write_3dpw(tmp_path, world)
    own = CropSettings(SIZE, settings.trained, {"male": SmplBody(load_body(), True)}, True)
    sample = crop_sample(open_dataset("3dpw", tmp_path), 0, own)
    assert sample.supervision.shape and sample.supervision.occluder
    np.testing.assert_allclose(sample.betas, world.betas[0], rtol=1e-5)
    np.testing.assert_allclose(trained_joints(sample), sample.joints3d[:, :3], atol=1e-4)


def test_without_the_model_of_a_gender_betas_are_unknown(tmp_path, world, settings):
    writers.write_3dpw(tmp_path, world)
    sample = crop_sample(open_dataset("3dpw", tmp_path), 2, settings)  # a woman
    assert sample.supervision.pose and sample.supervision.place  # joints are 3DPW's own
    assert not (sample.supervision.parts or sample.supervision.shape)
    assert (sample.parts == 0).all() and np.isinf(sample.depth).all()
    pelvis = trained_joints(sample)[0]
    np.testing.assert_allclose(pelvis, sample.joints3d[0, :3], atol=1e-4)


def test_a_photo_with_keypoints_has_2d_joints_only(tmp_path, world, settings):
    writers.write_photos(tmp_path, world)
    sample = crop_sample(open_dataset("photos", tmp_path), 0, settings)
    assert not any(vars(sample.supervision).values())
    assert (sample.joints3d[:, 3] == 0).all()
    seen = {JOINT_NAMES[j] for j in np.flatnonzero(sample.joints2d[:, 2])}
    assert {"l_shoulder", "r_hip", "l_knee"} <= seen and "r_knee" not in seen  # writers.HIDDEN
    assert sample.joints2d[JOINT_NAMES.index("l_wrist"), 2] == 0.5  # marked as hidden
    numbers = [v for v in vars(sample).values() if isinstance(v, np.ndarray)]
    assert all(np.isfinite(v).all() for v in numbers if v.shape != sample.depth.shape)
    placeholder = project(sample, trained_joints(sample))
    assert ((placeholder > 0) & (placeholder < SIZE)).all()


def test_past_the_edge_of_the_photo_is_an_occluder(tmp_path, world, settings):
    path = writers.write_photos(tmp_path, world)
    document = json.loads(path.read_text())
    document["annotations"][0]["bbox"] = [0, 0, WIDTH, HEIGHT]
    path.write_text(json.dumps(document))
    sample = crop_sample(open_dataset("photos", tmp_path), 0, settings)
    dark = sample.image[2::4, 2::4].max(-1) < 45
    assert dark.any() and (sample.occluder == dark).mean() > 0.98


def test_fits_to_crops_keep_their_far_camera(tmp_path, world, settings):
    writers.write_eft(tmp_path, world, points=False)
    sample = crop_sample(open_dataset("coco-eft", tmp_path), 0, settings)
    assert sample.supervision.parts and sample.focal > 15 * SIZE
    # EFT's own projection: the crop (1.2 of the box) spans -1..1, x = 0.8 X + 0.1.
    world_joints = world.body.pose(
        rotation_from_axis_angle(torch.from_numpy(world.pose[:1])).float(),
        torch.from_numpy(world.betas[:1]).float(),
        torch.zeros(1, 3),
    ).joints[0]
    span = SIZE / 2 * 1.2 / 1.25
    expected = (0.8 * world_joints[:, :2].numpy() + [0.1, -0.2]) * span + SIZE / 2
    np.testing.assert_allclose(sample.joints2d[:, :2], expected, atol=0.02 * SIZE)


def test_a_body_is_placed_on_its_points():
    rng = np.random.default_rng(0)
    joints, place = rng.normal(0, 0.4, (24, 3)), np.array([0.3, -0.2, 4.0])
    moved = joints + place
    pixels = 300 * moved[:, :2] / moved[:, 2:] + SIZE / 2
    points = np.concatenate([pixels, np.ones((24, 1))], 1)
    points[9:] = 0  # nine are annotated
    found = place_on_points(joints, points, 300, SIZE)
    np.testing.assert_allclose(found, place, atol=1e-4)
    assert place_on_points(joints, points * (np.arange(24) < 5)[:, None], 300, SIZE) is None
    points[:9, :2] = rng.uniform(0, SIZE, (9, 2))  # of another person
    assert place_on_points(joints, points, 300, SIZE) is None
    assert place_on_points(joints, None, 300, SIZE) is None


def test_a_record_without_a_place_is_put_onto_its_points(tmp_path, world, settings):
    writers.write_spin(tmp_path, world)  # which tells no camera, and hides the right knee
    sample = crop_sample(open_dataset("h36m", tmp_path), 0, settings)
    assert sample.supervision.place and sample.supervision.parts and (sample.parts > 0).any()
    apart = np.linalg.norm(project(sample, sample.joints3d) - sample.joints2d[:, :2], axis=1)
    assert np.median(apart) < 0.05 * SIZE and sample.joints2d[writers.HIDDEN, 2] == 1
    bare = crop_sample(open_dataset("h36m", tmp_path), 1, settings)  # has no body
    assert not any(vars(bare.supervision).values()) and bare.joints2d[writers.HIDDEN, 2] == 0
    assert bare.joints3d[JOINT_NAMES.index("l_wrist"), 3] == 1 and bare.joints3d[0, 3] == 0


def test_betas_of_other_rest_joints(settings):
    betas = np.array([1.0, -0.5, 0.3, 0, 0, 0, 0, 0, 0, 0])
    trained = settings.trained
    bones = trained.template + trained.shapedirs @ betas
    found = trained.betas_of(bones + 3.0)  # at any position
    again = trained.template + trained.shapedirs @ found
    np.testing.assert_allclose(again - again[0], bones - bones[0], atol=2e-3)
