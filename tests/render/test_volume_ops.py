"""The renderer's operators follow PyTorch's rules: schema, fake tensors, gradients, tracing."""

import pytest
import torch

from core.fit.likelihood import LikelihoodSettings
from core.native import load_native
from core.render.volume.sparse import RenderSettings
from tests.fit.test_likelihood_native import SIZE as MAP
from tests.fit.test_likelihood_native import camera, float32, make_world

pytestmark = pytest.mark.skipif(load_native() is None, reason="no native library is built")
SIZE = (24, 31)


@pytest.fixture
def scene():
    from core.render.volume.ops import scene_arguments

    means, precisions, *_ = float32(make_world(kernels=20))
    return scene_arguments(means, precisions, camera(2, means), SIZE, RenderSettings())


@pytest.fixture
def ids(scene):
    return torch.ops.nbf.volume_assign(*scene)


def with_gradient(*tensors):
    return tuple(tensor.detach().clone().requires_grad_() for tensor in tensors)


def test_assign_follows_the_rules(scene):
    torch.library.opcheck(torch.ops.nbf.volume_assign, scene)


def test_weigh_follows_the_rules(scene, ids):
    kernels = with_gradient(*scene[:2])
    torch.library.opcheck(torch.ops.nbf.volume_weigh, (*kernels, *ids, *scene[2:]))


def test_composite_follows_the_rules(scene, ids):
    weights, *_ = torch.ops.nbf.volume_weigh(*scene[:2], *ids, *scene[2:])
    given = with_gradient(weights, torch.randn(2, 20, 5))
    torch.library.opcheck(torch.ops.nbf.volume_composite, (*given, *ids, *scene))


def test_likelihood_follows_the_rules():
    from core.fit.likelihood_native import native_nll
    from core.render.volume.ops import scene_arguments

    means, precisions, orientation, *others = float32(make_world(kernels=20))
    leaves = with_gradient(means, precisions, orientation)
    scene = scene_arguments(*leaves[:2], camera(2, means), MAP, RenderSettings())
    calls = []
    with pytest.MonkeyPatch.context() as patch:
        from core.fit import likelihood_native

        original = likelihood_native.volume_nll
        patch.setattr(
            likelihood_native, "volume_nll", lambda *args: calls.append(args) or original(*args)
        )
        native_nll(scene, leaves[2], *others, LikelihoodSettings())
    # Gradients are outputs, whose own gradients are not supported and need no check.
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(torch.ops.nbf.volume_nll, calls[0], test_utils=checks)


def test_a_compiled_likelihood_is_the_same(scene):
    def shown(means, precisions):
        ids = torch.ops.nbf.volume_assign(means, precisions, *scene[2:])
        _, opacity, _ = torch.ops.nbf.volume_weigh(means, precisions, *ids, *scene[2:])
        return opacity.sum()

    traced = torch.compile(shown, backend="eager", fullgraph=True)
    assert torch.equal(traced(*scene[:2]), shown(*scene[:2]))
