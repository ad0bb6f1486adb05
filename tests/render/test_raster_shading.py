"""Shading of rasters: known light on known surfaces for both backends."""

from __future__ import annotations

import numpy as np
import pytest

from core.native import load_native
from core.render.mesh.raster import rasterize
from core.render.mesh.raster_result import Raster
from core.render.shade.render import (
    Lighting,
    Material,
    ShadowMap,
    TexturedMesh,
    shade,
    shade_cells,
    vertex_normals,
)
from core.render.shade.twin import ambient_basis

NATIVE = pytest.mark.skipif(load_native() is None, reason="no native library")
BACKENDS = ["twin", pytest.param("native", marks=NATIVE)]
SIZE = 16
DARK = np.zeros((9, 3))
WHITE = np.full((1, 1, 3), 255, np.uint8)


def square(half: float = 4.0, depth: float = 2.0) -> TexturedMesh:
    """A square that faces the camera and fills the picture; uv runs from 0 to 1 across it."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float32) * half
    vertices = np.concatenate([corners, np.full((4, 1), depth, np.float32)], 1)
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    return TexturedMesh(vertices, faces, uv[faces], np.zeros(2, np.int32))


def light(direction: list[float], ambient: np.ndarray = DARK, **options: object) -> Lighting:
    unit = np.array([direction]) / np.linalg.norm(direction)
    return Lighting(unit, np.ones((1, 3)), ambient, **options)


def picture(
    mesh: TexturedMesh, materials: list[Material], lighting: Lighting, backend: str
) -> np.ndarray:
    raster = rasterize(mesh.vertices, mesh.faces, SIZE / 4, (SIZE / 2,) * 2, SIZE, SIZE)
    return shade(raster, mesh, materials, lighting, backend)


def test_normals_point_out_of_the_face():
    mesh = square()
    np.testing.assert_allclose(vertex_normals(mesh.vertices, mesh.faces), [[0, 0, -1]] * 4)


@pytest.mark.parametrize("backend", BACKENDS)
class TestLight:
    def test_lambert(self, backend):
        rgba = picture(square(), [Material(WHITE)], light([0, -1, -1]), backend)
        np.testing.assert_allclose(rgba[..., :3], np.sqrt(0.5), rtol=1e-5)
        np.testing.assert_array_equal(rgba[..., 3], 1)

    def test_light_from_behind_is_none(self, backend):
        assert not picture(square(), [Material(WHITE)], light([0, 0, 1]), backend)[..., :3].any()

    def test_both_sides_are_lit(self, backend):
        mesh = square()
        turned = TexturedMesh(
            mesh.vertices, mesh.faces[:, ::-1].copy(), mesh.corner_uv, mesh.face_material
        )
        rgba = picture(turned, [Material(WHITE)], light([0, 0, -1]), backend)
        np.testing.assert_allclose(rgba[..., :3], 1, rtol=1e-5)

    def test_ambient_depends_on_the_normal(self, backend):
        ambient = np.zeros((9, 3))
        ambient[0], ambient[3] = 0.5, [-0.1, 0.0, 0.2]  # 1 and z; the normal is -z
        rgba = picture(square(), [Material(WHITE)], light([0, 0, 1], ambient), backend)
        np.testing.assert_allclose(rgba[4, 4, :3], [0.6, 0.5, 0.3], rtol=1e-5)

    def test_tint_and_square_law(self, backend):
        material = Material(np.full((1, 1, 3), 51, np.uint8), tint=(1.0, 0.5, 0.25))
        rgba = picture(square(), [material], light([0, 0, -1]), backend)
        np.testing.assert_allclose(rgba[3, 3, :3], 0.04 * np.array([1, 0.5, 0.25]), rtol=1e-5)

    def test_highlight_is_where_the_light_mirrors(self, backend):
        rgba = picture(square(), [Material(WHITE, (0, 0, 0), 1.0)], light([0, 0, -1]), backend)
        middle, corner = rgba[8, 8, 0], rgba[0, 0, 0]
        assert middle > 0.9
        assert corner < 0.3

    def test_nothing_seen_is_nothing(self, backend):
        rgba = picture(square(half=0.5), [Material(WHITE)], light([0, 0, -1]), backend)
        assert 0 < (rgba[..., 3] > 0).mean() < 0.2
        assert not rgba[rgba[..., 3] == 0].any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_texture_is_upright(backend):
    texture = np.zeros((2, 2, 3), np.uint8)
    texture[0, 0], texture[1, 1] = (255, 0, 0), (0, 0, 255)  # top left red, bottom right blue
    rgba = picture(square(), [Material(texture)], light([0, 0, -1]), backend)
    np.testing.assert_allclose(rgba[4, 4, :3], [1, 0, 0], atol=0.2)
    np.testing.assert_allclose(rgba[11, 11, :3], [0, 0, 1], atol=0.2)


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_face_has_its_material(backend):
    mesh = square()
    two = TexturedMesh(mesh.vertices, mesh.faces, mesh.corner_uv, np.array([0, 1], np.int32))
    materials = [Material(WHITE, (1, 0, 0)), Material(WHITE, (0, 1, 0))]
    rgba = picture(two, materials, light([0, 0, -1]), backend)
    np.testing.assert_allclose(rgba[2, 13, :3], [1, 0, 0], atol=1e-5)
    np.testing.assert_allclose(rgba[13, 2, :3], [0, 1, 0], atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_shadow_falls_where_the_map_holds_something_nearer(backend):
    depth = np.full((SIZE, SIZE), np.inf, np.float32)
    depth[:, : SIZE // 2] = 1.0  # the light is at the camera; the left half is blocked at 1 m
    shadow = ShadowMap(depth, np.eye(3), np.zeros(3), focal=SIZE / 4)
    rgba = picture(square(), [Material(WHITE)], light([0, 0, -1], shadow=shadow), backend)
    assert not rgba[:, :7, :3].any()
    np.testing.assert_allclose(rgba[:, 9:, :3], 1, rtol=1e-5)


def random_scene(size: int) -> tuple[Raster, TexturedMesh, list[Material], Lighting]:
    """Forty triangles of two materials under two lights, one with a shadow map."""
    rng = np.random.default_rng(0)
    vertices = rng.normal([0, 0, 4], 1, (60, 3)).astype(np.float32)
    faces = rng.permuted(np.tile(np.arange(60), (40, 1)), axis=1)[:, :3].astype(np.int32)
    uv = rng.normal(size=(40, 3, 2)).astype(np.float32)
    mesh = TexturedMesh(vertices, faces, uv, rng.integers(0, 2, 40).astype(np.int32))
    textures = [rng.integers(0, 255, (7, 5, 3), dtype=np.uint8) for _ in range(2)]
    materials = [Material(t, tuple(rng.random(3)), rng.random()) for t in textures]
    directions = rng.normal(size=(2, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shadow = ShadowMap(rng.uniform(2, 6, (8, 8)).astype(np.float32), np.eye(3), np.zeros(3), 4.0)
    lighting = Lighting(directions, rng.random((2, 3)), rng.normal(size=(9, 3)), shadow)
    raster = rasterize(vertices, faces, 1.25 * size, (size / 2,) * 2, size, size)
    return raster, mesh, materials, lighting


@NATIVE
def test_backends_agree():
    raster, *scene = random_scene(48)
    native, twin = (shade(raster, *scene, b) for b in ("native", "twin"))
    differs = (np.abs(native - twin) > 1e-4).any(-1)
    assert raster.mask.mean() > 0.3
    assert differs.mean() < 0.01  # depths may compare differently after rounding


@NATIVE
@pytest.mark.parametrize("cell", [1, 2, 3])
def test_cells_agree(cell):
    raster, *scene = random_scene(48)
    labels = np.random.default_rng(1).integers(0, 4, 40).astype(np.uint8)
    native, twin = (shade_cells(raster, *scene, cell, labels, b) for b in ("native", "twin"))
    assert native[0].shape == (48 // cell, 48 // cell, 4)
    assert (np.abs(native[0] - twin[0]) > 1e-4).any(-1).mean() < 0.01
    np.testing.assert_array_equal(native[1], twin[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_cells_are_means_of_pixels_none_above_white(backend):
    raster, *scene = random_scene(16)
    labels = np.full(40, 7, np.uint8)
    rgba, label = shade_cells(raster, *scene, 2, labels, backend)
    fine = np.minimum(shade(raster, *scene, backend), 1)
    mean = (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    np.testing.assert_allclose(rgba, mean, atol=1e-6)
    np.testing.assert_array_equal(label, np.where(mean[..., 3] >= 0.5, 7, 0))


@NATIVE
def test_raster_that_does_not_fall_into_cells_is_refused():
    raster, *scene = random_scene(16)
    with pytest.raises(ValueError, match="cells of 3"):
        shade_cells(raster, *scene, 3, np.zeros(40, np.uint8))


def test_ambient_basis_spans_linear_and_quadratic_terms():
    normals = np.random.default_rng(1).normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    assert np.linalg.matrix_rank(ambient_basis(normals)) == 9
