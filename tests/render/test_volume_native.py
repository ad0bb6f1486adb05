"""The native volume renderer against its twin, and its guarantees.

The twin runs in float64 on the native assignment: what is left is rounding. Bands: weights and
opacity 2e-6 (the native normal distribution is good to 1e-7, and weights add up some twenty), depth
1e-5 relative, gradients 2e-4 of the largest entry. Assignments may differ where a kernel is within
1e-5 of the threshold, or two depths within 1e-6 of each other.
"""

import pytest
import torch

from core.geometry.camera import Camera, pixel_rays
from core.native import load_native
from core.render.volume.render import render_sparse
from core.render.volume.sparse import OCCLUSION_FORMS, RenderSettings
from core.render.volume.twin import assign, ray_gaussian, weigh
from tests.dense_render import render_volume
from tests.render.test_volume import make_camera, random_scene
from tests.shapes import unchecked

pytestmark = pytest.mark.skipif(load_native() is None, reason="no native library is built")
SIZE = (24, 31)


def camera32(batch=1, size=24):
    camera = make_camera(batch, size)
    return Camera(camera.focal.float(), camera.center.float())


def scene32(count, seed, spread=0.15, batch=1):
    means, precisions = random_scene(count, seed, spread, batch)
    return means.float(), precisions.float()


def double(camera):
    return Camera(camera.focal.double(), camera.center.double())


def variants():
    from core.render.volume.native import instruction_set

    return [isa for isa in (1, 2, 3) if instruction_set(isa)]


def native(means, precisions, settings, isa=0, camera=None, size=SIZE):
    from core.render.volume.ops import render_sparse_native

    camera = camera or camera32(len(means))
    return render_sparse_native(means, precisions, camera, size, settings, isa)


def twin(sparse, means, precisions, settings, camera=None, size=SIZE):
    rays = pixel_rays(double(camera or camera32(len(means))), *size).flatten(1, 2)
    return weigh(sparse.assignment, means, precisions, rays, settings)


def assert_near(ours, reference, band):
    scale = reference.abs().max().clamp_min(1e-12)
    assert (ours.double() - reference).abs().max() <= band * scale


SCENES = [(60, 0.15), (200, 0.3), (40, 0.03), (12, 0.002)]  # the last two: kernels in each other


@pytest.mark.parametrize("form", OCCLUSION_FORMS)
@pytest.mark.parametrize(("count", "spread"), SCENES)
def test_weights_opacity_and_depth_are_the_twins(form, count, spread):
    settings = RenderSettings(occlusion=form)
    means, precisions = scene32(count, 3, spread, batch=2)
    ours = native(means, precisions, settings)
    exact = twin(ours, means.double(), precisions.double(), settings)
    assert len(ours.opacity) > 50
    assert torch.allclose(ours.weights.double(), exact.weights, atol=2e-6)
    assert torch.allclose(ours.opacity.double(), exact.opacity, atol=2e-6)
    assert torch.allclose(ours.depth.double(), exact.depth, rtol=1e-5)


@pytest.mark.parametrize("isa", [1, 2, 3])
@pytest.mark.parametrize("form", OCCLUSION_FORMS)
@pytest.mark.parametrize(("count", "spread"), SCENES)
def test_gradients_are_the_twins(form, count, spread, isa):
    if isa not in variants():
        pytest.skip("not on this processor")
    settings = RenderSettings(occlusion=form)
    means, precisions = scene32(count, 5, spread, batch=2)
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(2, count, 5, generator=generator)

    def gradients(render, dtype):
        leaves = [x.to(dtype, copy=True).requires_grad_() for x in (means, precisions, features)]
        sparse = render(leaves[0], leaves[1])
        out = sparse.composite(leaves[2])
        mix = torch.randn(out.shape, generator=torch.Generator().manual_seed(2)).to(dtype)
        depth = sparse.depth.masked_fill(sparse.assignment.kernels < 0, 0)
        cost = (out * mix).sum() + sparse.opacity.square().sum() + 0.1 * depth.sum()
        cost.backward()
        grads = [leaf.grad for leaf in leaves]
        grads[1] = (grads[1] + grads[1].transpose(-1, -2)) / 2
        return grads

    given = native(means, precisions, settings, isa)
    ours = gradients(lambda m, p: native(m, p, settings, isa), torch.float32)
    exact = gradients(lambda m, p: twin(given, m, p, settings), torch.float64)
    for our, reference in zip(ours, exact, strict=True):
        assert_near(our, reference, 2e-4)


