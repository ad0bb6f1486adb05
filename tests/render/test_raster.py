"""The rasteriser: analytic cases for both backends, and the backends against each other."""

from __future__ import annotations

import numpy as np
import pytest

from core.body.load import load_body
from core.native import load_native
from core.render.mesh.raster import Raster, rasterize
from tests.shapes import unchecked

BACKENDS = [
    "twin",
    pytest.param(
        "native", marks=pytest.mark.skipif(load_native() is None, reason="no native library")
    ),
]
TRIANGLE = np.array([[0, 1, 2]], np.int32)


def on_plane(pixels: list[tuple[float, float]], depth: float = 1.0) -> np.ndarray:
    """Points at ``depth`` that a camera of focal length 1 and centre (0, 0) sees at ``pixels``."""
    points = np.array([[x, y, 1.0] for x, y in pixels]) * depth
    return points.astype(np.float32)


def draw(vertices: np.ndarray, faces: np.ndarray, backend: str, **options: object) -> Raster:
    return rasterize(vertices, faces, 1.0, (0.0, 0.0), 8, 8, near=0.01, backend=backend, **options)


@pytest.mark.parametrize("backend", BACKENDS)
class TestCoverage:
    def test_half_square(self, backend):
        raster = draw(on_plane([(0, 0), (8, 0), (0, 8)]), TRIANGLE, backend)
        row, column = np.mgrid[0:8, 0:8]
        inside = row + column + 1 <= 8  # centres at +0.5; those on the diagonal belong to it
        np.testing.assert_array_equal(raster.mask, inside)
        np.testing.assert_array_equal(raster.face_ids, np.where(inside, 0, -1))
        np.testing.assert_allclose(raster.depth[inside], 1.0)
        assert np.isinf(raster.depth[~inside]).all()
        assert not raster.barycentric[~inside].any()

    def test_winding_does_not_matter_unless_culled(self, backend):
        away = on_plane([(0, 0), (8, 0), (0, 8)])  # clockwise on a screen whose y runs down
        towards = away[[0, 2, 1]]
        for vertices in (away, towards):
            assert draw(vertices, TRIANGLE, backend).mask.sum() == 36
        assert not draw(away, TRIANGLE, backend, cull=True).mask.any()
        assert draw(towards, TRIANGLE, backend, cull=True).mask.sum() == 36

    def test_shared_edges_leave_no_crack(self, backend):
        corners = on_plane([(0, 0), (8, 0), (8, 8), (0, 8), (4.5, 3.5), (2.2, 6.1)])
        faces = np.array(
            [[0, 1, 4], [1, 2, 4], [2, 5, 4], [2, 3, 5], [3, 0, 5], [0, 4, 5]], np.int32
        )
        assert draw(corners, faces, backend).mask.all()

    def test_partly_outside_the_image(self, backend):
        raster = draw(on_plane([(-20, -20), (40, -20), (-20, 40)]), TRIANGLE, backend)
        assert raster.mask.all()
        np.testing.assert_allclose(raster.barycentric.sum(-1), 1, atol=1e-6)

    def test_pixel_between_centres_is_empty(self, backend):
        tiny = on_plane([(2.6, 2.6), (2.9, 2.6), (2.6, 2.9)])
        assert not draw(tiny, TRIANGLE, backend).mask.any()


@pytest.mark.parametrize("backend", BACKENDS)
class TestDepth:
    def test_interpolation_is_perspective_correct(self, backend):
        pixels, depths = [(0, 0), (8, 0), (0, 8)], np.array([1.0, 4.0, 2.0])
        vertices = on_plane(pixels) * depths[:, None].astype(np.float32)
        raster = draw(vertices, TRIANGLE, backend)
        for row, column in np.argwhere(raster.mask):
            point = raster.barycentric[row, column] @ vertices
            np.testing.assert_allclose(point[:2] / point[2], [column + 0.5, row + 0.5], rtol=1e-5)
            np.testing.assert_allclose(point[2], raster.depth[row, column], rtol=1e-5)

    def test_nearer_wins_in_any_order(self, backend):
        near = on_plane([(0, 0), (8, 0), (0, 8)], 1.0)
        far = on_plane([(0, 0), (8, 0), (0, 8)], 2.0)
        faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
        first = draw(np.concatenate([near, far]), faces, backend)
        second = draw(np.concatenate([far, near]), faces, backend)
        assert set(np.unique(first.face_ids)) == {-1, 0}
        assert set(np.unique(second.face_ids)) == {-1, 1}

    def test_tie_goes_to_the_smaller_face(self, backend):
        vertices = on_plane([(0, 0), (8, 0), (0, 8)])
        faces = np.array([[1, 2, 0], [0, 1, 2], [0, 2, 1]], np.int32)
        assert draw(vertices, faces, backend).face_ids.max() == 0

    def test_planes_cross_where_depths_are_equal(self, backend):
        pixels = [(0, -40), (0, 40), (8, 0)]
        inverse = np.array([1.5, 1.5, 0.5], np.float32)  # 1 / z decreases from left to right
        slope = on_plane(pixels) / inverse[:, None]
        both = np.concatenate([on_plane([(0, -40), (0, 40), (40, 0)]), slope])
        raster = draw(both, np.array([[0, 1, 2], [3, 4, 5]], np.int32), backend)
        assert (raster.face_ids[3, :4] == 1).all()
        assert (raster.face_ids[3, 4:] == 0).all()


