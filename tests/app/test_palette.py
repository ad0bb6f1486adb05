"""The list of all commands."""

import pytest

from app.actions import ACTIONS
from app.palette import LEFT_OUT, entries, matching, score
from tests.app.sessions import paused_session, ready_session
from tests.app.test_actions import FakeHost


def test_every_action_and_every_layout_is_in_the_list():
    session = ready_session()
    session.keep_layout("mine")
    rows = entries(session)
    labels = [row.label for row in rows]
    assert len(set(labels)) == len(labels)
    for action in ACTIONS:
        if action.name not in LEFT_OUT:
            (row,) = [r for r in rows if r.hint == action.hint and r.keys == action.keys_text]
            assert row.label == (action.label if action.label != "?" else "Help")
    assert {"Layout: maps", "Layout: mine"} <= set(labels)


@pytest.mark.parametrize(
    ("letters", "label"),
    [
        ("run", "Run"),
        ("lay maps", "Layout: maps"),
        ("lmaps", "Layout: maps"),
        ("kc", "Kernel colours"),
        ("zp", "Zoom to person"),
        ("undo", "Undo"),
        ("skel", "Skeleton"),
        ("logarithmic axes", "Logarithmic"),
    ],
)
def test_a_few_letters_find_a_command(letters, label):
    session = paused_session(3)
    session.remove()
    session.take("ellipse")
    rows = [r for r in entries(session) if r.label == label or r.enabled]
    assert matching(letters, rows)[0].label == label


def test_letters_in_another_order_match_nothing():
    assert score("nur", "Run") is None
    assert score("rn", "Run") is not None
    assert matching("zzzz", entries(ready_session())) == []


def test_starts_of_words_and_neighbours_count_more():
    assert score("st", "Step") > score("st", "First")
    assert score("zp", "Zoom to person") > score("zp", "Fuzzy map")
    assert score("ste", "Restep") > score("ste", "sxtxe")


def test_what_cannot_be_done_now_comes_last():
    rows = matching("", entries(ready_session()))
    enabled = [row.enabled for row in rows]
    assert enabled == sorted(enabled, reverse=True) and not all(enabled)


def test_a_line_does_what_it_says():
    session = ready_session()
    host = FakeHost(session)
    matching("layout curves", entries(session))[0].do(host)
    assert session.view.layout_name == "curves"
