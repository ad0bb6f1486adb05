"""The volume renderer's twin against numerical integration, and its gradients."""

import math

import pytest
import torch

from core.geometry.camera import Camera, pixel_rays
from core.render.volume.quadrature import quadrature_weights
from core.render.volume.render import render_sparse
from core.render.volume.sparse import RenderSettings
from core.render.volume.twin import screen_bounds
from tests.dense_render import render_volume

EVERYTHING = RenderSettings(threshold=1e-6, nearest=64)


def random_scene(count: int, seed: int, spread: float = 0.15, batch: int = 1):
    """Flat ellipsoids of a few centimetres, two metres in front of the camera, float64."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    means = normal(batch, count, 3) * spread + torch.tensor([0.0, 0, 2])
    axis = torch.nn.functional.normalize(normal(batch, count, 3), dim=-1)
    across = 0.03 * torch.exp(0.3 * normal(batch, count, 1, 1))
    precisions = torch.eye(3, dtype=torch.float64) + 3 * axis[..., None] * axis[..., None, :]
    return means, precisions / across.square()


def make_camera(batch: int = 1, size: int = 12) -> Camera:
    return Camera.centered(torch.full((batch,), 2.0 * size, dtype=torch.float64), size)


def rms_error(occlusion: str, density: float = 1.0) -> float:
    """Root mean square error of the weights over scenes of crowded kernels."""
    settings = RenderSettings(density=density, threshold=1e-6, nearest=64, occlusion=occlusion)
    camera, errors = make_camera(), []
    rays = pixel_rays(camera, 12, 12).flatten(1, 2)
    for seed in range(4):
        means, precisions = random_scene(40, seed, spread=0.05)
        sparse = render_sparse(means, precisions, camera, 12, 12, settings)
        for row in range(0, len(sparse.opacity), 4):
            exact = quadrature_weights(
                means[0], precisions[0], rays[0, sparse.assignment.pixel[row]], density
            )
            ids = sparse.assignment.kernels[row]
            shown = torch.zeros_like(exact).index_add(
                0, ids.clamp_min(0), sparse.weights[row] * (ids >= 0)
            )
            errors.append((shown - exact).square().sum())
    return torch.stack(errors).mean().sqrt().item()


def test_one_kernel_gets_its_exact_weight():
    means, precisions = random_scene(1, 3, spread=0.02)
    camera = make_camera()
    sparse = render_sparse(means, precisions, camera, 12, 12, EVERYTHING)
    rays = pixel_rays(camera, 12, 12).flatten(1, 2)[0, sparse.assignment.pixel]
    exact = torch.stack([quadrature_weights(means[0], precisions[0], ray)[0] for ray in rays])
    assert len(exact) > 4
    assert torch.allclose(sparse.weights[:, 0], exact, atol=1e-8)


def test_total_opacity_is_exact_however_many_kernels():
    means, precisions = random_scene(30, 5)
    camera = make_camera()
    sparse = render_sparse(means, precisions, camera, 12, 12, EVERYTHING)
    rays = pixel_rays(camera, 12, 12).flatten(1, 2)[0, sparse.assignment.pixel]
    exact = torch.stack([quadrature_weights(means[0], precisions[0], ray).sum() for ray in rays])
    assert torch.allclose(sparse.weights.sum(1), sparse.opacity)
    assert torch.allclose(sparse.opacity, exact, atol=1e-4)  # the threshold leaves out 1e-6 each


def test_gauss_forms_are_close_to_the_integral_and_beat_voge():
    voge, two, three = (rms_error(form) for form in ("voge", "gauss2", "gauss3"))
    assert two < 0.01 and two < 0.3 * voge
    assert three < two


def test_far_kernel_behind_an_opaque_one_is_hidden():
    means = torch.tensor([[[0.0, 0, 3], [0, 0, 2]]], dtype=torch.float64)
    precisions = torch.eye(3, dtype=torch.float64).expand(1, 2, 3, 3) / 0.1**2
    settings = RenderSettings(density=20)
    dense = render_volume(
        means,
        precisions,
        torch.eye(2, dtype=torch.float64)[None],
        make_camera(size=11),
        11,
        11,
        settings,
    )
    middle = dense.features[0, 5, 5]
    assert middle[1] > 0.999 and middle[0] < 1e-3
    assert dense.kernel_ids[0, 5, 5, :2].tolist() == [1, 0]
    assert dense.kernel_depths[0, 5, 5, :2].tolist() == pytest.approx([2.0, 3.0], abs=1e-6)


@pytest.mark.parametrize("occlusion", ["gauss2", "gauss3", "voge"])
def test_gradients_agree_with_finite_differences(occlusion):
    means, precisions = random_scene(5, 7, spread=0.06)
    features = torch.randn(1, 5, 3, generator=torch.Generator().manual_seed(1)).double()
    settings = RenderSettings(threshold=1e-9, nearest=5, occlusion=occlusion)
    inputs = (means.requires_grad_(), precisions.requires_grad_(), features.requires_grad_())

    def render(means, precisions, features):
        dense = render_volume(means, precisions, features, make_camera(size=5), 5, 5, settings)
        return dense.features, dense.opacity, dense.kernel_weights

    assert torch.autograd.gradcheck(render, inputs, atol=1e-6)


def test_batch_equals_one_by_one():
    means, precisions = random_scene(20, 11, batch=3)
    features = torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(2)).double()
    together = render_volume(means, precisions, features, make_camera(3), 12, 12, EVERYTHING)
    for i in range(3):
        alone = render_volume(
            means[i : i + 1],
            precisions[i : i + 1],
            features[i : i + 1],
            make_camera(),
            12,
            12,
            EVERYTHING,
        )
        assert torch.allclose(together.features[i], alone.features[0], atol=1e-12)


def test_bounds_hold_every_pixel_above_the_threshold():
    means, precisions = random_scene(60, 13, spread=0.4)
    camera = make_camera(size=40)
    reach = -math.log(0.01)
    low, high = screen_bounds(means, precisions, camera, (40, 40), reach)
    rays = pixel_rays(camera, 40, 40)[0]
    for k in range(60):
        quadratic = torch.einsum("hwc,cd,hwd->hw", rays, precisions[0, k], rays)
        linear = torch.einsum("hwc,cd,d->hw", rays, precisions[0, k], means[0, k])
        constant = means[0, k] @ precisions[0, k] @ means[0, k]
        touched = (0.5 * (constant - linear**2 / quadratic) <= reach).nonzero()
        if len(touched):
            rows, columns = touched[:, 0], touched[:, 1]
            assert columns.min() >= low[0, k, 0] and columns.max() < high[0, k, 0]
            assert rows.min() >= low[0, k, 1] and rows.max() < high[0, k, 1]
            box = (high - low)[0, k]
            assert box[0] <= columns.max() - columns.min() + 3  # and they are tight
            assert box[1] <= rows.max() - rows.min() + 3


def test_kernels_behind_or_around_the_camera_are_left_out():
    means = torch.tensor([[[0.0, 0, -2], [0, 0, 0.01], [0, 0, 2]]], dtype=torch.float64)
    precisions = torch.eye(3, dtype=torch.float64).expand(1, 3, 3, 3) / 0.05**2
    sparse = render_sparse(means, precisions, make_camera(), 12, 12)
    assert set(sparse.assignment.kernels.flatten().tolist()) <= {2, -1}
    assert 2 in sparse.assignment.kernels


def test_an_empty_view_renders_to_nothing():
    means, precisions = random_scene(3, 1)
    dense = render_volume(
        means + torch.tensor([50.0, 0, 0]),
        precisions,
        torch.ones(1, 3, 2).double(),
        make_camera(),
        12,
        12,
    )
    assert dense.opacity.abs().max() == 0 and dense.features.abs().max() == 0
    assert (dense.kernel_ids == -1).all()


def test_the_same_input_gives_the_same_bits():
    means, precisions = (x.float() for x in random_scene(50, 17, batch=2))
    camera = make_camera(2)
    camera = Camera(camera.focal.float(), camera.center.float())

    def gradient():
        leaf = means.clone().requires_grad_()
        sparse = render_sparse(leaf, precisions, camera, 12, 12)
        (sparse.composite(means).sum() + sparse.weights.square().sum()).backward()
        return leaf.grad

    assert torch.equal(gradient(), gradient())
