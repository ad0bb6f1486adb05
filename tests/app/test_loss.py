"""The legend of the loss panel: names, units and explanations come from the engine."""

from app.panels.loss import explanations, label_of, value_range
from app.protocol.run import TermInfo

TERMS = (TermInfo("nll", "nats", "how unlikely the features are"), TermInfo("prior"))


def test_a_label_has_the_unit_if_there_is_one():
    assert label_of("nll", TERMS) == "nll (nats)"
    assert label_of("prior", TERMS) == "prior"
    assert label_of("a term that nobody has told of", TERMS) == "a term that nobody has told of"


def test_only_explained_terms_have_a_line():
    assert explanations(TERMS) == ["nll (nats): how unlikely the features are"]
    assert explanations(()) == []


def test_the_axis_leaves_room_and_no_more_than_seven_decades():
    low, high = value_range([[1e-12, 10.0], [0.0]])
    assert low < 1e-6 < 10 < high
    low, high = value_range([[-3.0, 5.0]])
    assert low < -3 < 5 < high
