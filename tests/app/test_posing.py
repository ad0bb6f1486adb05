"""The body by hand, without a window: drags, numbers and wishes are drafted, shown, branched."""

import dataclasses

import numpy as np
import pytest

from app.geometry.orbit import Orbit
from app.panels.handles import joints_in_panel, place_at
from app.pose_hand import PoseHand
from app.protocol.commands import PLAIN, Begin, BodyView, Paint, Pause, Try
from app.protocol.events import Failed, Painted, Tried, TurnedBody
from app.protocol.run import Changes
from app.state import Phase
from app.view import BOX, KERNELS, OTHERS, POSE
from core.body.moves import Drag, Pull, Value, Wish
from core.body.names import JOINT_NAMES
from tests.app.sessions import FIRST, SECOND, paused_session, receive_opened, stepped

REACH = 10.0
WRIST = JOINT_NAMES.index("l_wrist")
NUMBERS = {"shape0": 0.25, "depth": 4.0}


def posing_session(steps=5):
    """A session at rest with the joints in hand, and a body whose joint i is at (10 i, 100)."""
    session = paused_session(steps)
    session.take_pose(True)
    joints = tuple((10.0 * joint, 100.0, 0.0) for joint in range(24))
    session.painted = dataclasses.replace(session.painted, joints=joints, numbers=NUMBERS)
    return session


def tried(command, total=3.0):
    painted = Painted(*command.key, command.step, command.side, command.fine, 0.0)
    return Tried(*command.key, command, painted, total)


def pull(session, hand, *path):
    hand.press(session, path[0], REACH)
    sent = [command for point in path[1:] for command in hand.drag(session, point, REACH)]
    return sent + hand.release(session, path[-1], REACH, moved=True)


def test_a_drag_is_one_move_from_where_it_began_and_is_shown_quickly_then_finely():
    session, hand = posing_session(), PoseHand()
    pull(session, hand, (10.0 * WRIST, 100.0), (220.0, 90.0), (240.0, 80.0))
    assert session.view.moves == (Drag("l_wrist", 240.0, 80.0),)
    (asked,) = session.ask()
    assert isinstance(asked, Try) and asked.moves == session.view.moves and not asked.fine
    session.receive(tried(asked))
    assert session.tried.total == 3.0 and session.painted.step == asked.step
    (again,) = session.ask()
    assert again == dataclasses.replace(asked, fine=True)
    session.receive(tried(again))
    assert session.ask() == [] and session.settled


def test_a_moved_body_is_seen_as_the_overlays_say():
    session, hand = posing_session(), PoseHand()
    session.resize(512, (40, 30))
    session.toggle_overlay(KERNELS)
    session.toggle_overlay(OTHERS)
    pull(session, hand, (10.0 * WRIST, 100.0), (240.0, 80.0))
    (asked,) = session.ask()
    assert isinstance(asked, Try) and asked.ink == session.view.ink != PLAIN
    assert asked.body == session.body_view and asked.body.others == session.companions != ()
    session.receive(tried(asked))
    session.toggle_overlay(KERNELS)
    (again,) = session.ask()
    assert again.ink == PLAIN and not again.fine


def test_where_no_joint_is_nothing_is_held():
    session, hand = posing_session(), PoseHand()
    assert pull(session, hand, (10.0 * WRIST, 130.0), (240.0, 80.0)) == []
    assert session.view.moves == () and hand.joint is None


def test_another_drag_of_the_joint_replaces_the_last_and_numbers_replace_themselves():
    session, hand = posing_session(), PoseHand()
    pull(session, hand, (10.0 * WRIST, 100.0), (240.0, 80.0))
    pull(session, hand, (10.0 * WRIST, 100.0), (250.0, 70.0))
    session.set_number("shape0", 1.0)
    pull(session, hand, (150.0, 100.0), (150.0, 60.0))
    session.set_number("shape0", 2.0)
    head = Drag("head", 150.0, 60.0)
    assert session.view.moves == (Drag("l_wrist", 250.0, 70.0), Value("shape0", 2.0), head)
    assert (session.number_of("shape0"), session.number_of("depth")) == (2.0, 4.0)
    session.set_number("depth", -1.0)
    assert "cannot be -1" in session.message.text and len(session.view.moves) == 3


def test_escape_gives_the_drag_up_alone():
    session, hand = posing_session(), PoseHand()
    session.set_number("shape0", 1.0)
    hand.press(session, (10.0 * WRIST, 100.0), REACH)
    hand.drag(session, (240.0, 80.0), REACH)
    hand.cancel(session)
    assert session.view.moves == (Value("shape0", 1.0),)
    assert hand.drag(session, (250.0, 80.0), REACH) == []


