"""How large things are on a display."""

import subprocess
import sys

import pytest

from app.display import check_scale, scale_of
from core.errors import UserError


@pytest.mark.parametrize(
    ("resources", "scale"),
    [
        ("", 1.0),
        ("Xft.antialias:\t1\nXft.dpi:\t192\nXft.hinting:\t1\n", 2.0),
        ("Xft.dpi: 96", 1.0),
        ("Xft.dpi:144.5\n", 1.5),
        ("Xft.dpi:\t10\n", 0.75),
        ("Xft.dpi:\t9999\n", 4.0),
        ("Xft.dpi:\tlarge\n", 1.0),
        ("other.Xft.dpi:\t192\n", 1.0),
    ],
)
def test_the_desktop_s_dots_an_inch_scale_the_window(resources, scale):
    assert scale_of(resources) == scale


@pytest.mark.parametrize("scale", [0.0, -1.0, 0.5, 9.0, float("nan")])
def test_a_scale_of_no_use_is_a_mistake(scale):
    with pytest.raises(UserError, match="--scale"):
        check_scale(scale)


def test_lengths_grow_with_the_scale():
    code = (
        "from app.geometry.units import use_scale; use_scale(2.0)\n"
        "from app import theme\n"
        "from app.geometry.layout import arrange\n"
        "from app.panels import controls, panel, photo\n"
        "print(theme.TEXT_SIZE, panel.HEADER, photo.REACH, controls.BUTTON_HEIGHT)\n"
        "print(*arrange(2560, 1600)['photo'])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lengths, place = said.stdout.splitlines()
    assert lengths == "32 60 16 64"
    from app.geometry.layout import arrange

    double = [2 * value for value in arrange(1280, 800)["photo"]]
    assert [int(v) for v in place.split()] == pytest.approx(double, abs=2)
