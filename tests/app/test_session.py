"""The session, driven as the window drives it: calls and messages in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions import with_keys
from app.document import RUNS_KEPT
from app.geometry.orbit import Orbit
from app.geometry.plane import Rect
from app.protocol.commands import (
    Begin,
    BodyView,
    Continue,
    Forget,
    Open,
    PaintInput,
    Pause,
    Step,
    Turn,
)
from app.protocol.events import (
    Died,
    Failed,
    Finished,
    Ready,
)
from app.protocol.run import Run
from app.session import Session
from app.state import Level, Phase
from app.view import JOINTS
from tests.app.sessions import (
    BOX,
    FIRST,
    SECOND,
    answer,
    fitting_session,
    paint,
    painted,
    paused_session,
    ready_session,
    receive_opened,
    stepped,
)


def test_opening_before_the_engine_is_ready_waits_for_it():
    session = Session()
    assert session.open("a.jpg", BOX) == []
    assert session.receive(Ready("fake")) == [Open(1, Run(1, box=BOX), "a.jpg")]
    assert session.phase is Phase.OPENING


def test_an_opened_photo_is_fitted_at_once_unless_told_otherwise():
    session = ready_session()
    assert receive_opened(session, session.open("a.jpg")) == [Continue(*FIRST)]
    assert session.phase is Phase.RUNNING
    session = ready_session(auto_run=False)
    assert receive_opened(session, session.open("a.jpg")) == [
        Step(*FIRST)
    ]  # the start is evaluated, so there is a picture
    assert session.phase is Phase.PAUSED


def test_a_note_of_the_worker_is_a_warning():
    session = ready_session()
    receive_opened(session, session.open("a.jpg"), note="no person found")
    assert session.message.level is Level.WARNING
    assert session.message.text == "no person found"


@pytest.mark.parametrize("auto_run", [True, False])
def test_where_nobody_is_nothing_is_fitted_unless_asked(auto_run):
    session = ready_session(auto_run=auto_run)
    nobody = {"note": "no person found", "person": False}
    assert receive_opened(session, session.open("a.jpg"), **nobody) == []
    assert (session.phase, session.banner, session.box) == (Phase.PAUSED, "no person found", None)
    assert session.settled
    assert session.run() == [Continue(*FIRST)]
    session.receive(stepped(FIRST, 0))
    session.receive(Finished(*FIRST, "over", 0))
    assert session.banner == "no person found"  # it stays
    assert receive_opened(session, session.restart(), **nobody) == [Continue(*SECOND)]
    assert receive_opened(session, session.set_box(None), **nobody) == []
    receive_opened(session, session.set_box(BOX))
    assert (session.banner, session.box) == ("", BOX)


def test_joints_are_shown_and_hidden_without_the_worker():
    session = fitting_session()
    assert JOINTS not in session.view.overlays
    assert session.toggle_overlay(JOINTS) == []
    assert JOINTS in session.view.overlays
    session.toggle_overlay(JOINTS)
    assert JOINTS not in session.view.overlays


def test_run_and_pause_alternate():
    session = fitting_session(2)
    assert session.toggle() == [Pause(*FIRST)]
    assert session.phase is Phase.PAUSED
    assert session.toggle() == [Continue(*FIRST)]
    assert session.phase is Phase.RUNNING


def test_step_pauses_first():
    session = fitting_session(2)
    assert session.step() == [Pause(*FIRST), Step(*FIRST)]
    assert session.step() == [Step(*FIRST)]


def test_nothing_can_be_done_without_a_photo():
    session = ready_session()
    for act in (session.run, session.pause, session.step, session.restart, session.toggle):
        assert act() == []
    assert session.set_box(BOX) == []
    assert session.scrub(3) == []
    assert session.turn(Orbit(1.0)) == []
    assert session.phase is Phase.EMPTY


def test_curves_grow_by_step_and_the_newest_is_shown():
    session = fitting_session(3)
    assert session.curves.total == [10.0, 9.0, 8.0]
    assert session.curves.terms == {"nll": [10.0, 9.0, 8.0]}
    assert (session.steps, session.view.step, session.view.follow) == (3, 2, True)
    assert session.planned == 9


def test_scrubbing_back_stops_following_and_the_end_follows_again():
    session = fitting_session(5)
    session.scrub(1)
    session.receive(stepped(FIRST, 5))
    assert (session.view.step, session.view.follow) == (1, False)
    session.scrub(5)
    session.receive(stepped(FIRST, 6))
    assert (session.view.step, session.view.follow) == (6, True)


@given(st.integers(-50, 50))
def test_scrubbing_stays_on_recorded_steps(step):
    session = fitting_session(5)
    session.scrub(step)
    assert session.view.step == min(max(step, 0), 4)


def test_pictures_are_asked_one_at_a_time_and_the_latest_wins():
    session = fitting_session(1)
    assert session.ask() == [paint(FIRST, 0)]
    for step in range(1, 5):
        session.receive(stepped(FIRST, step))
        assert session.ask() == []
    session.receive(painted(FIRST, 0))
    assert session.ask() == [paint(FIRST, 4)]
    session.receive(painted(FIRST, 4))
    assert session.ask() == []
    assert session.settled


def test_the_step_on_screen_is_not_asked_for_again():
    session = paused_session(3)
    for _ in range(3):
        session.scrub(2)
        assert session.ask() == []


def test_the_pictures_of_all_panels_come_together():
    session = fitting_session(1)
    session.resize(512, (400, 300))
    view = BodyView(Orbit(), 400, 300)
    assert session.ask() == [paint(FIRST, 0, body=view)]
    session.receive(painted(FIRST, 0, body=view))
    assert session.turned.view == view
    assert session.ask() == []


def test_a_turned_body_is_asked_for_alone():
    session = fitting_session(1)
    session.resize(512, (400, 300))
    session.receive(answer(*session.ask()))
    session.turn(Orbit(0.5))
    turn = Turn(*FIRST, 0, False, BodyView(Orbit(0.5), 400, 300))
    assert session.ask() == [turn]
    session.receive(answer(turn))
    assert session.turned.view.orbit == Orbit(0.5) and session.ask() == []


def test_fine_pictures_wait_while_the_hand_is_at_it():
    session = paused_session(3)
    session.view.hurried = True
    session.scrub(1)
    assert session.ask() == [paint(FIRST, 1)]
    session.receive(painted(FIRST, 1))
    assert session.ask() == [] and not session.settled
    session.view.hurried = False
    assert session.ask() == [paint(FIRST, 1, fine=True)] and not session.settled


def test_fine_pictures_wait_until_no_fit_runs():
    session = fitting_session(1)
    session.receive(answer(*session.ask()))
    assert session.ask() == []
    session.pause()
    assert session.ask() == [paint(FIRST, 0, fine=True)]
    session.receive(painted(FIRST, 0, fine=True))
    assert session.ask() == [] and session.settled


def test_the_opacity_needs_no_new_pictures():
    session = paused_session(3)
    session.set_opacity(0.2)
    assert session.ask() == []


def test_while_fitting_everything_shows_the_step_of_the_pictures():
    session = fitting_session(1)
    session.receive(answer(*session.ask()))
    for step in range(1, 7):
        session.receive(stepped(FIRST, step))
    assert (session.view.step, session.shown) == (6, 0)
    session.scrub(3)
    assert session.shown == 3  # a hand on the timeline is followed at once


def test_finishing_shows_the_best_step():
    session = fitting_session(9)
    session.receive(Finished(*FIRST, "the schedule is over", 6))
    assert (session.phase, session.best, session.view.step) == (Phase.DONE, 6, 6)
    assert "best at step 6" in session.message.text
    assert session.run() == []


def test_a_doubtful_fit_says_so_for_as_long_as_it_is_on_screen():
    session = fitting_session(9)
    session.receive(Finished(*FIRST, "the schedule is over", 6, "it is another's"))
    assert session.banner.startswith("Doubtful: it is another's. ")
    assert "Ctrl+1" in with_keys(session.banner)
    session.scrub(2)
    assert session.banner
    receive_opened(session, session.restart())
    assert session.banner == ""
    session.show(FIRST)
    assert session.banner


def test_finishing_leaves_a_scrubbed_step_alone():
    session = fitting_session(9)
    session.scrub(2)
    session.receive(Finished(*FIRST, "the schedule is over", 6))
    assert session.view.step == 2


def test_restart_makes_a_new_run_and_keeps_the_old_one():
    session = fitting_session(3)
    commands = session.restart()
    assert commands == [Pause(*FIRST), Begin(1, Run(2))]
    assert session.phase is Phase.BEGINNING
    session.receive(stepped(FIRST, 3))  # was on its way
    assert receive_opened(session, commands) == [Continue(*SECOND)]
    assert (session.view.key, session.steps) == (SECOND, 0)
    assert session.message.text.startswith("Fitting from the start")
    session.receive(Finished(*FIRST, "over", 0))
    assert (session.steps, session.phase) == (0, Phase.RUNNING)
    session.receive(stepped(SECOND, 0))
    assert session.steps == 1
    assert session.document.find(FIRST).steps == 4


def test_a_restart_that_fails_loses_nothing():
    session = fitting_session(3)
    command = session.restart()[-1]
    assert session.receive(Failed(command, "no memory")) == [Continue(*FIRST)]
    assert (session.phase, session.view.key, session.steps) == (Phase.RUNNING, FIRST, 3)
    assert session.message.text == "no memory"


def test_a_run_is_restarted_as_it_was_made():
    session = fitting_session(1)
    receive_opened(session, session.set_box(Rect(50, 50, 80, 160)))
    session.receive(stepped(SECOND, 0))
    receive_opened(session, session.branch(0, schedule="slow"))
    assert session.record.run.parent == 2
    session.receive(stepped((1, 3), 0))
    again = session.restart()[-1].run
    assert again == Run(4, schedule="slow", box=Rect(50, 50, 80, 160))


def test_a_branch_starts_with_its_parent_s_steps_and_stands_there():
    session = fitting_session(5)
    commands = session.branch(3)
    assert commands == [Pause(*FIRST), Begin(1, Run(2, parent=1, at_step=3))]
    assert receive_opened(session, commands) == [Step(*SECOND)]
    assert session.phase is Phase.PAUSED
    assert session.curves.total == [10.0, 9.0, 8.0]
    assert session.view.step == 2
    session.receive(stepped(SECOND, 3, 5.0))
    assert session.curves.terms["nll"] == [10.0, 9.0, 8.0, 5.0]
    assert (session.view.step, session.curves.taken) == (3, 1)
    assert session.document.find(FIRST).curves.total == [10.0, 9.0, 8.0, 7.0, 6.0]


def test_a_branch_starts_at_the_shown_step_unless_told_otherwise():
    session = fitting_session(5)
    session.scrub(2)
    assert session.branch()[-1].run.at_step == 2
    assert fitting_session(5).branch(5) == []


def test_another_run_is_shown_with_its_own_steps_and_pictures():
    session = fitting_session(9)
    session.receive(Finished(*FIRST, "over", 6))
    receive_opened(session, session.restart())
    session.receive(stepped(SECOND, 0))
    session.receive(answer(*session.ask()))
    assert session.show(FIRST) == [Pause(*SECOND)]
    assert (session.phase, session.view.step, session.steps) == (Phase.DONE, 6, 9)
    assert session.painted is None and not session.settled
    for expected in (PaintInput(*FIRST), paint(FIRST, 6), paint(FIRST, 6, fine=True)):
        assert session.ask() == [expected]
        session.receive(answer(expected))
    assert session.settled
    session.show(SECOND)
    assert (session.phase, session.steps) == (Phase.PAUSED, 1)
    assert session.run() == [Continue(*SECOND)]


def test_neighbouring_runs_are_shown_in_order_and_none_is_lost():
    session = fitting_session(3)
    assert session.neighbour(-1) is None and session.show_neighbour(1) == []
    receive_opened(session, session.set_box(BOX))
    assert "{earlier run}" in session.message.text
    assert session.show_neighbour(-1) == [Pause(*SECOND)]
    assert (session.view.key, session.steps, session.phase) == (FIRST, 3, Phase.PAUSED)
    assert session.message.text == "Run 1: 2 steps, paused"
    assert session.show_neighbour(1) == [] and session.view.key == SECOND
    session.receive(Died("gone"))
    assert session.neighbour(-1) is None


def test_a_note_about_an_opened_photo_is_told_once_it_is_there():
    session = ready_session()
    receive_opened(session, session.open("a.jpg", note="only this one"))
    assert session.message.text == "only this one"


def test_a_run_that_is_not_there_is_not_shown():
    session = fitting_session(2)
    assert session.show((1, 9)) == session.show(FIRST) == []
    assert session.phase is Phase.RUNNING


def test_runs_that_are_too_many_are_dropped_by_the_worker_too():
    session = fitting_session(1)
    for _ in range(RUNS_KEPT - 1):
        receive_opened(session, session.restart())
    commands = receive_opened(session, session.restart())
    assert commands == [Forget(*FIRST), Continue(*session.view.key)]
    assert len(list(session.document.keys)) == RUNS_KEPT


def test_a_stale_answer_frees_the_way_for_the_new_question():
    session = fitting_session(1)
    assert session.ask() == [paint(FIRST, 0)]
    receive_opened(session, session.restart())
    session.receive(stepped(SECOND, 0))
    assert session.ask() == []
    session.receive(painted(FIRST, 0))
    assert session.painted is None
    assert session.ask() == [paint(SECOND, 0)]


def test_a_refused_picture_frees_the_way_without_a_word():
    session = fitting_session(1)
    message = session.message
    session.receive(Failed(*session.ask(), ""))
    assert session.ask() == []  # not again
    session.receive(stepped(FIRST, 1))
    assert session.ask() == [paint(FIRST, 1)]
    assert session.message == message


def test_drawing_a_box_fits_the_person_in_it():
    session = fitting_session(3)
    new = Rect(50, 50, 80, 160)
    commands = session.set_box(new)
    assert commands == [Pause(*FIRST), Begin(1, Run(2, box=new))]
    assert session.box == new
    assert session.steps == 3  # what is on screen stays until the new scene is there
    assert receive_opened(session, commands) == [Continue(*SECOND)]
    assert (session.steps, session.box) == (0, new)


def test_a_tiny_box_is_a_slip_of_the_hand():
    session = fitting_session(3)
    assert session.set_box(Rect(5, 5, 3, 300)) == []
    assert session.phase is Phase.RUNNING
    assert "too small" in session.message.text


def test_a_failed_opening_loses_nothing():
    session = fitting_session(3)
    session.pause()
    command = session.open("text.jpg")[-1]
    session.receive(Failed(command, "text.jpg is not an image"))
    assert session.phase is Phase.PAUSED
    assert session.message.level is Level.ERROR
    assert session.steps == 3
    assert session.scene is not None
    session.run()
    session.receive(stepped(FIRST, 3))
    assert session.steps == 4


def test_a_fit_that_ends_while_another_photo_is_opened_is_done_if_that_fails():
    session = fitting_session(9)
    command = session.open("text.jpg")[-1]
    session.receive(Finished(*FIRST, "over", 8))
    assert session.phase is Phase.OPENING
    session.receive(Failed(command, "not an image"))
    assert session.phase is Phase.DONE


def test_of_two_photos_opened_in_a_row_the_second_stays():
    session = ready_session()
    first, second = session.open("a.jpg"), session.open("b.jpg")
    assert receive_opened(session, first) == []
    assert session.phase is Phase.OPENING
    assert receive_opened(session, second) == [Continue(2, 2)]
    assert session.image.name == "b.jpg"


def test_if_the_second_photo_fails_the_first_stays():
    session = ready_session()
    first = session.open("a.jpg")
    command = session.open("text.jpg")[0]
    receive_opened(session, first)
    session.receive(Failed(command, "not an image"))
    assert session.phase is Phase.PAUSED
    assert session.run() == [Continue(*FIRST)]


def test_a_failure_while_fitting_pauses():
    session = fitting_session(2)
    session.receive(Failed(Continue(*FIRST), "RuntimeError: no"))
    assert session.phase is Phase.PAUSED
    assert session.message.text == "RuntimeError: no"


def test_a_failed_picture_stops_no_fit():
    session = fitting_session(1)
    session.receive(Failed(paint(FIRST, 0), "RuntimeError: no"))
    assert session.phase is Phase.RUNNING


def test_a_dead_worker_is_revived_with_the_same_photo_and_box():
    session = fitting_session(2)
    new = Rect(50, 50, 80, 160)
    receive_opened(session, session.set_box(new))
    session.receive(Died("The engine's process ended (signal SIGKILL)"))
    assert session.phase is Phase.DOWN
    assert session.message.level is Level.ERROR
    assert session.step() == session.restart() == session.set_box(BOX) == session.branch() == []
    session.scrub(0)
    assert session.ask() == []  # nobody would answer
    session.revived()
    session.scrub(1)
    assert session.ask() == []
    commands = session.receive(Ready("fake"))
    assert session.ask() == []  # the new worker does not know the run on screen
    assert commands == [Open(2, Run(3, box=new), "a.jpg")]
    assert list(session.document.keys) == [FIRST, SECOND]  # still on screen
    assert receive_opened(session, commands) == [Continue(2, 3)]
    assert list(session.document.keys) == [(2, 3)]  # the other traces died with the worker
    session.receive(stepped((2, 3), 0))
    assert session.ask() == [paint((2, 3), 0)]


def test_a_worker_that_dies_while_a_photo_is_opened_gets_that_photo_again():
    session = fitting_session(2)
    session.open("b.jpg", BOX)
    session.receive(Died("gone"))
    session.revived()
    assert session.receive(Ready("fake")) == [Open(3, Run(3, box=BOX), "b.jpg")]


def test_stage_of_a_step():
    session = fitting_session()
    assert session.stage_at(3).name == "root"
    assert session.stage_at(4).name == "pose"
    assert session.stage_at(9) is None


@pytest.mark.parametrize("busy", [Phase.STARTING, Phase.OPENING, Phase.BEGINNING, Phase.RUNNING])
def test_busy_phases(busy):
    assert busy.busy
    assert not Phase.PAUSED.busy


def test_a_record_resumes_and_a_photo_or_a_box_does_not():
    session = ready_session()
    assert session.open("out/fit.nbf")[-1].run.resumes
    assert not session.open("out/fit.nbf", Rect(0, 0, 50, 90))[-1].run.resumes
    assert not session.open("out/photo.jpg")[-1].run.resumes
