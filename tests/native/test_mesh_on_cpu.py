"""The CUDA mesh renderer, run on the CPU thread by thread, against the twin.

Bands are those of the CPU's native code (tests/render/test_mesh_native.py): faces the same, maps
1e-6 (relative, for depth), gradients 1e-5 of the largest entry.
"""

import ctypes
from ctypes import byref, c_float, c_int64

import pytest
import torch

from core.geometry.camera import Camera
from core.render.mesh_native import MeshScene, Surface
from core.render.mesh_scene import MeshRender, MeshSettings, Softness
from core.render.mesh_twin import interpolate_twin, rasterize_twin, silhouette_twin
from tests.native.calls import poisoned
from tests.render.test_mesh_native import SCENES, SIZE, soup

SOFT = Softness.of(0.7)


class MeshCalls:
    """The C interface with tensors in and out; scratch memory starts as NaN."""

    def __init__(self, library):
        self.library = library
        library.nbf_cuda_error.restype = ctypes.c_char_p

    def _run(self, name, *arguments, scratch=()):
        function = getattr(self.library, f"nbf_cuda_mesh_{name}")
        lent = []
        if scratch:
            measure = getattr(self.library, f"nbf_cuda_mesh_{name}_scratch")
            measure.restype = c_int64
            lent = [torch.full((max(1, measure(*scratch)),), 0xFF, dtype=torch.uint8)]
        plain = [
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, torch.Tensor) else a
            for a in (*arguments, *lent)
        ]
        if function(*plain, None):  # the default stream
            raise RuntimeError(self.library.nbf_cuda_error().decode())

    def rasterize(self, scene):
        shape, struct = (len(scene.vertices), *scene.size), scene.struct()
        ids = poisoned(*shape, dtype=torch.int32)
        barycentric, depth = poisoned(*shape, 3), poisoned(*shape)
        self._run("rasterize", byref(struct), ids, barycentric, depth, scratch=(byref(struct),))
        return MeshRender(ids, barycentric, depth)

    def rasterize_backward(self, scene, ids, by_barycentric, by_depth):
        grad, struct = poisoned(*scene.vertices.shape), scene.struct()
        given = byref(struct), ids, by_barycentric, by_depth, grad
        self._run("rasterize_backward", *given, scratch=(byref(struct),))
        return grad

    def silhouette(self, scene, soft=SOFT):
        depth, struct = poisoned(len(scene.vertices), *scene.size), scene.struct()
        given = byref(struct), c_float(soft.sigma), c_float(soft.reach), depth
        self._run("silhouette", *given, scratch=(byref(struct),))
        return depth

    def silhouette_backward(self, scene, depth, by_depth, soft=SOFT):
        grad, struct = poisoned(*scene.vertices.shape), scene.struct()
        given = byref(struct), c_float(soft.sigma), c_float(soft.reach), depth, by_depth, grad
        self._run("silhouette_backward", *given, scratch=(byref(struct),))
        return grad

    def interpolate(self, surface):
        sets, _, dim = surface.attributes.shape
        values, struct = poisoned(*surface.face_ids.shape, dim), surface.struct()
        given = surface.face_ids, surface.barycentric, surface.attributes
        self._run("interpolate", byref(struct), *given, c_int64(sets), c_int64(dim), values)
        return values

    def interpolate_backward(self, surface, grad):
        counts = [c_int64(surface.attributes.shape[i]) for i in (0, 2)]
        made = poisoned(*surface.barycentric.shape), poisoned(*surface.attributes.shape)
        given, struct = (
            (surface.face_ids, surface.barycentric, surface.attributes),
            surface.struct(),
        )
        scratch = byref(struct), *counts
        self._run(
            "interpolate_backward", byref(struct), *given, *counts, grad, *made, scratch=scratch
        )
        return made


