"""Layouts of the user's own, and panels that are hidden or made large."""

from app.geometry.layout import BUILT_IN, PANELS, STANDARD
from app.protocol.commands import KERNEL_COLORS, Companion, Ink, Paint, Turn
from app.state import BEST_COLOR, OTHER_COLOR, START_COLOR, Level
from app.view import CAMERA, KERNELS, OTHERS, PARTS, POINTS, SKELETON
from app.viewing import MOST_LAYOUTS
from tests.app.sessions import (
    FIRST,
    SECOND,
    answer,
    paused_session,
    ready_session,
    receive_opened,
    stepped,
)


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


def settle(session):
    """Answer all that it asks."""
    while asked := session.ask():
        session.receive(answer(*asked))


def test_limbs_and_kernels_are_painted_by_the_worker_and_the_rest_by_the_window():
    session = paused_session(3)
    for overlay in (POINTS, SKELETON, CAMERA):
        session.toggle_overlay(overlay)
        assert session.ask() == []
    session.toggle_overlay(PARTS)
    (asked,) = session.ask()
    assert isinstance(asked, Paint) and asked.ink == Ink(parts=True)
    session.receive(answer(asked))
    assert session.ask() == [] and session.settled
    for color in (*KERNEL_COLORS, KERNEL_COLORS[0]):
        session.next_kernel_color()
        assert session.view.ink == Ink(True, color)
        (asked,) = session.ask()
        assert asked.ink == Ink(True, color)
        session.receive(answer(asked))
    session.toggle_overlay(KERNELS)
    assert session.view.ink == Ink(parts=True)


def test_other_bodies_are_the_start_the_best_step_and_the_compared_run():
    session = paused_session(4)
    session.resize(512, (400, 300))
    settle(session)
    session.toggle_overlay(OTHERS)
    session.scrub(1)
    companions = session.companions
    assert companions == (Companion(FIRST, 0, START_COLOR), Companion(FIRST, 3, BEST_COLOR))
    settle(session)
    assert session.turned.view.others == companions
    session.scrub(3)
    assert session.companions == (Companion(FIRST, 0, START_COLOR),)  # the best is on screen
    receive_opened(session, session.restart())
    session.receive(stepped(SECOND, 0))
    session.compare(FIRST)
    assert Companion(FIRST, 0, OTHER_COLOR) in session.companions


def test_the_body_is_framed_as_large_as_there_is_room():
    session = paused_session(2)
    session.frame()
    assert session.ask() == []  # nothing is on screen
    session.resize(512, (400, 300))
    settle(session)
    session.turn(session.view.orbit.turned(40, 0).shifted(50, -20, 300).zoomed(-4))
    session.frame()
    orbit = session.view.orbit
    assert orbit.shift == (0, 0) and orbit.yaw != 0 and orbit.zoom == 1
    (asked,) = session.ask()
    assert isinstance(asked, Turn)


def test_the_split_stays_on_the_photo():
    session = paused_session(2)
    session.toggle_split()
    assert session.view.split == 0.5
    session.set_split(1.7)
    assert session.view.split == 1.0
    session.toggle_split()
    assert session.view.split is None and session.ask() == []
