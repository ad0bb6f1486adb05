"""Mesh rendering: the twin against analysis and finite differences, and the rules of both."""

from __future__ import annotations

import math

import pytest
import torch

from core.errors import UserError
from core.geometry.camera import Camera
from core.native import load_native
from core.render.mesh.render import MeshSettings, interpolate, rasterize_mesh, soft_silhouette
from tests.shapes import unchecked

BACKENDS = [
    "torch",
    pytest.param(
        "cpu", marks=pytest.mark.skipif(load_native() is None, reason="no native library")
    ),
]
SQUARE = torch.tensor([[0, 1, 2], [0, 2, 3]])
TRIANGLE = SQUARE[:1]
SIZE = 9, 8  # height and width


def plain_camera(batch: int = 1, dtype: torch.dtype = torch.float32) -> Camera:
    """Focal length 1, centre (0, 0): a point at depth 1 projects to the pixel (x, y)."""
    return Camera(torch.ones(batch, dtype=dtype), torch.zeros(batch, 2, dtype=dtype))


def at(*pixels: tuple[float, float], depth: float = 1.0) -> torch.Tensor:
    """One mesh's vertices that `plain_camera` sees at the given pixels."""
    return torch.tensor([[[x * depth, y * depth, depth] for x, y in pixels]])


