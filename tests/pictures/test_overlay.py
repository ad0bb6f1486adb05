import numpy as np
import pytest

from core.pictures.overlay import body_layer, draw_body, lay_over

FOCAL, CENTER = 100.0, (40.0, 30.0)
HEIGHT, WIDTH = 60, 80


def photo(value=100):
    image = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
    image[::2, ::2] += 50
    return image


def square(x=0.0, y=0.0, z=2.0, half=0.2):
    """A square that faces the camera; at z = 2 its half side is 10 pixels."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * half
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    return (corners + np.array([x, y, z])).astype(np.float32), faces


def test_covers_exactly_the_projection():
    image = photo()
    drawn = draw_body(image, *square(), FOCAL, CENTER, alpha=1.0)
    changed = (drawn != image).any(-1)
    assert changed[20:40, 30:50].all()
    changed[20:40, 30:50] = False
    assert not changed.any()


def test_principal_point_moves_it():
    image = photo()
    here = draw_body(image, *square(), FOCAL, CENTER, alpha=1.0)
    there = draw_body(image, *square(), FOCAL, (50.0, 35.0), alpha=1.0)
    assert (there[25:45, 40:60] == here[20:40, 30:50]).all()


def test_input_is_not_touched_and_alpha_zero_is_the_photo():
    image = photo()
    drawn = draw_body(image, *square(), FOCAL, CENTER, alpha=0.0)
    assert (image == photo()).all() and (drawn == image).all() and drawn is not image


def test_opaque_body_hides_the_photo_and_alpha_mixes_linearly():
    faces_on = [draw_body(photo(v), *square(), FOCAL, CENTER, alpha=1.0) for v in (0, 180)]
    assert (faces_on[0][20:40, 30:50] == faces_on[1][20:40, 30:50]).all()
    half = draw_body(photo(), *square(), FOCAL, CENTER, alpha=0.5).astype(int)
    whole = draw_body(photo(), *square(), FOCAL, CENTER, alpha=1.0).astype(int)
    assert np.abs(half - (photo() + whole) / 2).max() <= 1


def test_edges_between_pixels_are_smooth():
    layer = body_layer(*square(x=0.01), FOCAL, CENTER, HEIGHT, WIDTH)  # half a pixel
    row = layer[30, :, 3].astype(int)
    assert row[29] == 0 and (row[31:50] == 255).all() and row[51] == 0
    assert 100 < row[30] < 150 and 100 < row[50] < 150


def test_half_covered_pixels_keep_their_colour(monkeypatch):
    monkeypatch.setattr("core.pictures.overlay.OUTLINE", 1.0)
    row = body_layer(*square(x=0.01), FOCAL, CENTER, HEIGHT, WIDTH)[30].astype(int)
    assert np.abs(row[30, :3] - row[40, :3]).max() <= 2


def test_colour_and_light():
    layer = body_layer(*square(), FOCAL, CENTER, HEIGHT, WIDTH, color=(0.8, 0.4, 0.2))
    middle, edge = layer[30, 40].astype(int), layer[30, 30].astype(int)
    assert middle[0] > middle[1] > middle[2]
    assert edge[:3].sum() < 0.5 * middle[:3].sum()  # the outline
    slanted, faces = square()
    slanted[:, 2] += 3 * slanted[:, 0]
    darker = body_layer(slanted, faces, FOCAL, CENTER, HEIGHT, WIDTH, color=(0.8, 0.4, 0.2))
    assert darker[30, 40, 0] < middle[0]


def test_nearer_limb_is_outlined_against_the_body():
    body, faces = square(z=2.0, half=0.3)
    limb, _ = square(z=1.25, half=0.1)  # 8 pixels
    vertices, both = np.concatenate([body, limb]), np.concatenate([faces, faces + 4])
    layer = body_layer(vertices, both, FOCAL, CENTER, HEIGHT, WIDTH)
    edge = layer[30, 32, :3].astype(int)
    assert edge.sum() < 0.6 * layer[30, 40, :3].astype(int).sum()


@pytest.mark.parametrize("z", [-2.0, 0.0, 0.01, np.nan, np.inf])
def test_what_cannot_be_seen_is_not_drawn(z):
    assert (draw_body(photo(), *square(z=z), FOCAL, CENTER) == photo()).all()


def test_points_at_the_camera_do_not_hide_the_rest():
    vertices = np.concatenate([square()[0], np.zeros((1, 3), np.float32)])
    drawn = draw_body(photo(), vertices, square()[1], FOCAL, CENTER)
    assert (drawn == draw_body(photo(), *square(), FOCAL, CENTER)).all()
    assert (drawn != photo()).any()


@pytest.mark.parametrize("x", [-5.0, 5.0])
def test_outside_the_photo(x):
    assert (draw_body(photo(), *square(x=x), FOCAL, CENTER) == photo()).all()


def test_cut_off_by_the_photo():
    drawn = draw_body(photo(), *square(x=-0.8), FOCAL, CENTER, alpha=1.0)
    changed = (drawn != photo()).any(-1)
    assert changed[20:40, :10].all() and not changed[:, 10:].any()


def test_large_windows_are_drawn_at_their_own_size(monkeypatch):
    monkeypatch.setattr("core.pictures.overlay.LARGE", 10)
    layer = body_layer(*square(x=0.003), FOCAL, CENTER, HEIGHT, WIDTH)
    assert set(np.unique(layer[..., 3])) == {0, 255}


def test_empty_layer_changes_nothing():
    assert (lay_over(photo(), np.zeros((HEIGHT, WIDTH, 4), np.uint8), 1.0) == photo()).all()


def test_triangles_may_have_colours_of_their_own():
    corners = np.array([[-1, -1, 3], [1, -1, 3], [1, 1, 3], [-1, 1, 3]], np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    colors = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for smooth in (False, True):
        drawn = body_layer(corners, faces, 60.0, (32, 32), 64, 64, colors, smooth).astype(int)
        above, below = drawn[26, 38], drawn[38, 26]
        assert above[0] > 100 > above[2] and below[2] > 100 > below[0]
