"""The CUDA mesh renderer against the twin: thread by thread on the CPU, and on a GPU.

Bands are those of the CPU's native code (tests/render/test_mesh_native.py): faces the same, maps
1e-6 (relative, for depth), gradients 1e-5 of the largest entry.
"""

import ctypes

import pytest
import torch

from core.geometry.camera import Camera
from core.native import load_cuda
from core.render.mesh import native
from core.render.mesh.cuda import CudaMesh
from core.render.mesh.native import MeshScene, RenderedAttributes
from core.render.mesh.scene import MeshRender, MeshSettings, Softness
from core.render.mesh.twin import interpolate_twin, rasterize_twin, silhouette_twin
from tests.render.test_mesh_native import SCENES, SIZE, soup

SOFT = Softness.of(0.7)


class Poisoned(CudaMesh):
    """Scratch memory starts as NaN: no code may rely on unwritten memory."""

    def scratch(self, name, like, *measure):
        return super().scratch(name, like, *measure).fill_(0xFF)


@pytest.fixture(params=["on_cpu", "gpu"] if torch.cuda.is_available() else ["on_cpu"])
def device(request, monkeypatch):
    """The device of tensors that CUDA code draws."""
    if request.param == "gpu":
        assert load_cuda() is not None, "the CUDA library is not built: `make cuda`"
        return "cuda"
    monkeypatch.delenv("ON_CPU_ORDER", raising=False)
    library = Poisoned(ctypes.CDLL(str(request.getfixturevalue("cuda_on_cpu"))))
    monkeypatch.setattr(native, "cuda_for", lambda _like: library)
    return "cpu"


def scene_of(device, vertices, faces, camera, size=SIZE, cull=False):
    lens = Camera(camera.focal.to(device), camera.center.to(device))
    settings = MeshSettings(cull=cull)
    return MeshScene.of(vertices.to(device), faces.to(device), lens, size, settings)


def draw(scene):
    barycentric, depth, face_ids = native.rasterize(scene)
    return MeshRender(face_ids, barycentric, depth)


def assert_near(ours, reference, band=1e-5):
    assert reference.abs().max() > 0
    assert (ours - reference).abs().max() <= band * reference.abs().max()


@pytest.mark.parametrize("cull", [False, True])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
class TestAgainstTheTwin:
    def test_surface(self, device, scene, cull):
        scene = scene_of(device, *scene(), cull=cull)
        points = scene.vertices.clone().requires_grad_()
        given = scene.faces, scene.camera, scene.size, scene.settings
        ours, theirs = draw(scene), rasterize_twin(points, *given)
        assert torch.equal(ours.face_ids, theirs.face_ids)
        torch.testing.assert_close(ours.barycentric, theirs.barycentric, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.depth, theirs.depth, rtol=1e-6, atol=0)
        by_weight, by_depth = torch.randn_like(ours.barycentric), torch.randn_like(ours.depth)
        pair = theirs.barycentric, theirs.depth
        seen = by_weight, torch.where(theirs.mask, by_depth, 0)
        (reference,) = torch.autograd.grad(pair, points, seen)
        grad = native.rasterize_backward(scene, ours.face_ids, by_weight, by_depth)
        assert_near(grad, reference)

    def test_silhouette(self, device, scene, cull):
        scene = scene_of(device, *scene(), cull=cull)
        points = scene.vertices.clone().requires_grad_()
        given = scene.faces, scene.camera, scene.size, scene.settings, SOFT
        ours, theirs = native.silhouette(scene, SOFT), silhouette_twin(points, *given)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        grad = torch.randn_like(ours)
        (reference,) = torch.autograd.grad(theirs, points, grad)
        assert_near(native.silhouette_backward(scene, SOFT, ours, grad), reference)


@pytest.mark.parametrize("sets", [1, 2])
def test_attributes_are_the_twins(device, sets):
    scene = scene_of(device, *soup())
    render = draw(scene)
    leaves = render.barycentric, torch.randn(sets, scene.vertices.shape[1], 7, device=device)
    weights, attributes = (leaf.clone().requires_grad_() for leaf in leaves)
    seen = MeshRender(render.face_ids, weights, render.depth)
    theirs = interpolate_twin(seen, scene.faces, attributes)
    surface = RenderedAttributes.of(render.face_ids, leaves[0], scene.faces, leaves[1])
    torch.testing.assert_close(native.interpolate(surface), theirs, rtol=1e-6, atol=1e-6)
    grad = torch.randn_like(theirs)
    references = torch.autograd.grad(theirs, (weights, attributes), grad)
    made = native.interpolate_backward(surface, grad, with_attributes=True)
    for ours, reference in zip(made, references, strict=True):
        assert_near(ours, reference)
    alone = native.interpolate_backward(surface, grad, with_attributes=False)
    assert torch.equal(alone[0], made[0]) and alone[1].numel() == 0