def tilted(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Two meshes of a square each, bent and rotated out of the image plane."""
    noise = torch.rand(2, 4, 3, generator=torch.Generator().manual_seed(3), dtype=dtype)
    square = at((1.1, 1.3), (6.4, 0.8), (6.9, 7.2), (0.7, 6.6), depth=2.0).to(dtype)
    return square + 0.8 * noise


def draw(vertices, faces, backend, size=SIZE, **options):
    settings = MeshSettings(near=0.01, backend=backend, **options)
    return rasterize_mesh(vertices, faces, plain_camera(len(vertices)), *size, settings)


def silhouette(vertices, faces, backend, sigma=1.0, size=SIZE, **options):
    settings = MeshSettings(near=0.01, backend=backend)
    camera = plain_camera(len(vertices), vertices.dtype)
    return soft_silhouette(vertices, faces, camera, *size, sigma, settings=settings, **options)


# --- gradients of the twin ---


def test_gradcheck_of_barycentrics_and_depth():
    vertices, camera = tilted().requires_grad_(), plain_camera(2, torch.float64)

    def surface(points):
        render = rasterize_mesh(points, SQUARE, camera, *SIZE, MeshSettings(backend="torch"))
        return render.barycentric, render.depth[render.mask]

    assert torch.autograd.gradcheck(surface, (vertices,))


def test_gradcheck_of_the_silhouette():
    vertices = tilted().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: silhouette(x, SQUARE, "torch"), (vertices,))


def test_gradcheck_of_attributes():
    vertices, camera = tilted().requires_grad_(), plain_camera(2, torch.float64)
    attributes = torch.randn(1, 4, 5, dtype=torch.float64, requires_grad=True)
    settings = MeshSettings(backend="torch")

    def features(points, values):
        render = rasterize_mesh(points, SQUARE, camera, *SIZE, settings)
        return interpolate(render, SQUARE, values, settings)

    assert torch.autograd.gradcheck(features, (vertices, attributes))


# --- visibility ---


@pytest.mark.parametrize("backend", BACKENDS)
class TestSurface:
    def test_interpolated_positions_are_on_the_pixels_ray(self, backend):
        vertices = tilted(torch.float32)
        render = draw(vertices, SQUARE, backend)
        points = interpolate(render, SQUARE, vertices, MeshSettings(backend=backend))[render.mask]
        _, row, column = render.mask.nonzero(as_tuple=True)
        assert 40 < len(points) < 2 * 9 * 8
        torch.testing.assert_close(points[:, 2], render.depth[render.mask])
        torch.testing.assert_close(points[:, 0] / points[:, 2], column + 0.5, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(points[:, 1] / points[:, 2], row + 0.5, rtol=1e-5, atol=1e-5)

    def test_a_batch_is_its_members(self, backend):
        vertices = torch.cat([tilted(torch.float32), at((0, 0), (8, 0), (8, 8), (0, 8))])
        both = torch.stack([SQUARE, SQUARE.flip(0), torch.tensor([[0, 1, 2], [0, 0, 0]])])
        render = draw(vertices, both, backend)
        soft = silhouette(vertices, both, backend)
        for index, faces in enumerate(both):
            alone = draw(vertices[index, None], faces, backend)
            for name in ("face_ids", "barycentric", "depth"):
                assert torch.equal(getattr(render, name)[index], getattr(alone, name)[0])
            assert torch.equal(soft[index], silhouette(vertices[index, None], faces, backend)[0])

    def test_one_set_of_attributes_for_all_meshes(self, backend):
        vertices = tilted(torch.float32)
        values = torch.randn(1, 4, 3)
        render, settings = draw(vertices, SQUARE, backend), MeshSettings(backend=backend)
        one = values.clone().requires_grad_()
        each = values.repeat(2, 1, 1).requires_grad_()
        maps = [interpolate(render, SQUARE, given, settings) for given in (one, each)]
        assert torch.equal(*maps)
        assert not maps[0][~render.mask].any()
        weights = torch.randn(maps[0].shape)
        for result in maps:
            (result * weights).sum().backward()
        torch.testing.assert_close(one.grad, each.grad.sum(0, keepdim=True))

    def test_a_shared_edge_through_pixel_centres_is_the_smaller_faces(self, backend):
        vertices = at((0, 0), (8, 0), (8, 8), (0, 8))
        seen = draw(vertices, SQUARE, backend).face_ids[0, :8]
        assert (seen.diagonal() == 0).all()
        swapped = draw(vertices, SQUARE.flip(0), backend).face_ids[0, :8]
        assert (swapped.diagonal() == 0).all()
        assert torch.equal(swapped[~torch.eye(8, dtype=bool)], 1 - seen[~torch.eye(8, dtype=bool)])

    def test_culling_leaves_out_faces_that_face_away(self, backend):
        away = at((1, 1), (7, 1), (1, 7))
        assert draw(away, TRIANGLE, backend).mask.any()
        assert not draw(away, TRIANGLE, backend, cull=True).mask.any()
        assert draw(away, TRIANGLE.flip(1), backend, cull=True).mask.any()


NOTHING = {
    "no faces": (at((1, 1), (7, 1), (1, 7)), TRIANGLE[:0]),
    "no vertices": (torch.zeros(1, 0, 3), TRIANGLE[:0]),
    "behind the camera": (-at((1, 1), (7, 1), (1, 7)), TRIANGLE),
    "through the near plane": (at((1, 1), (7, 1), (1, 7)) * torch.tensor([1, 1, 0.01]), TRIANGLE),
    "a line": (at((1, 1), (4, 4), (7, 7)), TRIANGLE),
    "a point": (at((4, 4)), torch.zeros(1, 3, dtype=torch.long)),
    "nan": (at((1, 1), (math.nan, 1), (1, 7)), TRIANGLE),
    "infinite": (at((1, 1), (math.inf, 1), (1, 7)), TRIANGLE),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_drawn_and_gradients_are_zero(backend, name):
    vertices, faces = NOTHING[name]
    vertices = vertices.clone().requires_grad_()
    render, soft = draw(vertices, faces, backend), silhouette(vertices, faces, backend)
    assert not render.mask.any() and not render.barycentric.any() and not soft.any()
    assert render.depth.isinf().all()
    loss = soft.sum() + render.barycentric.sum() + render.depth[render.mask].sum()
    (grad,) = torch.autograd.grad(loss, vertices)
    assert torch.equal(grad, torch.zeros_like(grad))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_bad_corner_spoils_its_own_face_alone(backend):
    vertices = at((0, 0), (8, 0), (8, 8), (0, 8))
    vertices[0, 3] = math.nan
    vertices.requires_grad_()
    render, soft = draw(vertices, SQUARE, backend), silhouette(vertices, SQUARE, backend)
    assert set(render.face_ids.unique().tolist()) == {-1, 0}
    (grad,) = torch.autograd.grad(soft.sum() + render.depth[render.mask].sum(), vertices)
    assert grad[0, :3].isfinite().all() and grad[0, :3].any() and not grad[0, 3].any()


# --- soft silhouettes ---


@pytest.mark.parametrize("backend", BACKENDS)
class TestSilhouette:
    def test_the_formula_of_one_face(self, backend):
        opacity = silhouette(at((2, -50), (2, 50), (60, 0)), TRIANGLE, backend, sigma=2.0)[0]
        distance = torch.arange(8) + 0.5 - 2  # from the left side, positive inside
        share = torch.sigmoid(distance * distance.abs() / 2)
        share[share < 1e-4] = 0
        torch.testing.assert_close(opacity, share.expand(9, 8))

    def test_faces_combine_as_independent_probabilities(self, backend):
        left, right = at((2, 2), (2, 7), (5, 4)), at((3, 1), (7, 3), (5, 6))
        alone = [silhouette(part, TRIANGLE, backend)[0] for part in (left, right)]
        both = torch.tensor([[0, 1, 2], [3, 4, 5]])
        together = silhouette(torch.cat([left, right], 1), both, backend)[0]
        torch.testing.assert_close(together, 1 - (1 - alone[0]) * (1 - alone[1]))

    def test_a_corner_is_a_point(self, backend):
        opacity = silhouette(at((4.5, 4.5), (40, 30), (30, 40)), TRIANGLE, backend)[0]
        assert opacity[4, 4] == pytest.approx(0.5)  # on the corner itself
        assert opacity[4, 3] == pytest.approx(1 / (1 + math.e))
        assert opacity[3, 3] == pytest.approx(1 / (1 + math.e**2))

    @pytest.mark.parametrize("faces", [10, 500])
    def test_a_saturated_pixel_is_opaque_and_has_no_gradient(self, backend, faces):
        vertices = at((2, -50), (2, 50), (60, 0)).requires_grad_()
        opacity = silhouette(vertices, TRIANGLE.repeat(faces, 1), backend)
        full = opacity[:, :, 3:]  # 1.5 pixels inside, ten faces' optical depth is 23
        assert (full == 1).all()
        (grad,) = torch.autograd.grad(full.sum(), vertices, retain_graph=True)
        assert not grad.any()
        assert torch.autograd.grad(opacity.sum(), vertices)[0].any() == (faces == 10)

    def test_pulls_a_displaced_square_back(self, backend):
        true = at((2.6, 2.2), (6.1, 2.2), (6.1, 5.9), (2.6, 5.9))
        target = silhouette(true, SQUARE, backend)
        shift = torch.tensor([1.3, -1.1], requires_grad=True)
        optimiser = torch.optim.Adam([shift], lr=0.1)
        for _ in range(100):
            moved = true + torch.cat([shift, torch.zeros(1)])
            loss = (silhouette(moved, SQUARE, backend) - target).square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert shift.detach().abs().max() < 0.02


# --- bad input ---

GOOD = at((1, 1), (7, 1), (1, 7))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("op", [rasterize_mesh, soft_silhouette])
@pytest.mark.parametrize(
    ("vertices", "faces", "cameras", "size", "words"),
    [
        (GOOD[0], TRIANGLE, 1, SIZE, "vertices must be"),
        (GOOD[..., :2], TRIANGLE, 1, SIZE, "vertices must be"),
        (GOOD, TRIANGLE[:, :2], 1, SIZE, "faces must be"),
        (GOOD, TRIANGLE.float(), 1, SIZE, "faces must be"),
        (GOOD, TRIANGLE.repeat(2, 1, 1), 1, SIZE, "faces for each of 1"),
        (GOOD, TRIANGLE + 1, 1, SIZE, "outside 0..2"),
        (GOOD, TRIANGLE - 1, 1, SIZE, "outside 0..2"),
        (GOOD, TRIANGLE, 2, SIZE, "a camera for each"),
        (GOOD, TRIANGLE, 1, (0, 8), "image size"),
    ],
)
def test_bad_input_is_named(backend, op, vertices, faces, cameras, size, words):
    with pytest.raises(ValueError, match=words), unchecked():
        op(vertices, faces, plain_camera(cameras), *size, settings=MeshSettings(backend=backend))


@pytest.mark.parametrize("backend", BACKENDS)
def test_bad_numbers_are_named(backend):
    with pytest.raises(ValueError, match="softness"):
        silhouette(GOOD, TRIANGLE, backend, sigma=0.0)
    with pytest.raises(ValueError, match="softness"):
        silhouette(GOOD, TRIANGLE, backend, least=0.5)
    settings = MeshSettings(near=-1.0, backend=backend)
    with pytest.raises(ValueError, match="near"):
        rasterize_mesh(GOOD, TRIANGLE, plain_camera(), *SIZE, settings)
    render = draw(GOOD, TRIANGLE, backend)
    for wrong in (torch.zeros(3, 2), torch.zeros(2, 3, 2), torch.zeros(1, 2, 2)):
        with pytest.raises(ValueError, match=r"attributes|faces index"), unchecked():
            interpolate(render, TRIANGLE, wrong, MeshSettings(backend=backend))


def test_an_unknown_backend_is_named():
    with pytest.raises(UserError, match="no backend"):
        draw(GOOD, TRIANGLE, "metal")