def test_a_branch_takes_the_moves_once_and_keeps_the_wishes():
    session, hand = posing_session(), PoseHand()
    session.scrub(2)
    session.painted = dataclasses.replace(session.painted, step=2)
    pull(session, hand, (10.0 * WRIST, 100.0), (240.0, 80.0))
    session.set_soft(True)
    session.set_sigma(8.0)
    pull(session, hand, (150.0, 100.0), (160.0, 60.0))
    wishes = (Wish("head", 160.0, 60.0, 8.0),)
    assert session.wishes == wishes
    begin = session.branch_off()[-1]
    assert isinstance(begin, Begin)
    run = begin.run
    assert (run.parent, run.at_step) == (1, 2)
    assert run.moves == (Drag("l_wrist", 240.0, 80.0),) and run.changes.wishes == wishes
    receive_opened(session, [begin])
    assert session.view.key == SECOND and session.view.moves == ()
    assert session.record.label == ("from run 1, step 2: head at 160,60 ± 8, l_wrist to 240,80")
    session.receive(stepped(SECOND, 2))
    again = session.branch_off()[-1].run
    assert again.moves == () and again.changes.wishes == wishes


def test_undo_takes_back_moves_then_wishes_then_runs():
    session, hand = posing_session(), PoseHand()
    pull(session, hand, (10.0 * WRIST, 100.0), (240.0, 80.0))
    receive_opened(session, session.branch_off())
    for step in range(4, 6):
        session.receive(stepped(SECOND, step))
    session.pause()
    session.painted = Painted(*SECOND, session.view.step, 512, True, 0.0)
    session.wish((Wish("head", 1.0, 2.0, 5.0),))
    session.set_number("shape0", 1.0)
    session.receive(tried(*session.ask()))
    session.undo()
    assert session.view.moves == () and session.wishes and session.tried is not None
    session.undo()
    assert session.wishes == () and session.tried is None and session.painted is None
    session.redo()
    assert session.view.moves == (Value("shape0", 1.0),)
    session.drop_draft()
    session.undo()
    assert session.view.key == FIRST
    session.redo()
    assert session.view.key == SECOND


def test_dropping_the_draft_shows_the_step_itself_again():
    session = posing_session()
    session.set_number("shape0", 1.0)
    session.receive(tried(*session.ask()))
    session.drop_draft()
    assert not session.view.by_hand and session.tried is None
    assert isinstance(session.ask()[0], Paint)


def test_an_answer_about_moves_that_were_dropped_is_not_shown():
    session = posing_session()
    session.set_number("shape0", 1.0)
    (asked,) = session.ask()
    session.drop_draft()
    session.receive(tried(asked))
    assert session.tried is None and session.painted.numbers == NUMBERS
    assert session.ask() == []


def test_moves_that_the_engine_refuses_are_told_and_not_asked_again():
    session = posing_session()
    session.set_number("shape0", 1.0)
    (asked,) = session.ask()
    session.receive(Failed(asked, "these moves lead to no body; take the last one back"))
    assert "no body" in session.message.text
    assert session.ask() == []


def test_taking_the_joints_in_hand_pauses_the_fit():
    session = paused_session(3)
    session.run()
    assert session.phase is Phase.RUNNING
    commands = session.take_pose(True)
    assert isinstance(commands[0], Pause) and session.view.tool == POSE
    session.take_pose(False)
    assert session.view.tool == BOX


def test_another_focal_length_starts_again_and_does_not_branch():
    session = posing_session()
    session.draft_focal(900.0)
    assert session.focal == 900.0
    assert session.branch_off() == [] and "focal length" in session.message.text
    run = session.restart()[-1].run
    assert run.changes == Changes(focal=900.0) and run.parent is None


def test_a_pull_in_space_keeps_the_distance_from_the_eye():
    places = ((0.1, -0.2, 3.0), (0.3, 0.4, 3.4))
    view = BodyView(Orbit(0.5, -0.3, 1.4), 320, 240)
    turned = TurnedBody(view, True, (0.0, 0.1, 3.2), 1.0, places)
    pixels = joints_in_panel(turned, 640.0)
    for joint, pixel in enumerate(pixels.tolist()):
        assert place_at(turned, 640.0, joint, pixel) == pytest.approx(places[joint])
    moved = place_at(turned, 640.0, 1, (pixels[1, 0] + 30, pixels[1, 1] - 10))
    middle = np.array(turned.middle)
    depths = [view.orbit.see(np.array([p]), middle)[0, 2] for p in (places[1], moved)]
    assert depths[0] == pytest.approx(depths[1]) and moved != pytest.approx(places[1])
    session, hand = posing_session(), PoseHand()
    hand.hold(session, 1)
    hand.pull(session, moved)
    assert session.view.moves == (Pull("l_hip", *moved),)
