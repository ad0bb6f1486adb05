"""The CUDA volume renderer against the twin: thread by thread on the CPU, and on a GPU.

Bands are those of the CPU's native code (tests/render/test_volume_native.py): weights and opacity
2e-6, depth 1e-5 relative, gradients 2e-4 of the largest entry; of the likelihood 1e-4 and 1e-3.
"""

import pytest
import torch

from core.fit.likelihood import LikelihoodSettings
from core.geometry.camera import Camera, pixel_rays
from core.render.volume.native import VolumeScene
from core.render.volume.sparse import OCCLUSION_FORMS, Assignment, RenderSettings
from core.render.volume.twin import assign, ray_gaussian, weigh
from tests.fit import test_likelihood_native as fused
from tests.render.test_volume_native import (
    SCENES,
    assert_near,
    broken_scenes,
    camera32,
    double,
    scene32,
)

SIZE = (21, 26)  # neither is a multiple of a tile's


def scene_of(means, precisions, settings, size=SIZE):
    return VolumeScene.of(means, precisions, camera32(len(means)), size, settings)


def rays_of(batch):
    return pixel_rays(double(camera32(batch)), *SIZE).flatten(1, 2)


def listed(assignment):
    rows = zip(
        assignment.batch.tolist(),
        assignment.pixel.tolist(),
        assignment.kernels.tolist(),
        strict=True,
    )
    return {(batch, pixel): [k for k in ids if k >= 0] for batch, pixel, ids in rows}


# --- assignment ---


@pytest.mark.parametrize(("count", "spread"), SCENES)
@pytest.mark.parametrize("nearest", [4, 20])
def test_assignments_differ_at_ties_and_cut_offs_alone(calls, count, spread, nearest):
    settings = RenderSettings(nearest=nearest)
    means, precisions = scene32(count, 7, spread, batch=2)
    ours = calls.assign(scene_of(means, precisions, settings))
    rays = rays_of(2)
    theirs = assign(means, precisions, camera32(2), rays.float(), SIZE, settings)
    mine, other = listed(ours), listed(theirs)
    assert list(mine) == sorted(mine) and ours.kernels.shape[1] == theirs.kernels.shape[1]
    differing = [p for p in mine.keys() | other.keys() if mine.get(p) != other.get(p)]
    assert len(differing) <= 0.02 * len(other)
    for batch, pixel in differing:
        _, peak, miss = ray_gaussian(
            means[batch].double(), precisions[batch].double(), rays[batch, pixel]
        )
        close = ((torch.exp(-miss) - settings.threshold).abs() < 1e-5).any()
        pairs = zip(mine.get((batch, pixel), []), other.get((batch, pixel), []), strict=False)
        assert close or all((peak[a] - peak[b]).abs() < 1e-6 for a, b in pairs)


def test_equal_depths_are_ordered_by_id_and_cut_there(calls):
    means = torch.tensor([[[0.0, 0, 2]]]).expand(1, 70, 3).contiguous()
    precisions = (torch.eye(3) / 0.2**2).expand(1, 70, 3, 3).contiguous()
    ids = calls.assign(scene_of(means, precisions, RenderSettings(nearest=40))).kernels
    assert len(ids) > 9 and (ids == torch.arange(40)).all()


def test_equal_depths_at_different_distances_are_ordered_by_id(calls):
    means = torch.tensor([[[0.1, 0, 2], [0.0, 0, 2], [0.05, 0, 2]]])
    precisions = (torch.eye(3) / 0.2**2).expand(1, 3, 3, 3).contiguous()
    camera = Camera(torch.tensor([50.0]), torch.tensor([[10.5, 10.5]]))
    ours = calls.assign(VolumeScene.of(means, precisions, camera, SIZE, RenderSettings()))
    straight_ahead = (ours.pixel == 10 * SIZE[1] + 10).nonzero().item()
    assert ours.kernels[straight_ahead].tolist() == [0, 1, 2]


