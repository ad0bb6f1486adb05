"""Light, paint, backdrops and degradation, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from core.pictures.patterns import noise, pattern, to_three_channels
from core.render.mesh.raster import rasterize
from core.render.shade.render import TexturedMesh
from core.render.shade.shadow import shadow_map
from core.render.shade.twin import ambient_basis
from core.synth.drawing import backdrop
from core.synth.drawing.degrade import degrade
from core.synth.drawing.light import ambient_terms
from core.synth.drawing.occluders import Occluder
from core.synth.dressing import paint
from core.synth.dressing.appearance import MaterialLibrary
from core.synth.dressing.face import paint_face

PLAIN = MaterialLibrary([], [], [])


def test_even_sky_lights_every_side_alike():
    terms = ambient_terms(np.full((64, 128, 3), 0.3, np.float32), np.eye(3))
    normals = np.random.default_rng(0).normal(size=(20, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    np.testing.assert_allclose(ambient_basis(normals) @ terms, 0.3, rtol=0.03)


def test_bright_zenith_lights_what_looks_up():
    sky = np.zeros((64, 128, 3), np.float32)
    sky[:16] = 1
    flip = np.diag([1.0, -1, -1])  # an upright camera: the world's up is -y
    up, down = ambient_basis(np.array([[0.0, -1, 0], [0, 1, 0]])) @ ambient_terms(sky, flip)
    assert up.min() > 0.3
    assert down.max() < 0.05


def test_light_rotates_with_the_camera():
    sky = np.zeros((64, 128, 3), np.float32)
    sky[:16] = 1
    turn = Rotation.from_euler("xyz", [1.2, 0.4, -0.7]).as_matrix()
    up = turn @ [0, 1, 0]
    bright, dark = ambient_basis(np.stack([up, -up])) @ ambient_terms(sky, turn)
    assert bright.min() > 0.3
    assert dark.max() < 0.05


def test_light_comes_from_where_the_panorama_shows_it():
    """The same bright spot is drawn ahead of the camera and lights what faces it."""
    sky = np.zeros((64, 128, 3), np.float32)
    flip = np.diag([1.0, -1, -1])  # looks along the world's -z
    sky[24:40, 60:68] = 5.0  # the middle column of the picture
    ahead = backdrop.surroundings(np.roll(sky, -64, 1), flip, 32, np.random.default_rng(0))
    assert ahead[16, 16].min() > 0.5
    towards, away = ambient_basis(np.array([[0.0, 0, 1], [0, 0, -1]])) @ ambient_terms(
        np.roll(sky, -64, 1), flip
    )
    assert towards.min() > 3 * max(away.max(), 0.01)


def test_shadow_map_sees_the_near_side():
    triangle = np.array([[-1, -1, 5], [1, -1, 5], [0, 1, 5]], np.float32)
    both = np.concatenate([triangle, triangle + np.float32([0, 0, 1])])
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    shadow = shadow_map(both, faces, np.array([0, 0, -1.0]), 256)
    seen = shadow.depth[np.isfinite(shadow.depth)]
    local = both @ shadow.rotation.T + shadow.translation
    assert seen.max() <= local[:3, 2].max() + 1e-3  # the farther triangle is hidden
    np.testing.assert_allclose(shadow.rotation @ shadow.rotation.T, np.eye(3), atol=1e-9)


def test_texels_have_the_positions_of_their_faces(sampler):
    surface = sampler.dressable.texels_surface
    template = sampler.dressable.vertices_surface.position
    assert np.isfinite(surface.position).all()
    assert surface.position.min() >= template.min() - 1e-3
    assert surface.position.max() <= template.max() + 1e-3
    uv = sampler.dressable.corner_uv[:, 0]
    size = len(surface.part)
    column = (uv[:, 0] * size).astype(int).clip(0, size - 1)
    row = ((1 - uv[:, 1]) * size).astype(int).clip(0, size - 1)
    error = surface.position[row, column] - template[sampler.dressable.faces[:, 0]]
    assert np.median(np.linalg.norm(error, axis=1)) < 0.01


def test_clothes_stay_in_their_regions(sampler):
    joints = sampler.dressable.joints
    surface = sampler.dressable.vertices_surface
    rng = np.random.default_rng(0)
    for _ in range(20):
        cut = paint.random_cut(joints, rng)
        region = paint.region_of(surface, cut)
        assert not np.isin(region[surface.part == 15], (paint.TOP, paint.BOTTOM)).any()
        assert not (region[surface.groups["hand"]] != paint.BARE).any()
        if paint.SHOES not in cut.worn:
            assert not (region == paint.SHOES).any()
        standoff = paint.cloth_standoff(region, surface.position, rng)
        assert not standoff[region == paint.BARE].any()
        assert 0 <= standoff.min() <= standoff.max() < 0.05


def test_floor_lies_below_the_horizon_and_under_the_feet():
    flip = np.diag([1.0, -1, -1])
    feet = np.array([[0.1, 1.0, 5], [-0.1, 1.0, 5], [0, -0.7, 5]], np.float32)
    ground = backdrop.Ground.below(feet, flip)
    np.testing.assert_allclose(ground.foot, [0, 1, 5], atol=1e-6)
    picture = np.zeros((64, 64, 3), np.float32)
    tile = np.full((256, 256, 3), 200, np.uint8)
    floor_mask = backdrop.draw_floor(picture, ground, 64.0, tile, np.random.default_rng(0))
    assert not floor_mask[:32].any()
    assert floor_mask[40:].all()
    assert (picture[floor_mask] > 0.3).all()
    assert not picture[~floor_mask].any()


@pytest.mark.parametrize("seed", range(6))
def test_sensor_keeps_shape_type_and_rough_content(seed):
    rng = np.random.default_rng(seed)
    image = np.zeros((64, 64, 3), np.float32)
    image[16:48, 16:48] = 200
    stored = degrade(image, rng)
    assert stored.shape == image.shape
    assert stored.dtype == np.uint8
    assert stored[24:40, 24:40].mean() > stored[:8].mean() + 30


def test_patterns_fill_their_square():
    rng = np.random.default_rng(0)
    for _ in range(20):
        tile = pattern(32, rng)
        assert tile.shape == (32, 32, 3)
        assert tile.dtype == np.uint8
    field = noise(32, rng)
    assert field.min() == 0
    assert field.max() == pytest.approx(1)


def test_values_are_repeated_in_three_channels():
    values = np.random.default_rng(0).random((5, 4), dtype=np.float32)
    np.testing.assert_array_equal(to_three_channels(values), np.repeat(values[..., None], 3, -1))
    assert to_three_channels(values[:0]).shape == (0, 4, 3)


def test_layer_covers_where_it_is_opaque_and_may_be_nowhere():
    image = np.full((8, 8, 3), 0.25, np.float32)
    color = np.full((8, 8, 3), 0.5, np.float32)
    alpha = np.zeros((8, 8), np.float32)
    Occluder(alpha, color).cover(image)
    np.testing.assert_array_equal(image, 0.25)
    alpha[2:4, 5:] = 1
    Occluder(alpha, 2 * color).cover(image)
    np.testing.assert_array_equal(image[2:4, 5:], 1)
    assert (image == 0.25).sum() == 3 * (64 - 6)


def test_materials_without_a_folder_are_complete():
    rng = np.random.default_rng(0)
    assert PLAIN.patch(rng, 40).shape == (40, 40, 3)
    assert PLAIN.skin(rng).dtype == np.uint8
    assert np.isfinite(PLAIN.panorama(rng)).all()


def test_raster_of_floor_shadow_is_below_the_person():
    flip = np.diag([1.0, -1, -1])
    vertices = np.array([[0, 1.0, 5], [0.4, 1.0, 5], [0.2, -0.7, 5]], np.float32)
    faces = np.array([[0, 1, 2]], np.int32)
    mesh = TexturedMesh(vertices, faces, np.zeros((1, 3, 2), np.float32), np.zeros(1, np.int32))
    ground = backdrop.Ground.below(vertices, flip)
    picture = np.ones((64, 64, 3), np.float32)
    floor_mask = np.zeros((64, 64), bool)
    floor_mask[33:] = True
    light = np.array([-0.2, -0.6, 0.5])
    light /= np.linalg.norm(light)
    backdrop.cast_shadow(picture, floor_mask, ground, mesh, light, 64.0, np.random.default_rng(0))
    dark = picture.mean(-1) < 0.97
    assert dark.any()
    assert not dark[:33].any()
    person = rasterize(vertices, faces, 64.0, (32.0, 32.0), 64, 64).mask
    assert np.nonzero(dark)[1].mean() > np.nonzero(person)[1].mean()  # away from the light


def test_face_is_painted_on_the_front_of_the_head_only(sampler):
    dressable = sampler.dressable
    plain = np.full((*dressable.texels_surface.part.shape, 3), 180, np.uint8)
    texture = plain.copy()
    paint_face(texture, dressable.face_texels, True, np.random.default_rng(0))
    changed = (texture != plain).any(-1)
    local = dressable.texels_surface.position[changed] - dressable.joints[15]
    assert changed.sum() > 50
    assert (dressable.texels_surface.part[changed] == 15).all()
    assert local[:, 2].min() > 0.02
    assert abs(local[:, 0].mean()) < 0.01  # both sides alike
    whites = (texture > 140).all(-1) & changed
    assert np.abs(np.abs(dressable.texels_surface.position[whites][:, 0]) - 0.034).max() < 0.015