@pytest.mark.parametrize(("count", "spread"), SCENES)
@pytest.mark.parametrize("nearest", [4, 20])
def test_assignments_differ_at_ties_and_cut_offs_alone(count, spread, nearest):
    settings = RenderSettings(nearest=nearest)
    means, precisions = scene32(count, 7, spread)
    ours = native(means, precisions, settings).assignment
    camera = camera32()
    rays = pixel_rays(camera, *SIZE).flatten(1, 2)
    theirs = assign(means, precisions, camera, rays, SIZE, settings)

    def pixels(assignment):
        listed = zip(assignment.pixel.tolist(), assignment.kernels.tolist(), strict=True)
        return {pixel: [k for k in ids if k >= 0] for pixel, ids in listed}

    mine, other = pixels(ours), pixels(theirs)
    assert ours.pixel.tolist() == sorted(mine)
    differing = [p for p in mine.keys() | other.keys() if mine.get(p) != other.get(p)]
    assert len(differing) <= 0.02 * len(other)
    for pixel in differing:
        _, peak, miss = ray_gaussian(
            means[0].double(), precisions[0].double(), rays[0, pixel].double()
        )
        close = (torch.exp(-miss) - settings.threshold).abs() < 1e-5
        for first, second in zip(mine.get(pixel, []), other.get(pixel, []), strict=False):
            if first == second:
                continue
            assert close.any() or (peak[first] - peak[second]).abs() < 1e-6


def test_equal_depths_are_ordered_by_id_and_cut_there():
    means = torch.tensor([[[0.0, 0, 2]]]).expand(1, 6, 3).contiguous()
    precisions = (torch.eye(3) / 0.2**2).expand(1, 6, 3, 3).contiguous()
    for settings in (RenderSettings(nearest=4), RenderSettings(nearest=4, backend="torch")):
        ids = render_sparse(means, precisions, camera32(), 24, 24, settings).assignment.kernels
        assert (ids == torch.arange(4)).all()


def test_threads_and_repetition_do_not_change_a_bit():
    means, precisions = scene32(300, 9, 0.4, batch=3)
    features = torch.randn(3, 300, 64, generator=torch.Generator().manual_seed(0))

    def everything(threads):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        leaves = [x.clone().requires_grad_() for x in (means, precisions, features)]
        sparse = native(
            leaves[0], leaves[1], RenderSettings(), camera=camera32(3, 64), size=(64, 64)
        )
        out = sparse.composite(leaves[2])
        out.square().sum().backward()
        torch.set_num_threads(before)
        return [out.detach(), *(leaf.grad for leaf in leaves)]

    one = everything(1)
    for threads in (1, 2, 5):
        for first, second in zip(one, everything(threads), strict=True):
            assert torch.equal(first, second)


def test_a_batch_gives_what_single_scenes_give():
    means, precisions = scene32(80, 11, 0.2, batch=3)
    together = native(means, precisions, RenderSettings())
    for i in range(3):
        alone = native(means[i : i + 1], precisions[i : i + 1], RenderSettings())
        row = together.assignment.batch == i
        assert torch.equal(together.assignment.pixel[row], alone.assignment.pixel)
        assert torch.equal(together.opacity[row], alone.opacity)