def test_the_last_kernels_of_a_long_list_count(calls):
    means, precisions = scene32(300, 4, 0.05)
    far_first = means[:, means[0, :, 2].argsort(descending=True)].contiguous()
    ours = calls.assign(scene_of(far_first, precisions, RenderSettings(nearest=3)))
    theirs = assign(
        far_first, precisions, camera32(), rays_of(1).float(), SIZE, RenderSettings(nearest=3)
    )
    same = [listed(ours).get(p) == ids for p, ids in listed(theirs).items()]
    assert sum(same) >= 0.98 * len(same) > 50


@pytest.mark.parametrize(("mean", "precision"), [s[1:] for s in broken_scenes()])
def test_kernels_that_cannot_be_seen_are_not_drawn(calls, mean, precision):
    means, precisions = scene32(2, 15, 0.02)
    means = torch.cat([means, mean[None, None]], 1)
    precisions = torch.cat([precisions, precision[None, None]], 1)
    scene = scene_of(means, precisions, RenderSettings())
    assignment = calls.assign(scene)
    assert set(assignment.kernels.flatten().tolist()) <= {-1, 0, 1}
    weights, opacity, depth = calls.weigh(scene, assignment)
    assert weights.isfinite().all() and opacity.max() > 0.1
    grads = calls.weigh_backward(scene, assignment, weights, opacity, torch.zeros_like(depth))
    assert grads[0][:, :2].isfinite().all() and grads[0][:, :2].abs().max() > 0
    assert all((grad[:, 2] == 0).all() for grad in grads)


# --- weights and features ---


@pytest.mark.parametrize("form", OCCLUSION_FORMS)
@pytest.mark.parametrize(("count", "spread"), SCENES)
def test_weights_opacity_and_depth_are_the_twins(calls, form, count, spread):
    settings = RenderSettings(occlusion=form)
    means, precisions = scene32(count, 3, spread, batch=2)
    scene = scene_of(means, precisions, settings)
    assignment = calls.assign(scene)
    weights, opacity, depth = calls.weigh(scene, assignment)
    exact = weigh(assignment, means.double(), precisions.double(), rays_of(2), settings)
    assert len(opacity) > 50
    assert torch.allclose(weights.double(), exact.weights, atol=2e-6)
    assert torch.allclose(opacity.double(), exact.opacity, atol=2e-6)
    assert torch.allclose(depth.double(), exact.depth, rtol=1e-5)


@pytest.mark.parametrize("form", OCCLUSION_FORMS)
@pytest.mark.parametrize(("count", "spread", "dim"), [(60, 0.15, 5), (12, 0.002, 140)])
def test_gradients_are_the_twins(calls, form, count, spread, dim):
    settings = RenderSettings(occlusion=form)
    means, precisions = scene32(count, 5, spread, batch=2)
    features = torch.randn(2, count, dim, generator=torch.Generator().manual_seed(1))
    scene = scene_of(means, precisions, settings)
    assignment = calls.assign(scene)
    weights, opacity, _ = calls.weigh(scene, assignment)
    out = calls.composite(scene, assignment, weights, features)
    mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(2))
    seen = assignment.kernels >= 0
    by_weights, by_features = calls.composite_backward(scene, assignment, weights, features, mix)
    ours = calls.weigh_backward(scene, assignment, by_weights, 2 * opacity, 0.1 * seen.float())

    leaves = [x.double().requires_grad_() for x in (means, precisions, features)]
    exact = weigh(assignment, leaves[0], leaves[1], rays_of(2), settings)
    rendered = exact.composite(leaves[2])
    depth = exact.depth.masked_fill(~seen, 0)
    ((rendered * mix).sum() + exact.opacity.square().sum() + 0.1 * depth.sum()).backward()
    grads = [leaf.grad for leaf in leaves]
    grads[1] = (grads[1] + grads[1].transpose(-1, -2)) / 2
    assert_near(out, rendered.detach(), 1e-5)
    for our, reference in zip((*ours, by_features), grads, strict=True):
        assert_near(our, reference, 2e-4)