def test_the_order_of_threads_changes_nothing(device, monkeypatch):
    scene = scene_of(device, *soup())
    made = []
    for order in ("0", "1", "7"):
        monkeypatch.setenv("ON_CPU_ORDER", order)
        torch.manual_seed(0)
        render, soft = draw(scene), native.silhouette(scene, SOFT)
        maps = torch.randn_like(render.barycentric), torch.randn_like(render.depth)
        attributes = torch.randn(1, 60, 4, device=device)
        surface = RenderedAttributes.of(
            render.face_ids, render.barycentric, scene.faces, attributes
        )
        grad = torch.randn(2, *SIZE, 4, device=device)
        grads = [
            native.rasterize_backward(scene, render.face_ids, *maps),
            native.silhouette_backward(scene, SOFT, soft, maps[1]),
            *native.interpolate_backward(surface, grad, with_attributes=True),
        ]
        made.append([render.face_ids, render.barycentric, render.depth, soft, *grads])
    for others in made[1:]:
        assert all(torch.equal(ours, first) for ours, first in zip(others, made[0], strict=True))


def wall(count=1):
    """A triangle that fills every image, and a camera for each of ``count``."""
    vertices = torch.tensor([[[-9.0, -9, 1], [90, -9, 1], [-9, 90, 1]]]).repeat(count, 1, 1)
    return vertices, Camera(torch.ones(count), torch.zeros(count, 2))


def test_faces_too_large_for_a_thread_are_drawn_by_blocks(device):
    vertices, camera = wall(3)
    vertices[1, :, 2] = -1  # behind its camera
    faces = torch.tensor([[0, 2, 1]]).repeat(40, 1)
    render = draw(scene_of(device, vertices, faces, camera))
    assert render.mask.all(2).all(1).tolist() == [True, False, True]
    assert not render.mask[1].any() and render.face_ids.max() == 0


def test_a_saturated_pixel_stays_opaque(device):
    vertices, camera = wall()
    scene = scene_of(device, vertices, torch.tensor([[0, 1, 2]]).repeat(3000, 1), camera, (3, 3))
    depth = native.silhouette(scene, SOFT)
    assert (depth == 20).all()
    assert not native.silhouette_backward(scene, SOFT, depth, torch.ones_like(depth)).any()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_gradients_of_any_size_add_up(device, scale):
    scene = scene_of(device, *soup())
    render = draw(scene)
    given = scene, render.face_ids, torch.zeros_like(render.barycentric)
    ones = torch.ones_like(render.depth)
    plain = native.rasterize_backward(*given, ones)
    assert_near(native.rasterize_backward(*given, ones * scale) / scale, plain)
    assert not native.rasterize_backward(*given, 0 * ones).any()


def test_a_bad_gradient_spoils_its_own_image_alone(device):
    scene = scene_of(device, *soup())
    render = draw(scene)
    grad = torch.ones_like(render.depth)
    grad[0][render.mask[0]] = torch.nan
    zeros = torch.zeros_like(render.barycentric)
    made = native.rasterize_backward(scene, render.face_ids, zeros, grad)
    assert made[0].isnan().all() and made[1].isfinite().all()


@pytest.mark.parametrize(("batch", "vertices", "faces"), [(0, 3, 1), (2, 0, 0), (2, 3, 0)])
def test_empty_batches_and_meshes(device, batch, vertices, faces):
    camera = Camera(torch.ones(batch), torch.zeros(batch, 2))
    points, corners = torch.ones(batch, vertices, 3), torch.zeros(faces, 3, dtype=torch.long)
    scene = scene_of(device, points, corners, camera, (4, 5))
    render, soft = draw(scene), native.silhouette(scene, SOFT)
    assert not render.mask.any() and render.depth.isinf().all() and not soft.any()
    maps = torch.ones_like(render.barycentric), torch.ones_like(render.depth)
    assert not native.rasterize_backward(scene, render.face_ids, *maps).any()
    assert not native.silhouette_backward(scene, SOFT, soft, maps[1]).any()


def test_a_batch_too_large_is_refused(device):
    vertices, camera = wall()
    scene = scene_of(device, vertices, torch.tensor([[0, 1, 2]]), camera, (60000, 60000))
    arguments = (native.byref(scene.struct()), 1.0, 1.0, None)
    library = native.cuda_for(scene.vertices)
    with pytest.raises(RuntimeError, match="too large"):
        library.draw("silhouette", scene.vertices, (*arguments, None), None)


def test_operators_draw_by_the_same_code(device):
    """The public call and its gradient."""
    from core.render.mesh.render import interpolate, rasterize_mesh, soft_silhouette

    scene = scene_of(device, *soup())
    points = scene.vertices.clone().requires_grad_()
    given = points, scene.faces, scene.camera, *SIZE
    render = rasterize_mesh(*given)
    shown = interpolate(render, scene.faces, points)
    torch.testing.assert_close(shown[..., 2][render.mask], render.depth[render.mask])
    loss = shown.sum() + soft_silhouette(*given).sum()
    (grad,) = torch.autograd.grad(loss, points)
    assert grad.isfinite().all() and grad.any()


def test_every_function_is_timed(device, monkeypatch):
    from tools.gpu import meshes

    monkeypatch.setattr(meshes, "milliseconds", lambda call: call() is None or 2.0)
    rates = meshes.measure(meshes.MeshCase(2, 16, 4), device)
    assert rates["rasterize"] == 1000 and {"silhouette_backward", "interpolate"} <= rates.keys()
    scene = meshes.case_scene(meshes.MeshCase(2, 16, 4), device)
    assert 0.03 < draw(scene).mask.float().mean() < 0.5