@pytest.mark.parametrize("dim", [3, 64, 128])
def test_dense_maps_are_the_twins(dim):
    means, precisions = scene32(150, 13, 0.3, batch=2)
    features = torch.randn(2, 150, dim, generator=torch.Generator().manual_seed(3))
    camera = camera32(2)
    both = [
        render_volume(means, precisions, features, camera, *SIZE, RenderSettings(backend=backend))
        for backend in ("cpu", "torch")
    ]
    assert torch.allclose(both[0].features, both[1].features, atol=5e-5)
    assert torch.allclose(both[0].opacity, both[1].opacity, atol=1e-5)


def broken_scenes():
    nan = float("nan")
    eye = torch.eye(3) / 0.05**2
    yield "NaN centre", torch.tensor([nan, 0, 2]), eye
    yield "NaN precision", torch.tensor([0.0, 0, 2]), eye * nan
    yield "infinite precision", torch.tensor([0.0, 0, 2]), eye * float("inf")
    yield "singular", torch.tensor([0.0, 0, 2]), torch.diag(torch.tensor([400.0, 400, 0]))
    yield "indefinite", torch.tensor([0.0, 0, 2]), torch.diag(torch.tensor([400.0, -400, 400]))
    yield "nothing", torch.tensor([0.0, 0, 2]), torch.zeros(3, 3)
    yield "around the camera", torch.tensor([0.0, 0, 0.02]), eye
    yield "behind", torch.tensor([0.0, 0, -2]), eye


@pytest.mark.parametrize(("mean", "precision"), [s[1:] for s in broken_scenes()])
@pytest.mark.parametrize("backend", ["cpu", "torch"])
def test_kernels_that_cannot_be_seen_are_not_drawn(mean, precision, backend):
    means, precisions = scene32(2, 15, 0.02)
    means = torch.cat([means, mean[None, None]], 1).requires_grad_()
    precisions = torch.cat([precisions, precision[None, None]], 1)
    settings = RenderSettings(backend=backend)
    sparse = render_sparse(means, precisions, camera32(), 24, 24, settings)
    assert set(sparse.assignment.kernels.flatten().tolist()) <= {-1, 0, 1}
    sparse.weights.sum().backward()
    assert means.grad[:, :2].isfinite().all() and means.grad[:, :2].abs().max() > 0


def test_extreme_kernels_have_finite_weights():
    # a needle, a sheet, a speck between pixel centres, and one larger than the view
    shapes = torch.tensor([[1e6, 1e6, 4.0], [4.0, 4, 1e6], [1e9, 1e9, 1e9], [2.0, 2, 2]])
    precisions = torch.diag_embed(shapes)[None]
    means = torch.tensor([[[0.0, 0, 3], [0, 0, 3], [0.01, 0.01, 2], [0, 0, 4]]]).requires_grad_()
    sparse = render_sparse(means, precisions, camera32(), 24, 24, RenderSettings(backend="cpu"))
    assert sparse.weights.isfinite().all() and sparse.opacity.max() <= 1
    (sparse.weights.sum() + sparse.opacity.sum()).backward()
    assert means.grad.isfinite().all()


def test_an_empty_view_is_empty():
    means, precisions = scene32(5, 1)
    far = (means + torch.tensor([50.0, 0, 0])).requires_grad_()
    sparse = native(far, precisions, RenderSettings())
    assert len(sparse.opacity) == 0 and sparse.composite(torch.ones(1, 5, 4)).shape == (0, 4)
    sparse.weights.sum().backward()
    assert far.grad.abs().max() == 0


def test_wrong_shapes_are_refused():
    means, precisions = scene32(5, 1)
    with pytest.raises(ValueError, match="camera"):
        native(means, precisions, RenderSettings(), camera=camera32(2))
    with pytest.raises(ValueError, match="precisions"), unchecked():
        native(means, precisions[:, :4], RenderSettings())
    with pytest.raises(ValueError, match="features"), unchecked():
        native(means, precisions, RenderSettings()).composite(torch.ones(1, 4, 3))


def test_float64_is_the_twins():
    means, _ = random_scene(5, 1)
    assert not RenderSettings(backend="cpu").native(means)
    assert RenderSettings(backend="cpu").native(means.float())
    assert not RenderSettings(backend="torch").native(means.float())
