"""the native mesh renderer against its twin, and its guarantees.

Both compute in float64 and hand out float32. Bands: maps 1e-6 (relative, for depth), gradients 1e-5
of the largest entry. Faces are the same, but where two lie within 1e-6 of one depth.
"""

from __future__ import annotations

import pytest
import torch

from core.body.load import load_body
from core.geometry.camera import Camera
from core.native import load_native
from core.render.mesh.render import MeshSettings, interpolate, rasterize_mesh, soft_silhouette

pytestmark = pytest.mark.skipif(load_native() is None, reason="no native library is built")
SIZE = 40, 33


def bodies():
    """Two views of a body, the second partly outside the image; a camera for each."""
    body = load_body()
    place = torch.tensor([[[0.0, -0.2, 2.5]], [[0.3, 0.1, 1.0]]])
    vertices = body.v_template * torch.tensor([1.0, -1.0, -1.0]) + place
    camera = Camera(torch.tensor([38.0, 45.0]), torch.tensor([[16.7, 20.1], [15.0, 21.0]]))
    return vertices, body.faces, camera


def soup(count=150, seed=0):
    """Triangles of every size and direction, some behind the camera, some degenerate."""
    generator = torch.Generator().manual_seed(seed)
    vertices = torch.randn(2, 60, 3, generator=generator) + torch.tensor([0.0, 0.0, 2.5])
    faces = torch.randint(60, (2, count, 3), generator=generator)
    camera = Camera(torch.tensor([20.0, 30.0]), torch.tensor([[16.0, 20.0], [12.5, 22.5]]))
    return vertices, faces, camera


SCENES = {"body": bodies, "soup": soup}


def rendered(scene, backend, cull=False, sigma=0.7):
    """All maps of a scene and the gradients of a random loss of each."""
    vertices, faces, camera = scene()
    settings = MeshSettings(cull=cull, backend=backend)
    generator = torch.Generator().manual_seed(5)
    attributes = torch.randn(len(vertices), vertices.shape[1], 5, generator=generator)
    points, values = vertices.clone().requires_grad_(), attributes.requires_grad_()
    render = rasterize_mesh(points, faces, camera, *SIZE, settings)
    shown = interpolate(render, faces, values, settings)
    opacity = soft_silhouette(points, faces, camera, *SIZE, sigma, settings=settings)
    maps = {"depth": render.depth[render.mask], "attributes": shown, "opacity": opacity}
    maps["barycentric"] = render.barycentric
    grads = {}
    for name, map_ in maps.items():
        loss = (map_ * torch.randn(map_.shape, generator=generator)).sum()
        grads[name] = torch.autograd.grad(loss, points, retain_graph=True)[0]
        if name == "attributes":
            grads["values"] = torch.autograd.grad(loss, values, retain_graph=True)[0]
    return render.face_ids, {name: map_.detach() for name, map_ in maps.items()}, grads


@pytest.mark.parametrize("cull", [False, True])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_maps_and_gradients_are_the_twins(scene, cull):
    ids, maps, grads = rendered(scene, "cpu", cull)
    twin_ids, twin_maps, twin_grads = rendered(scene, "torch", cull)
    assert 0.1 < (ids >= 0).float().mean() < 0.99
    assert torch.equal(ids, twin_ids)
    for name, ours in maps.items():
        torch.testing.assert_close(ours, twin_maps[name], rtol=1e-6, atol=1e-6, msg=name)
    for name, ours in grads.items():
        scale = twin_grads[name].abs().max()
        assert scale > 0, name
        assert (ours - twin_grads[name]).abs().max() <= 1e-5 * scale, name


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_threads_change_nothing(scene):
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 3, 7):
            torch.set_num_threads(threads)
            results.append(rendered(scene, "cpu"))
    finally:
        torch.set_num_threads(before)
    for ids, maps, grads in results[1:]:
        assert torch.equal(ids, results[0][0])
        assert all(torch.equal(maps[name], results[0][1][name]) for name in maps)
        assert all(torch.equal(grads[name], results[0][2][name]) for name in grads)


def test_optical_depth_saturates():
    from core.render.mesh.ops import scene_arguments
    from core.render.mesh.scene import Softness
    from core.render.mesh.twin import silhouette_twin

    vertices, faces, camera = bodies()
    vertices.requires_grad_()
    given, settings = (vertices, faces, camera, SIZE), MeshSettings()
    ours = torch.ops.nbf.mesh_silhouette(*scene_arguments(*given, settings), 1.0, 3.0)
    for depth in (ours, silhouette_twin(*given, settings, Softness(1.0, 3.0))):
        assert depth.min() == 0 and depth.max() == 20
        (grad,) = torch.autograd.grad(depth[depth == 20].sum(), vertices, retain_graph=True)
        assert not grad.any()
        assert torch.autograd.grad(depth.sum(), vertices)[0].any()


def test_numpy_front_is_the_same_code():
    from core.render.mesh.raster import rasterize

    vertices, faces, camera = bodies()
    render = rasterize_mesh(vertices, faces, camera, *SIZE)
    for index in range(2):
        raster = rasterize(
            vertices[index].numpy(),
            faces.int().numpy(),
            float(camera.focal[index]),
            tuple(camera.center[index].tolist()),
            *SIZE,
        )
        assert (raster.face_ids == render.face_ids[index].numpy()).all()
        assert (raster.barycentric == render.barycentric[index].numpy()).all()
        assert (raster.depth == render.depth[index].numpy()).all()


def test_non_contiguous_input_is_drawn():
    """Integers of either width, vertices with gaps between them."""
    vertices, faces, camera = bodies()
    wide = torch.zeros(2, vertices.shape[1], 4)
    wide[..., :3] = vertices
    expected = rasterize_mesh(vertices, faces, camera, *SIZE)
    given = rasterize_mesh(wide[..., :3], faces.int(), camera, *SIZE)
    assert torch.equal(given.depth, expected.depth)


def test_double_precision_is_left_to_the_twin():
    vertices, faces, camera = bodies()
    settings = MeshSettings(backend="cpu")
    exact = Camera(camera.focal.double(), camera.center.double())
    render = rasterize_mesh(vertices.double(), faces, exact, *SIZE, settings)
    assert render.depth.dtype == torch.float64
    assert torch.equal(render.face_ids, rasterize_mesh(vertices, faces, camera, *SIZE).face_ids)


# --- the operators follow PyTorch's rules: schema, fake tensors, gradients, tracing ---


def small_scene():
    from core.render.mesh.ops import scene_arguments

    vertices, faces, camera = soup(count=20)
    settings = MeshSettings()
    return scene_arguments(vertices.requires_grad_(), faces, camera, (9, 8), settings)


def test_rasterize_follows_the_rules():
    torch.library.opcheck(torch.ops.nbf.mesh_rasterize, small_scene())


def test_silhouette_follows_the_rules():
    torch.library.opcheck(torch.ops.nbf.mesh_silhouette, (*small_scene(), 1.0, 3.0))


@pytest.mark.parametrize("learned", [False, True])
def test_interpolate_follows_the_rules(learned):
    scene = small_scene()
    barycentric, _, ids = torch.ops.nbf.mesh_rasterize(*scene)
    weights = barycentric.detach().requires_grad_()
    attributes = torch.randn(1, 60, 4, requires_grad=learned)
    torch.library.opcheck(torch.ops.nbf.mesh_interpolate, (ids, weights, scene[1], attributes))
