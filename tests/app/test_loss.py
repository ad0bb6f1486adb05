"""The loss panel: names, units, order, bands and what the mouse does to them."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.document import Curves, Document
from app.geometry.bands import inside, logarithmic, stack, value_range, zoomed
from app.geometry.plane import Rect
from app.panels.loss import LossPanel, curve_names, descriptions, drawn_curves, term_colors
from app.protocol.commands import Open, Step
from app.protocol.events import Opened, Stepped
from app.protocol.run import Run, TermInfo
from app.theme import _DARK, _LIGHT, Fonts
from core.fit import term
from tests.app.sessions import FIRST, ready_session, receive_opened
from tests.app.talk import Talk

TERMS = (TermInfo("nll", "nats", "how unlikely the features are"), TermInfo("prior"))


@pytest.mark.slow
def test_a_term_from_outside_has_a_curve_and_a_description(monkeypatch):
    monkeypatch.setenv("NBF_PLUGINS", "tests.plugins.toy_term")
    talk = Talk("tests.app.untrained:load", program=True)
    try:
        run = Run(1, box=Rect(20, 60, 300, 440))
        opened = talk.ask(Open(1, run, "skimage:camera"), Opened)
        stepped = talk.ask(Step(1, 1), Stepped)
    finally:
        talk.link.close()
    assert "toy (m^2): squared height of the pelvis over the camera's axis" in descriptions(
        opened.info.terms
    )
    assert stepped.terms["toy"] > 0
    document = Document()
    document.add(opened)
    curves = document.find((1, 1)).curves
    curves.append(stepped)
    assert drawn_curves(curves)["toy"] == [stepped.terms["toy"]]


def test_terms_that_are_always_zero_are_not_drawn():
    curves = Curves([3.0, 2.0], {"nll": [3.0, 2.0], "anchor": [0.0, 1.0], "limits": [0.0, 0.0]})
    assert list(drawn_curves(curves)) == ["total", "nll", "anchor"]


def test_only_described_terms_have_a_line():
    assert descriptions(TERMS) == ["nll (nats): how unlikely the features are"]
    assert descriptions(()) == []


# --- a panel of 400 by 300 pixels without a window ---


@pytest.fixture
def session():
    """Nine steps of three terms of very different sizes, which come in another order."""
    session = ready_session()
    receive_opened(session, session.open("a.jpg"), terms=TERMS)
    for step in range(9):
        terms = {"late": -0.001 * step, "prior": 1e-6 * (9 - step), "nll": 1e4 + step}
        session.receive(Stepped(*FIRST, step, 0, terms, sum(terms.values()), 0, 0.1))
    return session


@pytest.fixture
def panel():
    panel = LossPanel(Fonts())
    panel.area = Rect(0, 0, 400, 300)
    panel.width = lambda text: 8 * len(text)  # there is no window to measure texts
    return panel


def middle(rect):
    return rect.x + rect.width / 2, rect.y + rect.height / 2


def test_the_total_is_first_and_terms_have_the_engine_s_order(session):
    assert curve_names(session) == ["total", "nll", "prior", "late"]
    colors = term_colors(session)
    session.curves.terms["prior"] = [0.0] * 9
    assert "prior" not in curve_names(session)
    assert term_colors(session) == colors


def test_every_curve_fills_a_band_of_its_own(session, panel):
    bands = list(panel.bands(session).values())
    assert all(a.bottom < b.y for a, b in itertools.pairwise(bands))
    curves = drawn_curves(session.curves)
    for name, band in panel.bands(session).items():
        heights = [y for _, y in panel._points(session, (curves[name], []), band)[0]]
        assert max(heights) - min(heights) == pytest.approx(band.height - 6)
        assert band.y < min(heights) and max(heights) < band.bottom


def test_a_press_scrubs_and_a_drag_goes_on(session, panel):
    plot = panel.plot
    panel.press(session, (plot.x + plot.width * 0.25, 100), 0)
    assert session.view.step == 2
    panel.drag(session, (plot.x + plot.width * 2, -50), 0)
    assert session.view.step == 8


def test_a_click_on_a_name_hides_its_curve_and_the_others_get_the_room(session, panel):
    before = panel.bands(session)
    panel.press(session, (10, middle(before["prior"])[1]), 0)
    after = panel.bands(session)
    assert list(after) == ["total", "nll", "late"]
    assert after["nll"].height > before["nll"].height
    assert session.view.step == 8
    panel.press(session, middle(panel.hidden(session)["prior"]), 0)
    assert panel.bands(session) == before


def test_the_wheel_zooms_about_the_mouse_and_the_axis_follows(session, panel):
    at = panel.plot.x + panel.plot.width * 0.75
    panel.wheel(session, (at, 50), 2)
    low, high = panel.window(session)
    assert 0 < low < 6 < high <= 8
    assert panel.step_at(session, at) == pytest.approx(6)
    band = panel.bands(session)["nll"]
    heights = [y for _, y in panel._points(session, (session.curves.terms["nll"], []), band)[0]]
    assert max(heights) - min(heights) > 0.7 * band.height
    panel.press(session, (at, 50), 1)
    panel.drag(session, (at + 1000, 50), 1)
    assert panel.window(session)[0] == 0
    panel.double_click(session, (at, 50))
    assert panel.window(session) == (0, 8)


def test_logarithmic_axes_are_asked_for(session, panel):
    band = panel.bands(session)["prior"]
    linear = panel._points(session, (session.curves.terms["prior"], []), band)[0]
    session.toggle_log()
    assert panel._points(session, (session.curves.terms["prior"], []), band)[0] != linear


# --- bands ---


def test_bands_fill_their_area_and_the_first_is_taller():
    bands = list(stack(["a", "b", "c"], Rect(10, 20, 100, 200)).values())
    assert bands[0].y == 20 and bands[-1].bottom == pytest.approx(220)
    assert bands[0].height == pytest.approx(1.6 * bands[1].height)
    assert stack([], Rect(0, 0, 1, 1)) == {}


def test_a_range_is_never_empty():
    assert value_range([3.0, math.nan, 5.0]) == (3.0, 5.0)
    low, high = value_range([2.0, 2.0])
    assert low < 2 < high
    low, high = value_range([])
    assert low < high


@given(st.lists(st.floats(-1e9, 1e9), min_size=2))
def test_a_logarithmic_axis_keeps_the_order(values):
    scaled = logarithmic(values)
    pairs = zip(itertools.pairwise(values), itertools.pairwise(scaled), strict=True)
    for (a, b), (c, d) in pairs:
        assert (a <= b) <= (c <= d)


@given(st.floats(0, 100), st.floats(0.01, 100), st.floats(0, 100))
def test_a_window_stays_on_the_steps(at, factor, low):
    whole = 0.0, 120.0
    window = zoomed(inside((low, low + 20), whole), at, factor, whole)
    assert window[0] >= 0 and window[1] <= 120 + 1e-9
    assert window[1] - window[0] >= 4 - 1e-9


def test_every_term_has_a_colour_of_its_own():
    """Also beside the total, on dark and on light ground."""
    for colors in (_DARK["SERIES"], _LIGHT["SERIES"]):
        assert len(set(colors)) == len(colors) > len(term.TERMS.all())
