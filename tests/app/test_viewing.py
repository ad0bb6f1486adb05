"""Layouts of the user's own, and panels that are hidden or made large."""

from app.geometry.layout import BUILT_IN, PANELS, STANDARD
from app.state import Level
from app.viewing import MOST_LAYOUTS
from tests.app.sessions import ready_session


def test_layouts_go_round_with_the_user_s_own_last():
    session = ready_session()
    session.toggle_panel("body")
    session.keep_layout("mine")
    seen = []
    for _ in range(len(BUILT_IN) + 1):
        session.next_layout()
        seen.append(session.view.layout_name)
    assert seen == [*BUILT_IN, "mine"]
    assert session.view.layout == STANDARD.toggled("body")
    session.forget_layout()
    assert session.view.own_layouts == {} and session.view.layout_name == ""
    session.next_layout()
    assert session.view.layout_name == "standard"


def test_a_layout_needs_a_name_of_its_own():
    session = ready_session()
    for name in ("", "  ", "standard"):
        session.keep_layout(name)
        assert session.message.level is Level.WARNING
        assert session.view.own_layouts == {}
    for number in range(MOST_LAYOUTS + 1):
        session.keep_layout(f"layout {number}")
    assert len(session.view.own_layouts) == MOST_LAYOUTS
    session.keep_layout("layout 0")
    assert session.message.level is Level.INFO


def test_a_panel_is_made_large_and_all_come_back():
    session = ready_session()
    session.enlarge("timeline")
    assert session.view.largest == ""
    session.enlarge("loss")
    assert session.view.largest == "loss"
    session.enlarge("photo")
    assert session.view.largest == ""


def test_turning_shows_each_panel_as_the_largest():
    session = ready_session()
    session.enlarge("photo")
    seen = []
    for _ in PANELS:
        seen.append(session.view.largest)
        session.turn_panels()
    assert seen == list(STANDARD.panels)
    assert session.view.largest == "photo"