def test_a_needle_a_sheet_a_speck_and_a_wall_have_finite_weights(calls):
    shapes = torch.tensor([[1e6, 1e6, 4.0], [4.0, 4, 1e6], [1e9, 1e9, 1e9], [2.0, 2, 2]])
    means = torch.tensor([[[0.0, 0, 3], [0, 0, 3], [0.01, 0.01, 2], [0, 0, 4]]])
    scene = scene_of(means, torch.diag_embed(shapes)[None], RenderSettings())
    assignment = calls.assign(scene)
    weights, opacity, depth = calls.weigh(scene, assignment)
    assert weights.isfinite().all() and opacity.max() <= 1
    grads = calls.weigh_backward(
        scene, assignment, torch.ones_like(weights), opacity, torch.zeros_like(depth)
    )
    assert all(grad.isfinite().all() for grad in grads)


def test_an_empty_view_is_empty(calls):
    means, precisions = scene32(5, 1)
    scene = scene_of(means + torch.tensor([50.0, 0, 0]), precisions, RenderSettings())
    assignment = calls.assign(scene)
    assert assignment.kernels.shape == (0, 1)
    weights, opacity, depth = calls.weigh(scene, assignment)
    assert calls.composite(scene, assignment, weights, torch.ones(1, 5, 4)).shape == (0, 4)
    grads = calls.weigh_backward(scene, assignment, weights, opacity, depth)
    assert all((grad == 0).all() for grad in grads)


def test_people_without_rows_between_others(calls):
    means, precisions = scene32(20, 2, batch=3)
    means[1, :, 2] *= -1
    scene = scene_of(means, precisions, RenderSettings())
    assignment = calls.assign(scene)
    assert set(assignment.batch.tolist()) == {0, 2}
    weights, opacity, depth = calls.weigh(scene, assignment)
    flat = torch.zeros_like(depth)
    together = calls.weigh_backward(scene, assignment, weights, opacity, flat)
    assert (together[0][1] == 0).all()
    for person in (0, 2):
        rows = assignment.batch == person
        alone = Assignment(*(part[rows] for part in vars(assignment).values()))
        alone = Assignment(alone.batch * 0, alone.pixel, alone.kernels)
        one = scene_of(means[person : person + 1], precisions[person : person + 1], scene.settings)
        grads = calls.weigh_backward(one, alone, weights[rows], opacity[rows], flat[rows])
        for part, whole in zip(grads, together, strict=True):
            assert torch.equal(part[0], whole[person])


# --- the likelihood ---


def explain(calls, world, likelihood, render, with_gradient=True):
    camera = fused.camera(len(world[0]), world[0])
    scene = VolumeScene.of(world[0], world[1], camera, fused.SIZE, render)
    return calls.nll(scene, world, likelihood, with_gradient)


def assert_explained(calls, world, likelihood, render):
    value, *grads = explain(calls, fused.float32(world), likelihood, render)
    leaves = [tensor.clone().requires_grad_() for tensor in world[:3]]
    exact = fused.twin((*leaves, *world[3:]), likelihood, render)
    exact.sum().backward()
    references = [leaf.grad for leaf in leaves]
    references[1] = (references[1] + references[1].transpose(-1, -2)) / 2
    assert torch.allclose(value.double(), exact.detach(), rtol=1e-4, atol=1e-3)
    for grad, reference in zip(grads, references, strict=True):
        assert_near(grad, reference, 1e-3)


@pytest.mark.parametrize("form", OCCLUSION_FORMS)
def test_value_and_gradients_are_the_twins(calls, form):
    world = fused.make_world()
    assert_explained(calls, world, LikelihoodSettings(), RenderSettings(occlusion=form))


@pytest.mark.parametrize(("dim", "bins"), [(3, 1), (64, 8), (66, 5), (68, 2), (128, 4)])
def test_every_dimension_and_number_of_orientations(calls, dim, bins):
    world = fused.make_world(bins=bins, dim=dim)
    assert_explained(calls, world, LikelihoodSettings(), RenderSettings())


@pytest.mark.parametrize(
    "likelihood",
    [
        LikelihoodSettings(use_occlusion=False),
        LikelihoodSettings(equal_variance=False, visible=0.8),
        LikelihoodSettings(temper=1.0, background_cap=2.0),
    ],
)
def test_every_setting_of_the_likelihood(calls, likelihood):
    assert_explained(calls, fused.make_world(seed=3), likelihood, RenderSettings())