@pytest.mark.parametrize("backend", BACKENDS)
class TestNothingToDraw:
    def test_behind_the_camera(self, backend):
        assert not draw(-on_plane([(0, 0), (8, 0), (0, 8)]), TRIANGLE, backend).mask.any()

    def test_reaching_the_near_plane(self, backend):
        vertices = on_plane([(0, 0), (8, 0), (0, 8)])
        vertices[1] = [0.08, 0, 0.01]
        assert not draw(vertices, TRIANGLE, backend).mask.any()

    def test_empty_mesh(self, backend):
        raster = draw(np.zeros((0, 3)), np.zeros((0, 3), np.int32), backend)
        assert not raster.mask.any()
        assert np.isinf(raster.depth).all()

    @pytest.mark.parametrize("pixels", [[(1, 1)] * 3, [(0, 0), (4, 4), (8, 8)]])
    def test_degenerate(self, backend, pixels):
        assert not draw(on_plane(pixels), TRIANGLE, backend).mask.any()

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_corner_that_is_not_finite(self, backend, bad):
        vertices = on_plane([(0, 0), (8, 0), (0, 8), (0, 0), (8, 0), (0, 8)])
        vertices[1, 0] = bad
        raster = draw(vertices, np.array([[0, 1, 2], [3, 4, 5]], np.int32), backend)
        assert set(np.unique(raster.face_ids)) == {-1, 1}


@pytest.mark.skipif(load_native() is None, reason="no native library")
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (33, 64), (61, 130)])
@pytest.mark.parametrize("spread", [0.05, 0.5, 3.0])
def test_vector_instructions_change_no_bit(size, spread):
    """Slivers, triangles of a pixel, and ones larger than the picture, some sharing edges."""
    rng = np.random.default_rng(int(100 * spread) + size[0])
    middles = rng.uniform([-1, -1, 2], [1, 1, 4], (300, 1, 3))
    corners = middles + spread * rng.normal(size=(300, 3, 3)) * [1, 1, 0.3]
    vertices = corners.reshape(-1, 3).astype(np.float32)
    faces = np.arange(900, dtype=np.int32).reshape(-1, 3)
    faces = np.concatenate([faces, np.roll(faces, 1, 0) - [[0, 1, 0]]]).clip(0).astype(np.int32)
    camera = 0.6 * max(size), (size[1] / 2, size[0] / 2)
    drawn = [rasterize(vertices, faces, *camera, *size, backend=b) for b in ("native", "plain")]
    np.testing.assert_array_equal(drawn[0].face_ids, drawn[1].face_ids)
    np.testing.assert_array_equal(drawn[0].depth, drawn[1].depth)
    np.testing.assert_array_equal(drawn[0].barycentric, drawn[1].barycentric)


@pytest.mark.skipif(load_native() is None, reason="no native library")
def test_backends_agree_on_a_body():
    body = load_body()
    vertices = body.v_template.numpy() * [1, -1, -1] + [0, -0.2, 2.5]
    faces = body.faces.numpy().astype(np.int32)
    rasters = [
        rasterize(vertices, faces, 90.0, (48.3, 47.9), 96, 96, backend=b)
        for b in ("native", "twin")
    ]
    assert rasters[0].mask.mean() > 0.05
    np.testing.assert_array_equal(rasters[0].face_ids, rasters[1].face_ids)
    np.testing.assert_allclose(rasters[0].barycentric, rasters[1].barycentric, atol=1e-5)
    np.testing.assert_allclose(rasters[0].depth, rasters[1].depth, rtol=1e-6)


def test_closed_body_shows_no_inside():
    body = load_body()
    vertices = body.v_template.numpy() * [1, -1, -1] + [0, -0.2, 2.5]
    faces = body.faces.numpy().astype(np.int32)
    whole = rasterize(vertices, faces, 90.0, (48, 48), 96, 96)
    culled = rasterize(vertices, faces, 90.0, (48, 48), 96, 96, cull=True)
    np.testing.assert_array_equal(whole.mask, culled.mask)
    assert (whole.face_ids == culled.face_ids).mean() > 0.999  # a few silhouette pixels may tie


@pytest.mark.parametrize(
    ("vertices", "faces", "size", "words"),
    [
        (np.zeros((3, 2)), TRIANGLE, 8, "vertices must be"),
        (np.zeros((3, 3)), np.array([[0, 1]], np.int32), 8, "faces must be"),
        (np.zeros((3, 3)), np.array([[0, 1, 3]], np.int32), 8, "outside"),
        (np.zeros((3, 3)), np.array([[-1, 1, 2]], np.int32), 8, "outside"),
        (np.zeros((3, 3)), TRIANGLE, 0, "positive"),
    ],
)
def test_bad_input_is_named(vertices, faces, size, words):
    with pytest.raises(ValueError, match=words), unchecked():
        rasterize(vertices, faces, 1.0, (0.0, 0.0), size, size)
