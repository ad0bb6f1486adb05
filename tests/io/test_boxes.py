import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import UserError
from core.geometry.crop import Box
from core.io.boxes import check_box, parse_box


@pytest.mark.parametrize(
    ("text", "box"),
    [("10,20,30,40", Box(10, 20, 30, 40)), (" -5.5, 0 ,1e2,40", Box(-5.5, 0, 100, 40))],
)
def test_parse(text, box):
    assert parse_box(text) == box


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "10 20 30 40", "1,,3,4"])
def test_not_four_numbers(text):
    with pytest.raises(UserError, match="x,y,w,h"):
        parse_box(text)


@pytest.mark.parametrize("text", ["nan,0,10,10", "0,inf,10,10", "0,0,nan,10", "0,0,10,-inf"])
def test_not_finite(text):
    with pytest.raises(UserError, match="not finite"):
        parse_box(text)


@pytest.mark.parametrize("text", ["0,0,0,10", "0,0,10,0", "0,0,-10,10", "5,5,7.9,100"])
def test_no_area(text):
    with pytest.raises(UserError, match="too small"):
        parse_box(text)


@pytest.mark.parametrize(
    "box", [Box(0, 0, 100, 50), Box(-60, 10, 100, 30), Box(90, 40, 300, 300), Box(-9, -9, 200, 90)]
)
def test_boxes_that_touch_the_photo_stay_as_they_are(box):
    assert check_box(box, 100, 50) is box


@pytest.mark.parametrize(
    "box", [Box(100, 0, 20, 20), Box(0, 50, 20, 20), Box(-20, 0, 20, 20), Box(0, -20, 20, 20)]
)
def test_outside(box):
    with pytest.raises(UserError, match="outside the photo of 100 x 50"):
        check_box(box, 100, 50)


def test_absurdly_large():
    with pytest.raises(UserError, match="far larger"):
        check_box(Box(-1e6, -1e6, 2e6, 2e6), 100, 50)


@settings(deadline=None, max_examples=60)
@given(st.one_of(st.text(), st.lists(st.floats(), max_size=5).map(lambda v: ",".join(map(str, v)))))
def test_any_text_gives_a_box_or_one_line(text):
    try:
        box = check_box(parse_box(text), 640, 480)
    except UserError:
        return
    assert box.width >= 8 and box.height >= 8 and box.x < 640 and box.y < 480
