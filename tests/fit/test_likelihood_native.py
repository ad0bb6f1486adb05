"""The fused native likelihood against the twin's chain of explanations, value and gradient.

Bands: value 1e-4 relative, gradients 1e-3 of the largest entry (the twin runs in float64; float32
loses digits in the scaling to the exact opacity and in sums over many pixels).
"""

from dataclasses import replace

import pytest
import torch

from core.fit.likelihood import LikelihoodSettings, negative_log_likelihood, pixel_evidence
from core.geometry.camera import Camera, pixel_rays
from core.native import load_native
from core.nbv.features import FeatureBank
from core.render.volume.sparse import OCCLUSION_FORMS, RenderSettings, SparseRender
from core.render.volume.twin import assign, weigh
from tests.render.test_volume import random_scene
from tests.shapes import unchecked

pytestmark = pytest.mark.skipif(load_native() is None, reason="no native library is built")
SIZE, LIMBS = (21, 30), 9


def make_world(batch=2, kernels=120, bins=4, dim=64, seed=0, spread=0.2):
    """Kernels, orientation weights, limbs, maps and a bank, float64."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    unit = torch.nn.functional.normalize
    means, precisions = random_scene(kernels, seed, spread, batch)
    phi = unit(normal(kernels, 1, dim) + 0.5 * normal(kernels, bins, dim), dim=-1)
    bank = FeatureBank(phi, unit(normal(dim), dim=0), torch.tensor(0.5), torch.tensor(0.3))
    background = bank.background + 0.2 * normal(batch, SIZE[0] * SIZE[1], dim)
    some = phi[torch.randint(kernels, (batch, SIZE[0] * SIZE[1]), generator=generator), 0]
    observed = unit(background + 0.9 * some, dim=-1)
    inside = torch.rand(batch, SIZE[0] * SIZE[1], generator=generator, dtype=torch.float64)
    orientation = torch.softmax(normal(batch, LIMBS, bins), -1)
    limb = torch.randint(LIMBS, (kernels,), generator=generator)
    return means, precisions, orientation, limb, observed, inside, bank.to(means)


def float32(world):
    *tensors, bank = world
    small = [t.float() if t.is_floating_point() else t for t in tensors]
    return (*small, bank.to(small[0]))


def camera(batch, like):
    return Camera.centered(torch.full((batch,), 48.0, dtype=like.dtype), 24)


def native(world, likelihood, render, isa=0):
    from core.fit.likelihood_native import native_nll
    from core.render.volume.ops import scene_arguments

    means, precisions, orientation, limb, observed, inside, bank = world
    scene = scene_arguments(means, precisions, camera(len(means), means), SIZE, render, isa)
    return native_nll(scene, orientation, limb, observed, inside, bank, likelihood)


def twin(world, likelihood, render):
    means, precisions, orientation, limb, observed, inside, bank = world
    view = camera(len(means), means)
    rays = pixel_rays(view, *SIZE).flatten(1, 2)
    with torch.no_grad():
        assignment = assign(means, precisions, view, rays, SIZE, render)
    rendered: SparseRender = weigh(assignment, means, precisions, rays, render)
    emitted = torch.einsum("bko,kod->bkd", orientation[:, limb], bank.phi)
    evidence = pixel_evidence(rendered, emitted, observed, bank, likelihood)
    return negative_log_likelihood(rendered, evidence, inside)


def with_gradients(function, world, *settings):
    leaves = [t.clone().requires_grad_() for t in world[:3]]
    value = function((*leaves, *world[3:]), *settings)
    (value * torch.tensor([1.0, 3.0])[: len(value)]).sum().backward()
    grads = [leaf.grad for leaf in leaves]
    grads[1] = (grads[1] + grads[1].transpose(-1, -2)) / 2
    return value.detach(), grads


def assert_agree(world, likelihood, render, isa=0):
    value, grads = with_gradients(native, float32(world), likelihood, render, isa)
    exact, exact_grads = with_gradients(twin, world, likelihood, render)
    assert torch.allclose(value.double(), exact, rtol=1e-4, atol=1e-3)
    for grad, reference in zip(grads, exact_grads, strict=True):
        assert (grad.double() - reference).abs().max() <= 1e-3 * reference.abs().max()


@pytest.mark.parametrize("form", OCCLUSION_FORMS)
@pytest.mark.parametrize("isa", [1, 2, 3])
def test_value_and_gradients_are_the_twins(form, isa):
    from core.render.volume.native import instruction_set

    if instruction_set(isa) is None:
        pytest.skip("not on this processor")
    assert_agree(make_world(), LikelihoodSettings(), RenderSettings(occlusion=form), isa)


@pytest.mark.parametrize("dim", [3, 64, 128])
@pytest.mark.parametrize("bins", [1, 4, 8])
def test_every_dimension_and_number_of_orientations(dim, bins):
    assert_agree(make_world(bins=bins, dim=dim), LikelihoodSettings(), RenderSettings())


@pytest.mark.parametrize(
    "likelihood",
    [
        LikelihoodSettings(use_occlusion=False),
        LikelihoodSettings(equal_variance=False, visible=0.8),
        LikelihoodSettings(temper=1.0, background_cap=2.0),
    ],
)
def test_every_setting_of_the_likelihood(likelihood):
    assert_agree(make_world(seed=3), likelihood, RenderSettings())


def test_crowds_and_few_kernels_a_pixel():
    assert_agree(make_world(spread=0.02, seed=4), LikelihoodSettings(), RenderSettings(nearest=5))
    assert_agree(make_world(kernels=3, seed=5), LikelihoodSettings(), RenderSettings(density=5.0))


def test_threads_do_not_change_a_bit_and_value_needs_no_gradient():
    world = float32(make_world(seed=6))
    before, results = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        value, grads = with_gradients(native, world, LikelihoodSettings(), RenderSettings())
        results.append([value, *grads])
    torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))
    assert torch.equal(native(world, LikelihoodSettings(), RenderSettings()), results[0][0])


def test_what_is_not_a_number_stays_so_and_with_its_person():
    world = list(float32(make_world(seed=7)))
    world[4] = world[4].clone()
    world[4][0, 200:400] = torch.nan
    value, grads = with_gradients(native, world, LikelihoodSettings(), RenderSettings())
    assert value[0].isnan() and value[1].isfinite()
    assert not grads[0][0].isfinite().all() and grads[0][1].isfinite().all()


def test_nobody_in_view_costs_nothing():
    world = list(float32(make_world()))
    world[0] = world[0] + torch.tensor([50.0, 0, 0])
    value, grads = with_gradients(native, world, LikelihoodSettings(), RenderSettings())
    assert (value == 0).all() and all((g == 0).all() for g in grads)


def test_maps_of_another_size_are_refused():
    world = list(float32(make_world()))
    world[5] = world[5][:, 1:]
    with pytest.raises(ValueError, match="people of 120 kernels"), unchecked():
        native(world, LikelihoodSettings(), RenderSettings())


def test_the_objective_takes_the_native_way():
    from core.fit.comparison import likelihood_cost
    from core.fit.evidence import FeatureMap
    from core.fit.state import BodyState
    from tests.fit.toy_problem import perturbed, quick_schedule, toy_model, toy_problem, true_body

    model, schedule = toy_model(), quick_schedule()
    body = BodyState.of(perturbed(true_body()))
    posed = model.volume.pose(body.rotations, body.betas, body.transl)
    problem = toy_problem(model, true_body())
    costs = [
        likelihood_cost(problem, model, body, posed, schedule.with_backend(backend))
        for backend in ("cpu", "torch")
    ]
    assert torch.allclose(costs[0], costs[1], rtol=1e-4)
    observed = problem.get(FeatureMap)
    nothing = problem.having(replace(observed, inside=torch.zeros_like(observed.inside)))
    assert likelihood_cost(nothing, model, body, posed, schedule) == 0
