"""Augmentation keeps the labels exact: bodies, masks and depth follow the pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.geometry.camera import project
from core.nbv.volume import NeuralBodyVolume
from core.train.batches.augment import (
    AugmentSettings,
    Truth,
    augment,
    change_view,
    cover_with_patch,
    draw_augmentation,
    draw_colours,
    draw_patch,
    draw_view,
    mirror,
)
from core.train.batches.batch import kernel_truth
from core.train.batches.loader import collate, rest_pelvis
from tests.train.people import splat_person

NOTHING = AugmentSettings(flip=0, roll=0, shift=0, zoom=0, colour=0, grey=0)


@pytest.fixture(scope="module")
def volume() -> NeuralBodyVolume:
    return NeuralBodyVolume.from_body(load_body(), kernels=60)


@pytest.fixture(scope="module")
def truth() -> Truth:
    sample = splat_person(128, np.random.default_rng(3))
    return Truth(
        image=sample["image"],
        focal=float(sample["focal"]),
        pose=sample["pose"].astype(float),
        betas=sample["betas"].astype(float),
        transl=sample["transl"].astype(float),
        parts=np.ascontiguousarray(sample["parts"][2::4, 2::4]),
        occluder=np.zeros((32, 32), bool),
        depth=sample["depth"].astype(np.float32),
    )


def joints_and_pixels(volume: NeuralBodyVolume, truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    batch = collate([truth])
    joints = kernel_truth(volume, batch, 4).joints
    return joints[0].double().numpy(), project(batch.camera, joints)[0].numpy()


def test_mirror(volume: NeuralBodyVolume, truth: Truth) -> None:
    pelvis = rest_pelvis(volume, truth.betas)
    flipped = mirror(truth, pelvis)
    joints, pixels = joints_and_pixels(volume, truth)
    other_joints, other_pixels = joints_and_pixels(volume, flipped)
    left_right = [
        0,
        2,
        1,
        3,
        5,
        4,
        6,
        8,
        7,
        9,
        11,
        10,
        12,
        14,
        13,
        15,
        17,
        16,
        19,
        18,
        21,
        20,
        23,
        22,
    ]
    # the embedded body is symmetric to about a millimetre
    np.testing.assert_allclose(other_joints[left_right], joints * [-1, 1, 1], atol=2e-3)
    np.testing.assert_allclose(other_pixels[left_right, 0], 128 - pixels[:, 0], atol=0.3)
    hand = truth.parts == 1 + 22
    assert hand.any()
    assert (flipped.parts[:, ::-1][hand] == 1 + 23).all()
    back = mirror(flipped, pelvis)
    np.testing.assert_allclose(back.pose, truth.pose)
    np.testing.assert_allclose(back.transl, truth.transl)
    assert (back.image == truth.image).all()
    assert (back.depth == truth.depth).all()


def test_change_view_moves_the_body_by_the_rotation(volume: NeuralBodyVolume, truth: Truth) -> None:
    pelvis = rest_pelvis(volume, truth.betas)
    settings = AugmentSettings(roll=25, shift=0.1, zoom=0.2)
    view = draw_view(settings, np.random.default_rng(1))
    rotation, zoom = view.rotation(truth), view.zoom
    moved = change_view(truth, pelvis, rotation, zoom)
    joints, _ = joints_and_pixels(volume, truth)
    new_joints, _ = joints_and_pixels(volume, moved)
    np.testing.assert_allclose(new_joints, joints @ rotation.T, atol=1e-4)
    assert moved.focal == pytest.approx(truth.focal * zoom)


@pytest.mark.parametrize("seed", range(3))
def test_pixels_follow(volume: NeuralBodyVolume, truth: Truth, seed: int) -> None:
    """Parts, image and depth, looked up at the moved kernels, are what they were before."""
    pelvis = rest_pelvis(volume, truth.betas)
    settings = AugmentSettings(roll=20, shift=0.05, zoom=0.1)
    view = draw_view(settings, np.random.default_rng(seed))
    moved = change_view(truth, pelvis, view.rotation(truth), view.zoom)
    seen = []
    for each in (truth, moved):
        batch = collate([each])
        kernels = kernel_truth(volume, batch, 4)
        column, row = (kernels.xy[0] / 4).long().clamp(0, 31).unbind(-1)
        parts = batch.parts[0, row, column]
        depth = batch.depth[0, 2 * row, 2 * column]
        means = volume.pose(batch.rotations, batch.betas, batch.transl).means[0, :, 2]
        seen.append((parts, depth - means, kernels.visible[0]))
    both = seen[0][2] & seen[1][2]
    assert both.sum() > 8
    assert (seen[0][0] == seen[1][0])[both].float().mean() > 0.7
    gap = (seen[0][1] - seen[1][1])[both]
    assert gap[torch.isfinite(gap)].abs().median() < 0.02


def test_nothing_changes_nothing(volume: NeuralBodyVolume, truth: Truth) -> None:
    pelvis = rest_pelvis(volume, truth.betas)
    same = augment(truth, pelvis, draw_augmentation(128, NOTHING, np.random.default_rng(0)))
    assert (same.image == truth.image).all()
    assert (same.parts == truth.parts).all()
    np.testing.assert_allclose(same.pose, truth.pose, atol=1e-12)
    np.testing.assert_array_equal(same.depth, truth.depth)


def test_beyond_the_photo_is_black_and_occluded(volume: NeuralBodyVolume, truth: Truth) -> None:
    small = change_view(truth, rest_pelvis(volume, truth.betas), np.eye(3), 0.5)
    assert (small.image[:28] == 0).all()
    assert small.occluder[:7].all()
    assert not small.occluder[10:22, 10:22].any()


def test_patch_is_marked(truth: Truth) -> None:
    covered = cover_with_patch(truth, draw_patch(128, np.random.default_rng(0)))
    changed = (covered.image != truth.image).any(-1)[2::4, 2::4]
    assert 0.01 < covered.occluder.mean() < 0.3
    assert changed[covered.occluder].mean() > 0.95
    assert not changed[~covered.occluder].any()


def test_grey(truth: Truth) -> None:
    settings = AugmentSettings(colour=0.0, grey=1.0)
    colours = draw_colours(settings, np.random.default_rng(0))
    image = cv2.transform(truth.image, colours).astype(int)
    assert np.abs(image - image.mean(-1, keepdims=True)).max() <= 1


def test_same_seed_same_bits(volume: NeuralBodyVolume, truth: Truth) -> None:
    pelvis, settings = rest_pelvis(volume, truth.betas), AugmentSettings(patches=1)
    one, two = (
        augment(truth, pelvis, draw_augmentation(128, settings, np.random.default_rng(5)))
        for _ in range(2)
    )
    assert all(
        np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(two).values(), strict=True)
    )
