"""Partially labelled people: losses use their labels and ignore the placeholders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.datasets.training_sample import SampleSupervision
from core.geometry.camera import project
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume
from core.nets.network import PoseNetwork
from core.nets.presets import find_preset
from core.synth.shards import ShardDataset
from core.train.batches.augment import AugmentSettings, draw_augmentation
from core.train.batches.batch import UNKNOWN_PART, kernel_truth
from core.train.batches.loader import crop_truth, rest_pelvis
from core.train.batches.partially_labelled import (
    Batch,
    PartiallyLabelledCrop,
    augment_partially_labelled,
    collate_partially_labelled,
    fully_labelled,
)
from core.train.batches.supervision import Supervision
from core.train.batches.truth import BodyTruth
from core.train.heads.regression_head import collect_head_data
from core.train.losses.body import body_losses
from core.train.losses.masked import joints3d_loss
from core.train.losses.ranking import RankingSettings, ranking_loss
from core.train.losses.regression import RegressionWeights, parts_loss

NOTHING = SampleSupervision(pose=False, shape=False, place=False, parts=False, occluder=False)
NEEDED = {
    "pose": "pose",
    "betas": "shape",
    "camera": "place",
    "keypoints3d": "joints3d",
    "keypoints2d": "joints2d",
}
"""What each loss needs."""


@pytest.fixture
def batch(shards: ShardDataset, volume: NeuralBodyVolume) -> Batch:
    return collate_partially_labelled(
        [fully_labelled(crop_truth(shards[i])) for i in (0, 6, 7)], volume
    )


def truth_in(batch: Batch, supervision: Supervision | None) -> BodyTruth:
    return replace(BodyTruth.of(batch), supervision=supervision)


def predicted(batch: Batch) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    turned = torch.linalg.qr(torch.randn(len(batch.focal), 24, 3, 3, generator=generator)).Q
    betas = torch.randn(batch.betas.shape, generator=generator)
    camera = torch.tensor([[0.9, 0.1, 0.0]]).repeat(len(betas), 1)
    return turned.requires_grad_(), betas.requires_grad_(), camera.requires_grad_()


def losses_of(
    batch: Batch, supervision: Supervision | None, volume: NeuralBodyVolume
) -> dict[str, torch.Tensor]:
    truth = truth_in(batch, supervision)
    return body_losses(*predicted(batch), truth, volume, RegressionWeights())


def with_only(supervision: Supervision, name: str, rows: list[int]) -> Supervision:
    """Keep one label of some people only."""
    value = getattr(supervision, name).clone()
    others = [row for row in range(len(value)) if row not in rows]
    value[others] = 0
    return replace(supervision, **{name: value})


def test_fully_labelled_people_have_the_usual_losses(batch, volume) -> None:
    full, marked = losses_of(batch, None, volume), losses_of(batch, batch.supervision, volume)
    assert full.keys() == marked.keys() == NEEDED.keys()
    for name, value in full.items():
        torch.testing.assert_close(marked[name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NEEDED)
def test_a_loss_is_the_mean_over_labelled_people(name, batch, volume) -> None:
    losses = losses_of(batch, with_only(batch.supervision, NEEDED[name], [1]), volume)
    every = losses_of(batch, batch.supervision, volume)
    kept = torch.tensor([1])
    bodies = tuple(p[kept] for p in predicted(batch))
    truth = truth_in(batch, batch.supervision).select(kept)
    alone = body_losses(*bodies, truth, volume, RegressionWeights())
    for other, value in losses.items():
        torch.testing.assert_close(value, alone[other] if other == name else every[other])


@pytest.mark.parametrize("name", NEEDED)
def test_a_loss_without_labels_is_zero(name, batch, volume) -> None:
    supervision = with_only(batch.supervision, NEEDED[name], [])
    guess = predicted(batch)
    loss = body_losses(*guess, truth_in(batch, supervision), volume, RegressionWeights())[name]
    gradients = torch.autograd.grad(loss, guess, allow_unused=True)
    assert loss.item() == 0
    assert all(g is None or not g.any() for g in gradients)


def test_a_body_close_to_the_camera_has_a_finite_gradient(batch, volume) -> None:
    rotations = torch.eye(3).repeat(3, 24, 1, 1)
    rotations[:, 0] = torch.diag(torch.tensor([1.0, -1.0, -1.0]))  # with the feet before it
    rotations.requires_grad_()
    betas = torch.zeros(3, 10, requires_grad=True)
    resting = volume.joints(rotations, betas, torch.zeros(3, 3))
    depth = 1e-4 - resting[..., 2].min().item()  # of a joint: a tenth of a millimetre
    scale = 2 * batch.focal / (batch.size * depth)
    camera = torch.stack([scale, 0 * scale, 0 * scale], 1).requires_grad_()
    truth = truth_in(batch, batch.supervision)
    loss = body_losses(rotations, betas, camera, truth, volume, RegressionWeights())["keypoints2d"]
    gradients = torch.autograd.grad(loss, [rotations, betas, camera])
    assert all(g.isfinite().all() and g.norm() < 1e3 for g in gradients)


def test_joints_without_a_pelvis_are_compared_about_their_mean() -> None:
    generator = torch.Generator().manual_seed(1)
    joints = torch.randn(2, 24, 3, generator=generator)
    confidence = torch.zeros(2, 24, 1)
    confidence[:, [4, 5, 7, 16]] = 1
    moved = torch.cat([joints + torch.tensor([0.3, -1.0, 5.0]), confidence], -1)
    assert float(joints3d_loss(joints, moved)) < 1e-10
    moved[:, 4, 0] += 0.4  # a quarter of it moves the mean
    expected = (0.3**2 + 3 * 0.1**2) / 4 / 3
    assert float(joints3d_loss(joints, moved)) == pytest.approx(expected, rel=1e-4)
    moved[:, 5, :3] = 100.0
    moved[:, 5, 3] = 0  # a joint without a label does not count
    assert float(joints3d_loss(joints, moved)) < 0.1


def test_unknown_parts_have_no_loss() -> None:
    logits = torch.randn(2, 25, 4, 4, generator=torch.Generator().manual_seed(2))
    parts = torch.randint(0, 25, (2, 4, 4), generator=torch.Generator().manual_seed(3))
    marked = parts.clone()
    marked[1] = UNKNOWN_PART
    logits.requires_grad_()
    loss = parts_loss(logits, marked)
    torch.testing.assert_close(loss, parts_loss(logits[:1], parts[:1]))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[0].any() and not gradient[1].any()


@pytest.mark.parametrize("missing", ["parts", "occluder", "pose", "place"])
def test_kernels_with_unknown_occlusion_are_not_visible(missing, shards, volume) -> None:
    samples = [fully_labelled(crop_truth(shards[i])) for i in (0, 6)]
    samples[1] = replace(
        samples[1], supervision=replace(samples[1].supervision, **{missing: False})
    )
    batch = collate_partially_labelled(samples, volume)
    visible = kernel_truth(volume, batch, 4).visible
    assert visible[0].any() and not visible[1].any()
    assert (batch.parts[1] == UNKNOWN_PART).all() == (missing == "parts")
    assert (batch.parts[0] >= 0).all()


def test_joint_labels_follow_the_augmentation(shards, volume) -> None:
    """Marked joints end where those of the body do, whatever is done to the crop."""
    settings = AugmentSettings(flip=0.5, patches=0.5)
    random = np.random.default_rng(5)
    flips = set()
    for index in range(6):
        change = draw_augmentation(256, settings, random)
        flips.add(change.flip)
        truth = crop_truth(shards[index])
        pelvis = rest_pelvis(volume, truth.betas)
        (joints,) = (
            collate_partially_labelled([fully_labelled(truth)], volume)
            .supervision.joints3d.double()
            .numpy()
        )
        sample = PartiallyLabelledCrop(truth, NOTHING, joints, _marked(joints, truth.focal))
        moved = collate_partially_labelled(
            [augment_partially_labelled(sample, pelvis, change)], volume
        )
        expected = volume.joints(moved.rotations, moved.betas, moved.transl)
        supervision = moved.supervision
        torch.testing.assert_close(supervision.joints3d[..., :3], expected, rtol=0, atol=1e-4)
        pixels = project(moved.camera, expected)
        torch.testing.assert_close(supervision.joints2d[..., :2], pixels, rtol=0, atol=0.05)
        assert not supervision.pose.any() and not supervision.parts.any()
    assert flips == {True, False}


def _marked(joints: np.ndarray, focal: float) -> np.ndarray:
    pixels = focal * joints[:, :2] / joints[:, 2:3] + 128
    return np.concatenate([pixels, np.ones((24, 1))], 1)


def test_confidences_survive_a_mirror(shards, volume) -> None:
    truth = crop_truth(shards[0])
    settings = AugmentSettings(flip=1, roll=0, shift=0, zoom=0)
    points = np.zeros((24, 3))
    points[20] = [30.0, 40.0, 0.5]  # the left wrist, hidden
    change = draw_augmentation(256, settings, np.random.default_rng(0))
    sample = PartiallyLabelledCrop(truth, NOTHING, np.zeros((24, 4)), points)
    moved = augment_partially_labelled(sample, rest_pelvis(volume, truth.betas), change)
    assert np.flatnonzero(moved.joints2d[:, 2]).tolist() == [21]
    np.testing.assert_allclose(moved.joints2d[21], [226.0, 40.0, 0.5], atol=1e-6)


def test_supervision_is_concatenated_and_selected(batch) -> None:
    supervision = batch.supervision
    twice = Supervision.concatenate([supervision, supervision])
    assert twice is not None and len(twice.pose) == 6
    assert torch.equal(twice.select(torch.tensor([4])).joints2d, supervision.joints2d[1:2])
    assert Supervision.concatenate([None, None]) is None
    with pytest.raises(ValueError, match="others have none"):
        Supervision.concatenate([supervision, None])
    assert batch.to("cpu").supervision.pose.tolist() == [True] * 3


def test_head_data_keeps_the_supervision(batch) -> None:
    network = PoseNetwork(find_preset("lite"))
    some = replace(batch, supervision=with_only(batch.supervision, "pose", [0]))
    truth = collect_head_data(network, [some, some]).truth
    assert truth.supervision is not None
    assert truth.supervision.pose.tolist() == 2 * [True, False, False]
    assert truth.select(torch.tensor([3, 1])).supervision.pose.tolist() == [True, False]


def test_people_with_unknown_occlusion_are_not_ranked(batch, volume) -> None:
    random = torch.Generator().manual_seed(0)
    phi = F.normalize(torch.randn(volume.kernels, 4, 8, generator=random), dim=-1)
    bank = FeatureBank(phi, phi[0, 0], torch.tensor(0.3), torch.tensor(0.3))
    features = torch.randn(3, 8, 16, 16, generator=random).requires_grad_()
    some = replace(batch, supervision=with_only(batch.supervision, "occluder", [1]))
    loss = ranking_loss(features, bank, volume, some, RankingSettings(), random)
    (gradient,) = torch.autograd.grad(loss, features)
    assert gradient[1].any() and not gradient[[0, 2]].any()