@pytest.mark.parametrize(
    ("kernels", "spread", "render"),
    [
        (120, 0.02, RenderSettings(nearest=5)),  # more kernels in a tile than are indexed at once
        (260, 0.05, RenderSettings(nearest=40)),  # more shared memory than every device grants
        (3, 0.2, RenderSettings(density=5.0)),
    ],
)
def test_crowds_and_few_kernels_a_pixel(calls, kernels, spread, render):
    world = fused.make_world(kernels=kernels, spread=spread, seed=4, batch=1)
    assert_explained(calls, world, LikelihoodSettings(), render)


def test_value_needs_no_gradient(calls):
    world = fused.float32(fused.make_world(batch=1))
    both = [
        explain(calls, world, LikelihoodSettings(), RenderSettings(), with_gradient)[0]
        for with_gradient in (True, False)
    ]
    assert torch.equal(*both)


def test_neither_the_order_of_threads_nor_the_batch_changes_a_bit(calls, monkeypatch):
    world = fused.float32(fused.make_world(kernels=200, spread=0.1, seed=6))
    settings = LikelihoodSettings(), RenderSettings()
    first = explain(calls, world, *settings)
    for order in ("1", "5"):
        monkeypatch.setenv("ON_CPU_ORDER", order)
        for one, other in zip(first, explain(calls, world, *settings), strict=True):
            assert torch.equal(one, other)
    alone = [t[1:] if i in (0, 1, 2, 4, 5) else t for i, t in enumerate(world)]
    for whole, part in zip(first, explain(calls, alone, *settings), strict=True):
        assert torch.equal(whole[1:], part)


def test_rows_do_not_depend_on_the_order_of_threads(calls, monkeypatch):
    means, precisions = scene32(40, 9, 0.1)
    features = torch.randn(1, 40, 34, generator=torch.Generator().manual_seed(0))
    scene = scene_of(means, precisions, RenderSettings())

    def everything():
        assignment = calls.assign(scene)
        weights, opacity, depth = calls.weigh(scene, assignment)
        out = calls.composite(scene, assignment, weights, features)
        back = calls.composite_backward(scene, assignment, weights, features, out)
        flat = torch.zeros_like(depth)
        shapes = calls.weigh_backward(scene, assignment, weights, opacity, flat)
        return [assignment.kernels, weights, opacity, depth, out, *back, *shapes]

    first = everything()
    for order in ("1", "5"):
        monkeypatch.setenv("ON_CPU_ORDER", order)
        for one, other in zip(first, everything(), strict=True):
            assert torch.equal(one, other)


def test_nan_stays_with_its_person(calls):
    world = list(fused.float32(fused.make_world(seed=7)))
    world[4] = world[4].clone()
    world[4][0, 200:400] = torch.nan
    value, means, *_ = explain(calls, world, LikelihoodSettings(), RenderSettings())
    assert value[0].isnan() and value[1].isfinite()
    assert not means[0].isfinite().all() and means[1].isfinite().all()


def test_people_out_of_view_have_no_value_and_gradient(calls):
    world = list(fused.float32(fused.make_world(batch=1)))
    world[0] = world[0] + torch.tensor([50.0, 0, 0])
    results = explain(calls, world, LikelihoodSettings(), RenderSettings())
    assert all((result == 0).all() for result in results)


# --- bad input ---


def test_bad_input_is_refused_with_a_reason(calls):
    world = fused.float32(fused.make_world(batch=1, kernels=5))
    with pytest.raises(RuntimeError, match="shared memory"):
        explain(calls, world, LikelihoodSettings(), RenderSettings(nearest=250))
    with pytest.raises(RuntimeError, match="255 kernels"):
        explain(calls, world, LikelihoodSettings(), RenderSettings(nearest=300))
    means, precisions = scene32(2, 1)
    good = scene_of(means, precisions, RenderSettings())
    bad = VolumeScene(means, precisions, good.camera, SIZE, RenderSettings(threshold=1.5))
    with pytest.raises(RuntimeError, match="threshold"):
        calls.assign(bad)
