"""The loss panel: names, units and descriptions of the curves come from the engine."""

import pytest

from app.document import Curves, Document
from app.geometry.plane import Rect
from app.panels.loss import descriptions, drawn_curves, value_range
from app.protocol.commands import Open, Step
from app.protocol.events import Opened, Stepped
from app.protocol.run import Run, TermInfo
from tests.app.talk import Talk

TERMS = (TermInfo("nll", "nats", "how unlikely the features are"), TermInfo("prior"))


@pytest.mark.slow
def test_a_term_from_outside_has_a_curve_and_a_description(monkeypatch):
    monkeypatch.setenv("NBF_PLUGINS", "tests.plugins.toy_term")
    talk = Talk("tests.app.untrained:load")
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


def test_the_axis_leaves_room_and_no_more_than_seven_decades():
    low, high = value_range([[1e-12, 10.0], [0.0]])
    assert low < 1e-6 < 10 < high
    low, high = value_range([[-3.0, 5.0]])
    assert low < -3 < 5 < high
