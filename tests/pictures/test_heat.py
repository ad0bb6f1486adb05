import numpy as np

from core.pictures.heat import HEAT, LESS, MORE, SAME, difference_colors, heat_colors
from core.pictures.palette import NOWHERE


def test_heat_grows_lighter_from_none_to_all():
    colors = heat_colors(np.linspace(0, 1, 50)[None])[0].astype(int)
    assert tuple(colors[0]) == HEAT[0] and tuple(colors[-1]) == HEAT[-1]
    light = colors @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(light) > -0.5).all()


def test_differences_have_two_sides_and_nothing_has_no_colour_of_them():
    colors = difference_colors(np.array([[-1.0, 0.0, 1.0, -7.0, np.nan]]))[0]
    assert [tuple(color) for color in colors] == [LESS, SAME, MORE, LESS, NOWHERE]
    assert tuple(heat_colors(np.array([[np.nan]]))[0, 0]) == NOWHERE