@pytest.fixture
def mesh_calls(cuda_on_cpu, monkeypatch):
    monkeypatch.delenv("ON_CPU_ORDER", raising=False)
    return MeshCalls(ctypes.CDLL(str(cuda_on_cpu)))


def scene_of(vertices, faces, camera, size=SIZE, cull=False):
    return MeshScene.of(vertices, faces, camera, size, MeshSettings(cull=cull))


def twin_of(scene, points):
    return rasterize_twin(points, scene.faces, scene.camera, scene.size, scene.settings)


def assert_near(ours, reference, band=1e-5):
    assert reference.abs().max() > 0
    assert (ours - reference).abs().max() <= band * reference.abs().max()


@pytest.mark.parametrize("cull", [False, True])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
class TestAgainstTheTwin:
    def test_surface(self, mesh_calls, scene, cull):
        scene = scene_of(*scene(), cull=cull)
        points = scene.vertices.clone().requires_grad_()
        ours, theirs = mesh_calls.rasterize(scene), twin_of(scene, points)
        assert torch.equal(ours.face_ids, theirs.face_ids)
        torch.testing.assert_close(ours.barycentric, theirs.barycentric, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(ours.depth, theirs.depth, rtol=1e-6, atol=0)
        by_weight, by_depth = torch.randn_like(ours.barycentric), torch.randn_like(ours.depth)
        grads = torch.where(theirs.mask, by_depth, 0)
        pair = (theirs.barycentric, theirs.depth)
        (reference,) = torch.autograd.grad(pair, points, (by_weight, grads))
        given = ours.face_ids, by_weight, by_depth
        assert_near(mesh_calls.rasterize_backward(scene, *given), reference)

    def test_silhouette(self, mesh_calls, scene, cull):
        scene = scene_of(*scene(), cull=cull)
        points = scene.vertices.clone().requires_grad_()
        given = scene.faces, scene.camera, scene.size, scene.settings, SOFT
        ours, theirs = mesh_calls.silhouette(scene), silhouette_twin(points, *given)
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
        grad = torch.randn_like(ours)
        (reference,) = torch.autograd.grad(theirs, points, grad)
        assert_near(mesh_calls.silhouette_backward(scene, ours, grad), reference)


@pytest.mark.parametrize("sets", [1, 2])
def test_attributes_are_the_twins(mesh_calls, sets):
    scene = scene_of(*soup())
    render = mesh_calls.rasterize(scene)
    leaves = render.barycentric, torch.randn(sets, scene.vertices.shape[1], 7)
    weights, attributes = (leaf.clone().requires_grad_() for leaf in leaves)
    seen = MeshRender(render.face_ids, weights, render.depth)
    theirs = interpolate_twin(seen, scene.faces, attributes)
    surface = Surface.of(render.face_ids, *leaves[:1], scene.faces, leaves[1])
    torch.testing.assert_close(mesh_calls.interpolate(surface), theirs, rtol=1e-6, atol=1e-6)
    grad = torch.randn_like(theirs)
    references = torch.autograd.grad(theirs, (weights, attributes), grad)
    for ours, reference in zip(
        mesh_calls.interpolate_backward(surface, grad), references, strict=True
    ):
        assert_near(ours, reference)


def test_the_order_of_threads_changes_nothing(mesh_calls, monkeypatch):
    scene = scene_of(*soup())
    made = []
    for order in ("0", "1", "7"):
        monkeypatch.setenv("ON_CPU_ORDER", order)
        torch.manual_seed(0)
        render, soft = mesh_calls.rasterize(scene), mesh_calls.silhouette(scene)
        maps = torch.randn_like(render.barycentric), torch.randn_like(render.depth)
        given = render.face_ids, render.barycentric, scene.faces, torch.randn(1, 60, 4)
        surface = Surface.of(*given)
        grads = [
            mesh_calls.rasterize_backward(scene, render.face_ids, *maps),
            mesh_calls.silhouette_backward(scene, soft, maps[1]),
            *mesh_calls.interpolate_backward(surface, torch.randn(2, *SIZE, 4)),
        ]
        made.append([render.face_ids, render.barycentric, render.depth, soft, *grads])
    for others in made[1:]:
        assert all(torch.equal(ours, first) for ours, first in zip(others, made[0], strict=True))


def wall(count=1):
    """A triangle that fills every image, and a camera for each of ``count``."""
    vertices = torch.tensor([[[-9.0, -9, 1], [90, -9, 1], [-9, 90, 1]]]).repeat(count, 1, 1)
    return vertices, Camera(torch.ones(count), torch.zeros(count, 2))


def test_faces_too_large_for_a_thread_are_drawn_by_blocks(mesh_calls):
    vertices, camera = wall(3)
    vertices[1, :, 2] = -1  # behind its camera
    scene = scene_of(vertices, torch.tensor([[0, 2, 1]]).repeat(40, 1), camera)
    render = mesh_calls.rasterize(scene)
    assert render.mask.all((1, 2)).tolist() == [True, False, True]
    assert not render.mask[1].any() and render.face_ids.max() == 0


def test_a_full_pixel_stays_full(mesh_calls):
    vertices, camera = wall()
    scene = scene_of(vertices, torch.tensor([[0, 1, 2]]).repeat(3000, 1), camera, (3, 3))
    depth = mesh_calls.silhouette(scene)
    assert (depth == 20).all()
    assert not mesh_calls.silhouette_backward(scene, depth, torch.ones(1, 3, 3)).any()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_gradients_of_any_size_add_up(mesh_calls, scale):
    scene = scene_of(*soup())
    render = mesh_calls.rasterize(scene)
    zeros, ones = torch.zeros_like(render.barycentric), torch.ones_like(render.depth)
    plain = mesh_calls.rasterize_backward(scene, render.face_ids, zeros, ones)
    scaled = mesh_calls.rasterize_backward(scene, render.face_ids, zeros, ones * scale)
    assert_near(scaled / scale, plain)
    assert not mesh_calls.rasterize_backward(scene, render.face_ids, zeros, 0 * ones).any()


def test_a_bad_gradient_spoils_its_own_image_alone(mesh_calls):
    scene = scene_of(*soup())
    render = mesh_calls.rasterize(scene)
    zeros, grad = torch.zeros_like(render.barycentric), torch.ones_like(render.depth)
    grad[0][render.mask[0]] = torch.nan
    made = mesh_calls.rasterize_backward(scene, render.face_ids, zeros, grad)
    assert made[0].isnan().all() and made[1].isfinite().all()


@pytest.mark.parametrize(("batch", "vertices", "faces"), [(0, 3, 1), (2, 0, 0), (2, 3, 0)])
def test_empty_batches_and_meshes(mesh_calls, batch, vertices, faces):
    camera = Camera(torch.ones(batch), torch.zeros(batch, 2))
    points, corners = torch.ones(batch, vertices, 3), torch.zeros(faces, 3, dtype=torch.long)
    scene = scene_of(points, corners, camera, (4, 5))
    render, soft = mesh_calls.rasterize(scene), mesh_calls.silhouette(scene)
    assert not render.mask.any() and render.depth.isinf().all() and not soft.any()
    maps = torch.ones_like(render.barycentric), torch.ones_like(render.depth)
    assert not mesh_calls.rasterize_backward(scene, render.face_ids, *maps).any()
    assert not mesh_calls.silhouette_backward(scene, soft, maps[1]).any()


def test_an_impossible_size_is_refused(mesh_calls):
    vertices, camera = wall()
    scene = scene_of(vertices, torch.tensor([[0, 1, 2]]), camera, (60000, 60000))
    with pytest.raises(RuntimeError, match="too large"):
        mesh_calls._run("silhouette", byref(scene.struct()), *[c_float(1)] * 2, None, None)
