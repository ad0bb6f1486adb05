"""Occluders placed by hand: where they lie, what they hide, and what they paint."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.occlusion.coverage import coverage
from core.occlusion.fills import Blur, Color, Mosaic, Noise, Picture, Texture
from core.occlusion.occluder import Occluder, check_occluders, drawn
from core.occlusion.paint import apply_occluders, occluder_mask
from core.occlusion.shapes import Ellipse, Polygon, Rectangle, Stroke

SIZE = 120, 90


def photo(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8)


def layer(alpha=255):
    pixels = np.zeros((20, 40, 4), np.uint8)
    pixels[:, :20, 0], pixels[:, 20:, 2], pixels[..., 3] = 255, 255, alpha
    return pixels


FILLS = [Color((1, 2, 3)), Noise(3), Blur(5.0), Mosaic(8), Texture(2), Picture.of(layer())]
PATHS = {
    "rectangle": [(30, 20), (70, 60)],
    "ellipse": [(30, 20), (70, 60)],
    "polygon": [(30, 20), (70, 30), (50, 60)],
    "stroke": [(30, 20), (60, 40), (60, 60)],
}


def test_a_rectangle_on_whole_pixels_hides_exactly_these():
    mask = occluder_mask(*SIZE, (drawn("rectangle", [(70, 60), (30, 20)]),))
    expected = np.zeros((90, 120), bool)
    expected[20:60, 30:70] = True
    assert (mask == expected).all()


def test_coverage_is_exact_on_whole_pixels_wherever_they_are():
    corners = np.array([[10.0, 10], [20, 10], [20, 15], [10, 15]])
    covered = coverage(30, 30, [corners])
    assert covered.sum() == 50 and (covered[10:15, 10:20] == 1).all()
    assert coverage(30, 30, [corners], rim=True).sum() > 50  # as synthetic people are drawn


@pytest.mark.parametrize("kind", PATHS)
def test_areas(kind):
    radius = 6.0
    length = np.hypot(30, 20) + 20
    areas = {
        "rectangle": 1600.0,
        "ellipse": np.pi * 400,
        "polygon": 0.5 * 40 * 40 - 0.5 * 20 * 10,
        "stroke": 2 * radius * length + np.pi * radius**2,
    }
    occluder = drawn(kind, PATHS[kind], radius)
    place = occluder.place(*SIZE)
    # Where a stroke bends, its capsules overlap on the inside.
    assert place.covered.sum() == pytest.approx(areas[kind], rel=0.06)
    assert occluder.scaled(1.5, 0.5).place(*SIZE).covered.sum() == pytest.approx(
        0.75 * place.covered.sum(), rel=0.08
    )


@pytest.mark.parametrize("kind", PATHS)
def test_edges_are_antialiased(kind):
    place = drawn(kind, PATHS[kind], 6.0).turned(20).place(*SIZE)
    assert len(np.unique(place.covered)) > 3


@pytest.mark.parametrize("fill", FILLS, ids=lambda fill: fill.kind)
def test_only_what_is_covered_changes_and_the_same_again(fill):
    occluder = drawn("ellipse", [(30, 20), (70, 60)], fill=fill).turned(25)
    before = photo()
    painted = apply_occluders(before, (occluder,))
    assert (before == photo()).all() and (apply_occluders(before, (occluder,)) == painted).all()
    touched = np.zeros((90, 120), bool)
    place = occluder.place(*SIZE)
    touched[place.rows_columns] = place.covered > 0
    assert (painted[~touched] == before[~touched]).all()
    mask = occluder_mask(*SIZE, (occluder,))
    assert (painted[mask] != before[mask]).any(-1).mean() > 0.9


def paint(fill):
    """A square of 40 pixels of a photo, filled."""
    square = drawn("rectangle", [(40, 30), (80, 70)], fill=fill)
    return apply_occluders(photo(), (square,))[30:70, 40:80]


def test_fills():
    assert (paint(Color((9, 8, 7))) == (9, 8, 7)).all()
    assert (paint(Noise(1)) == paint(Noise(1))).all() and (paint(Noise(1)) != paint(Noise(2))).any()
    assert paint(Noise(1)).std() > 60
    assert (paint(Texture(1)) != paint(Texture(2))).any()
    assert paint(Blur(6.0)).std() < 0.2 * photo()[30:70, 40:80].std()
    squares = paint(Mosaic(8))[2:, :].astype(int)  # the photo's grid has a line at row 32
    assert (squares[:8, :8] == squares[0, 0]).all() and (squares[0, 8] != squares[0, 7]).any()
    mean = photo()[32:40, 40:48].mean((0, 1))
    assert np.abs(squares[0, 0] - mean).max() <= 1


def test_a_blur_does_not_depend_on_what_the_occluder_cuts_off():
    whole = apply_occluders(photo(), (drawn("rectangle", [(0, 0), SIZE], fill=Blur(3.0)),))
    part = apply_occluders(photo(), (drawn("rectangle", [(40, 30), (80, 70)], fill=Blur(3.0)),))
    assert np.abs(whole[30:70, 40:80].astype(int) - part[30:70, 40:80]).max() <= 1


def test_a_picture_is_stretched_and_turned_and_its_holes_hide_nothing():
    fill = Picture.of(layer())
    painted = apply_occluders(photo(), (drawn("rectangle", [(20, 20), (60, 60)], fill=fill),))
    assert (painted[25:55, 24:36] == (255, 0, 0)).all()
    assert (painted[25:55, 44:56] == (0, 0, 255)).all()
    upside = drawn("rectangle", [(20, 20), (60, 60)], fill=fill).turned(180)
    assert (apply_occluders(photo(), (upside,))[25:55, 24:36] == (0, 0, 255)).all()
    clear = drawn("rectangle", [(20, 20), (60, 60)], fill=Picture.of(layer(0)))
    assert (apply_occluders(photo(), (clear,)) == photo()).all()
    assert not occluder_mask(*SIZE, (clear,)).any()
    half = drawn("rectangle", [(20, 20), (60, 60)], fill=Picture.of(layer(140)))
    assert occluder_mask(*SIZE, (half,)).sum() == 1600


def test_a_picture_in_its_own_size_keeps_every_pixel():
    pixels = np.random.default_rng(1).integers(0, 256, (24, 32, 4), np.uint8)
    pixels[..., 3] = 255
    over = drawn("rectangle", [(20, 30), (52, 54)], fill=Picture.of(pixels))
    assert np.abs(apply_occluders(photo(), (over,))[30:54, 20:52] - pixels[..., :3]).max() <= 1


def test_order_and_switch():
    square = [(10, 10), (50, 50)]
    red, blue = (drawn("rectangle", square, fill=Color(c)) for c in ((255, 0, 0), (0, 0, 255)))
    assert (apply_occluders(photo(), (red, blue))[30, 30] == (0, 0, 255)).all()
    assert (apply_occluders(photo(), (blue, red))[30, 30] == (255, 0, 0)).all()
    off = Occluder(blue.shape, blue.center, blue.fill, on=False)
    assert (apply_occluders(photo(), (red, off))[30, 30] == (255, 0, 0)).all()
    assert not occluder_mask(*SIZE, (off,)).any()
    untouched = photo()
    assert apply_occluders(untouched, (off,)) is untouched


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(sorted(PATHS)),
    st.floats(-200, 200),
    st.floats(-200, 200),
    st.floats(0, 360),
    st.floats(0.1, 5),
)
def test_moving_turning_and_scaling_keep_the_middle_and_can_be_undone(kind, x, y, angle, factor):
    occluder = drawn(kind, PATHS[kind], 5.0)
    other = occluder.moved(x, y).turned(angle).scaled(factor)
    assert other.center == pytest.approx((occluder.center[0] + x, occluder.center[1] + y))
    back = other.scaled(1 / factor).turned(-angle).moved(-x, -y)
    np.testing.assert_allclose(back.matrix, occluder.matrix, atol=1e-9)
    inside = np.array([[1.0, 2.0], [3, -4]])
    np.testing.assert_allclose(other.from_photo(other.to_photo(inside)), inside, atol=1e-6)


@pytest.mark.parametrize(("angle", "place"), [(0, (60, 40)), (90, (50, 50))])
def test_a_turn_is_clockwise(angle, place):
    bar = Occluder(Rectangle(30, 4), (50, 40)).turned(angle)
    assert bar.contains(place) and not bar.turned(90).contains(place)


@pytest.mark.parametrize("kind", PATHS)
def test_partly_and_wholly_outside(kind):
    occluder = drawn(kind, PATHS[kind], 5.0)
    assert occluder_mask(*SIZE, (occluder.moved(-50, 0),)).any()
    gone = occluder.moved(5000, 0)
    assert gone.place(*SIZE) is None and not occluder_mask(*SIZE, (gone,)).any()


def square():
    return Occluder(Rectangle(4, 4), (0, 0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rectangle(float("nan"), 1), "size cannot be nan"),
        (lambda: Ellipse(1, 1e9), "size cannot be 1, 1e"),
        (lambda: Rectangle(0, 5), "size is positive, not 0 x 5"),
        (lambda: Polygon(((0, 0), (1, 1))), "a polygon has 3 to"),
        (lambda: Stroke(((0, 0),) * 5000, 3), "not 5000"),
        (lambda: Stroke(((0, 0),), 0), "radius of a brush is positive"),
        (lambda: Color((0, 256, 0)), "0 to 255"),
        (lambda: Noise(-1), "seed of an occluder"),
        (lambda: Blur(0.0), "a blur has a sigma"),
        (lambda: Mosaic(1), "the squares of a mosaic"),
        (lambda: Picture("????", "a.png"), "'a.png' of an occluder is not base64"),
        (lambda: Picture("aGVsbG8=", "a.png"), "not an image"),
        (lambda: Occluder(Rectangle(1, 1), (float("inf"), 0)), "middle cannot be inf"),
        (lambda: Occluder(Rectangle(1, 1), (0, 0), scale=(0.0, 1.0)), "scale is 0.001 to 1000"),
        (lambda: Occluder(Rectangle(1, 1), (0, 0), angle=float("nan")), "turned by nan"),
        (lambda: drawn("heart", [(0, 0), (1, 1)]), "no shape 'heart'"),
        (lambda: check_occluders((square(),) * 300), "300 occluders are more than"),
        (
            lambda: check_occluders((drawn("stroke", [(0, 0)] * 4000, 3.0),) * 20),
            "80000 points",
        ),
    ],
)
def test_nonsense_gets_one_line(make, message):
    with pytest.raises(UserError) as caught:
        make()
    assert message in str(caught.value) and "\n" not in str(caught.value)
