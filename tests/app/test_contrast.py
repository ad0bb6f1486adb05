"""Two runs compared: in turns, as maps, joint by joint; without a window."""

from dataclasses import replace

import numpy as np
import pytest

from app.protocol.commands import Differ, Paint
from app.protocol.events import Differed, Finished, Painted, Tried
from app.protocol.scan import JointDifference
from app.worker.comparing import flipped, joint_differences
from core.body.moves import Value
from tests.app.sessions import FIRST, SECOND, answer
from tests.app.test_runs import branched
from tests.app.test_steps import pictured


def compared(steps=5):
    """The second run, a branch, on screen and compared with the first."""
    session = branched(steps)
    session.pause()
    session.compare(FIRST)
    return pictured(session)


def ticks(session, seconds, fps=60):
    """Which run is on screen while the clock runs, each time that it changes."""
    seen = []
    for frame in range(round(seconds * fps) + 1):
        session.tick(50 + frame / fps)
        if asked := session.ask():
            session.receive(answer(*asked))
        run = session.pictured.run
        if not seen or seen[-1] != run:
            seen.append(run)
    return seen


def test_two_runs_take_turns_at_the_rate_that_is_set():
    session = compared()
    session.set_blink(4.0)
    session.blink()
    (command,) = session.ask()
    assert isinstance(command, Paint) and (command.key, command.step) == (FIRST, 2)
    session.receive(answer(command))
    assert session.pictured is session.painted
    assert ticks(session, 1.1) == [2, 1, 2, 1, 2]
    assert session.view.key == SECOND  # nothing but the pictures changes
    session.blink()
    assert session.pictured is session.painted and session.rest(99.0) is None


def test_a_scrub_shows_the_run_itself_until_both_have_pictures():
    session = compared()
    session.blink()
    ticks(session, 0.6)
    assert session.pictured.run == 1
    session.scrub(1)
    session.tick(60.0)
    assert session.pictured is session.painted
    assert not session.tick(90.0)
    pictured(session)
    session.tick(90.0)
    assert session.pictured.run == 1 and session.pictured.step == 1
    assert session.pictured_step == "run 1 · step 1"


def test_a_body_by_hand_takes_turns_with_the_other_run():
    session = compared()
    session.scrub(1)
    pictured(session).move_body((Value("shape0", 1.0),))
    (asked,) = session.ask()
    picture = np.zeros((1, 1, 4), np.uint8)
    painted = Painted(*SECOND, 1, asked.side, asked.fine, 0.0)
    session.receive(Tried(*SECOND, asked, painted, 1.0, pictures={"layer": picture}))
    assert session.pictured.pictures["layer"] is picture
    session.play()
    assert session.ask() == []  # nothing finer while steps play
    session.play()
    (again,) = session.ask()
    assert again == replace(asked, fine=True)
    session.receive(Tried(*SECOND, again, painted, 1.0, pictures={"layer": picture}))
    session.blink()
    assert ticks(session, 1.1) == [2, 1, 2]
    assert session.pictured.pictures["layer"] is picture


def test_a_step_that_the_other_run_lacks_is_its_last():
    session = compared()
    for step in range(3, 9):
        session.document.find(SECOND).curves.append(
            type("S", (), {"total": 1.0, "seconds": 0.1, "terms": {"nll": 1.0}, "step": step})
        )
    session.scrub(8)
    assert (session.steps, session.view.step, session.other_step) == (9, 8, 4)
    session.toggle_joint_table()
    pictured_but_not_compared = [c for c in _asked(session) if isinstance(c, Differ)]
    assert [c.other_step for c in pictured_but_not_compared] == [4]


def _asked(session):
    """All questions until nothing is left to ask."""
    asked = []
    while commands := session.ask():
        asked += commands
        (command,) = commands
        session.receive(differed(command) if isinstance(command, Differ) else answer(command))
    return asked


def differed(command):
    about = *command.key, command.step, command.other, command.other_step, command.maps
    return Differed(*about, (JointDifference("pelvis", 0.03, 0.0),))


def test_the_table_needs_no_maps_and_the_maps_are_asked_for_once():
    session = compared()
    assert not any(isinstance(c, Differ) for c in _asked(session))
    session.toggle_joint_table()
    assert [c.maps for c in _asked(session) if isinstance(c, Differ)] == [False]
    assert session.difference.joints[0].name == "pelvis"
    session.toggle_difference()
    assert [c.maps for c in _asked(session) if isinstance(c, Differ)] == [True]
    session.scrub(1)
    assert [c.step for c in _asked(session) if isinstance(c, Differ)] == [1]
    session.scrub(1)
    assert _asked(session) == []


def test_a_difference_from_another_run_is_not_shown():
    session = compared()
    session.toggle_difference()
    _asked(session)
    assert session.difference is not None
    session.compare()
    assert session.view.other is None and session.difference is None
    assert not any(isinstance(c, Differ) for c in _asked(session))


def test_turns_and_differences_take_each_other_s_place():
    session = compared()
    session.toggle_difference()
    session.blink()
    assert (session.view.difference, session.view.play.turns.on) == (False, True)
    session.toggle_difference()
    assert (session.view.difference, session.view.play.turns.on) == (True, False)


def test_swapping_compares_the_other_way_round():
    session = compared()
    session.toggle_difference()
    _asked(session)
    session.swap()
    (command,) = [c for c in _asked(session) if isinstance(c, Differ)]
    assert (command.key, command.other) == (FIRST, SECOND)


def test_without_a_run_to_compare_with_nothing_begins():
    session = compared()
    session.compare()
    for begin in (session.blink, session.toggle_difference, session.toggle_joint_table):
        begin()
    play = session.view.play
    assert not (play.turns.on or session.view.difference or session.view.joint_table)


def test_a_turned_body_stays_turned_while_two_runs_take_turns():
    session = compared()
    session.resize(512, (40, 30))
    pictured(session)
    session.turn(session.view.orbit.turned(9, 0))
    pictured(session)
    assert session.painted.body.view == session.body_view
    session.blink()
    ticks(session, 0.6)
    assert session.compared.body.view == session.body_view


def test_a_finished_run_is_painted_finely_on_both_sides():
    session = compared()
    session.receive(Finished(*SECOND, "over", 2))
    session.blink()
    pictured(session)
    assert session.painted.fine and session.compared.fine


# --- what the worker computes ---


def test_flips_are_counted_where_both_bodies_are():
    nan = np.nan
    before = np.array([[0.9, 0.2, nan, 0.6], [0.4, 0.5, 0.5, 0.1]])
    now = np.array([[0.2, 0.1, 0.9, nan], [0.7, 0.4, 0.5, 0.3]])
    assert flipped(before, now) == pytest.approx(3 / 6)
    assert flipped(np.full((2, 2), nan), now[:, :2]) == 0.0


def test_joints_are_compared_in_the_camera_and_with_the_roots_aligned():
    ours = np.array([[0.0, 0, 3], [0.0, 0.5, 3]])
    theirs = np.array([[0.0, 0, 3.1], [0.02, 0.5, 3.1]])
    root, hand = joint_differences(("pelvis", "left hand"), ours, theirs)
    assert (root.distance, root.aligned) == pytest.approx((0.1, 0.0))
    assert hand.distance == pytest.approx(np.hypot(0.1, 0.02))
    assert hand.aligned == pytest.approx(0.02)  # without a turn or a scale


def test_a_run_that_the_worker_has_lost_is_not_compared():
    session = compared()
    session.toggle_difference()
    session.lost = [FIRST]
    assert session.wanted_difference is None
    session.lost = []
    assert session.wanted_difference is not None
