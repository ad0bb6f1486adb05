"""Lit pictures of a fit."""

from dataclasses import replace

import numpy as np
import pytest

from core.pictures.lit_render import LitRenderer
from core.pictures.presentation import draw_views
from core.pictures.studio import BACKDROP
from core.pictures.viewpoints import World, front_view, photo_view, top_view
from core.render.mesh.raster import rasterize
from tests.pictures.scenes import toy_scene

SIZE = (320, 240)


@pytest.fixture(scope="module")
def lit():
    scene = toy_scene(pitch=10, heading=30, focal=320.0)
    world = World.of(scene)
    return scene, world, LitRenderer(world, scene.faces, SIZE)


def test_the_body_is_where_the_photo_has_it(lit):
    scene, world, renderer = lit
    seen = renderer.body(photo_view(world, scene, SIZE), ground=False)
    expected = rasterize(scene.vertices, scene.faces, 640.0, (320.0, 240.0), 480, 640, 0.05)
    both = expected.mask & seen.body
    assert both.sum() > 0.99 * (expected.mask | seen.body).sum() > 1000
    assert np.abs(seen.depth[both] - expected.depth[both]).max() < 1e-3
    assert np.allclose(seen.color[~seen.body], BACKDROP)


def test_it_throws_a_shadow_on_the_ground(lit):
    _, world, renderer = lit
    drawn = renderer.body(top_view(world, SIZE))
    away = replace(world, vertices=world.vertices + np.array([0, 50, 0]))
    empty = LitRenderer(away, renderer.faces, SIZE).body(top_view(world, SIZE))
    assert not empty.body.any()
    ground = ~drawn.body & (empty.color > 1.5 * np.array(BACKDROP)).all(-1)
    darker = (drawn.color / empty.color)[ground].mean(-1)
    assert 0.01 < (darker < 0.8).mean() < 0.4


def test_the_ground_ends_in_the_backdrop(lit):
    _, world, renderer = lit
    drawn = renderer.body(front_view(world, SIZE))
    assert np.allclose(drawn.color[0], BACKDROP, atol=1e-3)  # above the horizon
    assert (drawn.color[-1, 320] > 1.5 * np.array(BACKDROP)).all()


def test_the_views_show_fit_and_start():
    scene = toy_scene()
    sheet = draw_views(scene, "a title")
    assert sheet.ndim == 3 and sheet.std() > 20
    assert np.array_equal(draw_views(scene, "a title"), sheet)
    red, blue = sheet[..., 0].astype(int), sheet[..., 2].astype(int)
    assert (red - blue > 40).sum() > 300 and (blue - red > 20).sum() > 3000
