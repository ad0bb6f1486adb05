"""From the public calls to gradients by CUDA code, as PyTorch's operators run it on a GPU."""

import pytest
import torch

from core.fit import likelihood_native
from core.fit.likelihood import LikelihoodSettings
from core.render.volume import ops as volume_ops
from core.render.volume.ops import render_sparse_native
from core.render.volume.sparse import RenderSettings
from tests.fit import test_likelihood_native as fused
from tests.render.test_volume_native import SIZE, assert_near, camera32, scene32, twin


@pytest.fixture
def on_cuda(calls, monkeypatch):
    """Operators take the CUDA code."""
    if calls.device.type == "cpu":
        for module in (volume_ops, likelihood_native):
            monkeypatch.setattr(module, "calls_on", lambda _device: calls.volume)
    return calls.device


def test_rendering_and_its_gradients(on_cuda):
    means, precisions = scene32(40, 3, batch=2)
    camera, settings = camera32(2), RenderSettings()
    leaves = [t.clone().to(on_cuda).requires_grad_() for t in (means, precisions)]
    there = type(camera)(camera.focal.to(on_cuda), camera.center.to(on_cuda))
    ours = render_sparse_native(*leaves, there, SIZE, settings)
    features = torch.rand(2, 40, 5, device=on_cuda, requires_grad=True)
    (ours.composite(features).square().sum() + ours.opacity.sum()).backward()
    exact = [t.double().requires_grad_() for t in (means, precisions)]
    emitted = features.detach().cpu().double().requires_grad_()
    ids = type(ours.assignment)(*(t.cpu() for t in vars(ours.assignment).values()))
    seen = twin(type("Given", (), {"assignment": ids}), *exact, settings, camera)
    (seen.composite(emitted).square().sum() + seen.opacity.sum()).backward()
    symmetric = (exact[1].grad + exact[1].grad.transpose(-1, -2)) / 2
    assert_near(leaves[0].grad.cpu(), exact[0].grad, 1e-3)
    assert_near(leaves[1].grad.cpu(), symmetric, 1e-3)
    assert_near(features.grad.cpu(), emitted.grad, 1e-4)


def test_likelihood_and_its_gradients(on_cuda):
    if on_cuda.type == "cpu":
        world = fused.make_world(kernels=40)
        fused.assert_agree(world, LikelihoodSettings(), RenderSettings())
    else:
        pytest.skip("the same through tests/native/test_volume_cuda.py")
