"""The session, driven as the window drives it: calls and messages in any order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.geometry2d import Rect
from app.orbit import Orbit
from app.protocol import (
    Died,
    Failed,
    Finished,
    ImageScene,
    Observe,
    Open,
    Opened,
    Paint,
    Painted,
    Pause,
    Ready,
    Restart,
    Run,
    StageMark,
    Step,
    Stepped,
    Turn,
    Turned,
)
from app.session import Level, Phase, Session

STAGES = (StageMark("root", 0, 4), StageMark("pose", 4, 9))
BOX = Rect(10, 20, 100, 200)


def opened(generation, box=BOX, note=""):
    return Opened(
        generation=generation,
        path="/photos/a.jpg",
        scene=ImageScene(
            size=(640, 480),
            focal=800.0,
            box=box,
            detected=box == BOX,
            corners=((0, 0), (1, 0), (1, 1), (0, 1)),
            to_crop=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
            note=note,
        ),
        stages=STAGES,
        winner="start as regressed",
        shapes={},
    )


def stepped(generation, step, total=None):
    total = 10.0 - step if total is None else total
    return Stepped(generation, step, int(step >= 4), {"nll": total}, total, step, 0.1)


def ready_session(**options):
    session = Session(**options)
    session.receive(Ready("fake"))
    return session


def fitting_session(steps=0, **options):
    session = ready_session(**options)
    session.open("a.jpg")
    session.receive(opened(1))
    for step in range(steps):
        session.receive(stepped(1, step))
    return session


def kinds(commands):
    return [type(command) for command in commands]


def test_opening_before_the_engine_is_ready_waits_for_it():
    session = Session()
    assert session.open("a.jpg", BOX) == []
    assert session.receive(Ready("fake")) == [Open(1, "a.jpg", BOX)]
    assert session.phase is Phase.OPENING


def test_an_opened_photo_is_fitted_at_once_unless_told_otherwise():
    session = ready_session()
    session.open("a.jpg")
    assert session.receive(opened(1)) == [Run()]
    assert session.phase is Phase.RUNNING
    session = ready_session(auto_run=False)
    session.open("a.jpg")
    assert session.receive(opened(1)) == [Step()]  # the start is evaluated, so there is a picture
    assert session.phase is Phase.PAUSED


def test_a_note_of_the_worker_is_a_warning():
    session = ready_session()
    session.open("a.jpg")
    session.receive(opened(1, note="no person found"))
    assert session.message.level is Level.WARNING
    assert session.message.text == "no person found"


def test_joints_are_shown_and_hidden_without_the_worker():
    session = ready_session()
    assert not session.show_joints
    assert session.toggle_joints() is None and session.show_joints
    session.toggle_joints()
    assert not session.show_joints


def test_run_and_pause_alternate():
    session = fitting_session(2)
    assert session.toggle() == [Pause()]
    assert session.phase is Phase.PAUSED
    assert session.toggle() == [Run()]
    assert session.phase is Phase.RUNNING


def test_step_pauses_first():
    session = fitting_session(2)
    assert session.step() == [Pause(), Step()]
    assert session.step() == [Step()]


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
    assert (session.steps, session.shown, session.follow) == (3, 2, True)
    assert session.planned == 9


def test_scrubbing_back_stops_following_and_the_end_follows_again():
    session = fitting_session(5)
    session.scrub(1)
    session.receive(stepped(1, 5))
    assert (session.shown, session.follow) == (1, False)
    session.scrub(5)
    session.receive(stepped(1, 6))
    assert (session.shown, session.follow) == (6, True)


@given(st.integers(-50, 50))
def test_scrubbing_stays_on_recorded_steps(step):
    session = fitting_session(5)
    session.scrub(step)
    assert session.shown == min(max(step, 0), 4)


def test_pictures_are_asked_one_at_a_time_and_the_latest_wins():
    session = fitting_session(1)  # asks for step 0
    assert session.scrub(0) == []
    for step in range(1, 5):
        assert session.receive(stepped(1, step)) == []
    assert session.receive(Painted(1, 0, {}, 0.0, 0.1)) == [Paint(1, 4, session.opacity)]
    assert session.receive(Painted(1, 4, {}, 0.0, 0.1)) == []
    assert session.settled


def test_going_back_to_the_asked_step_drops_the_waiting_one():
    session = fitting_session(1)
    session.receive(stepped(1, 1))
    session.scrub(0)
    assert session.receive(Painted(1, 0, {}, 0.0, 0.1)) == []


def test_the_body_is_asked_apart_from_the_maps():
    session = fitting_session(1)
    assert kinds(session.resize_body(400, 300)) == [Turn]
    assert session.turn(Orbit(0.5)) == []
    turned = Turned(1, 0, Orbit(), (300, 400, 4), (0, 0, 3), 1.0)
    assert session.receive(turned) == [Turn(1, 0, Orbit(0.5), 400, 300)]


def test_finishing_shows_the_best_step():
    session = fitting_session(9)
    session.receive(Finished(1, "the schedule is over", 6))
    assert (session.phase, session.best, session.shown) == (Phase.DONE, 6, 6)
    assert "best at step 6" in session.message.text
    assert session.run() == []


def test_finishing_leaves_a_scrubbed_step_alone():
    session = fitting_session(9)
    session.scrub(2)
    session.receive(Finished(1, "the schedule is over", 6))
    assert session.shown == 2


def test_restart_forgets_the_steps_and_old_answers():
    session = fitting_session(3)
    assert session.restart() == [Restart(2), Run()]
    assert session.steps == 0
    session.receive(stepped(1, 3))
    session.receive(Finished(1, "over", 0))
    assert (session.steps, session.phase) == (0, Phase.RUNNING)
    session.receive(stepped(2, 0))
    assert session.steps == 1


def test_a_stale_answer_frees_the_way_for_the_new_question():
    session = fitting_session(1)  # Paint(1, 0) is on its way
    session.restart()
    assert session.receive(stepped(2, 0)) == []
    assert session.receive(Painted(1, 0, {}, 0.0, 0.1)) == [Paint(2, 0, session.opacity)]
    assert session.painted is None


def test_a_refused_picture_frees_the_way_without_a_word():
    session = fitting_session(1)
    message = session.message
    session.receive(stepped(1, 1))
    answer = session.receive(Failed(Paint(1, 0, 0.75), ""))
    assert answer == [Paint(1, 1, session.opacity)]
    assert session.message == message


def test_drawing_a_box_fits_the_person_in_it():
    session = fitting_session(3)
    new = Rect(50, 50, 80, 160)
    assert session.set_box(new) == [Pause(), Observe(2, new)]
    assert session.box == new
    assert session.steps == 3  # what is on screen stays until the new scene is there
    assert session.receive(opened(2, new)) == [Run()]
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
    session.receive(stepped(1, 3))
    assert session.steps == 4


def test_a_fit_that_ends_while_another_photo_is_opened_is_done_if_that_fails():
    session = fitting_session(9)
    command = session.open("text.jpg")[-1]
    session.receive(Finished(1, "over", 8))
    assert session.phase is Phase.OPENING
    session.receive(Failed(command, "not an image"))
    assert session.phase is Phase.DONE


def test_of_two_photos_opened_in_a_row_the_second_stays():
    session = ready_session()
    session.open("a.jpg")
    session.open("b.jpg")
    assert session.receive(opened(1)) == []
    assert session.phase is Phase.OPENING
    assert session.receive(opened(2)) == [Run()]
    assert session.generation == 2


def test_if_the_second_photo_fails_the_first_stays():
    session = ready_session()
    session.open("a.jpg")
    command = session.open("text.jpg")[0]
    session.receive(opened(1))
    session.receive(Failed(command, "not an image"))
    assert session.phase is Phase.PAUSED
    assert session.run() == [Run()]


def test_a_failure_while_fitting_pauses():
    session = fitting_session(2)
    session.receive(Failed(Run(), "RuntimeError: no"))
    assert session.phase is Phase.PAUSED
    assert session.message.text == "RuntimeError: no"


def test_a_dead_worker_is_revived_with_the_same_photo_and_box():
    session = fitting_session(2)
    new = Rect(50, 50, 80, 160)
    session.set_box(new)
    session.receive(opened(2, new))
    session.receive(Died("The engine's process ended (signal SIGKILL)"))
    assert session.phase is Phase.DOWN
    assert session.message.level is Level.ERROR
    assert session.step() == session.restart() == session.set_box(BOX) == []
    session.revived()
    assert session.receive(Ready("fake")) == [Open(3, "a.jpg", new)]
    assert session.receive(opened(3, new)) == [Run()]


def test_stage_of_a_step():
    session = fitting_session()
    assert session.stage_at(3).name == "root"
    assert session.stage_at(4).name == "pose"
    assert session.stage_at(9) is None


USER = ("open", "run", "pause", "step", "restart", "toggle", "box", "scrub", "turn")
WORKER = ("answer", "fail", "die")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(USER + WORKER), max_size=30))
def test_any_course_of_events_keeps_the_session_consistent(events):
    """A little worker answers in order; whatever happens, the session holds its promises."""
    session = ready_session()
    session.resize_body(40, 30)
    pipe = []
    state = {"generation": 0, "step": 0}
    for event in events:
        if event in USER:
            pipe += user_event(session, event)
        elif pipe:
            pipe += worker_event(session, event, pipe, state)
        assert session.generation <= session.issued
        assert 0 <= session.shown < max(session.steps, 1)
        assert sum(isinstance(c, Paint) for c in pipe) <= 1
        assert sum(isinstance(c, Turn) for c in pipe) <= 1
        assert all(len(v) == session.steps for v in session.curves.terms.values())
    for _ in range(200):  # let the worker answer everything
        if not pipe:
            break
        pipe += worker_event(session, "answer", pipe, state)
    assert session.phase is not Phase.OPENING
    if session.steps and "fail" not in events:  # a picture that failed is not asked for again
        assert session.settled


def user_event(session, event):
    if event == "open":
        return session.open("a.jpg")
    if event == "box":
        return session.set_box(BOX)
    if event == "scrub":
        return session.scrub(1)
    if event == "turn":
        return session.turn(Orbit(session.orbit.yaw + 0.1))
    return getattr(session, event)()


def worker_event(session, event, pipe, state):
    """Answer the first command of the pipe as a worker would."""
    if event == "die":
        pipe.clear()
        state.update(generation=0, step=0)
        commands = session.receive(Died("gone"))
        session.revived()
        return commands + session.receive(Ready("fake"))
    command = pipe.pop(0)
    if event == "fail":
        return session.receive(Failed(command, "no"))
    if isinstance(command, Open | Observe):
        state.update(generation=command.generation, step=0)
        return session.receive(opened(command.generation))
    if isinstance(command, Restart):
        state.update(generation=command.generation, step=0)
    if isinstance(command, Run | Step) and state["generation"]:
        state["step"] += 1
        return session.receive(stepped(state["generation"], state["step"] - 1))
    if isinstance(command, Paint | Turn) and command.generation != state["generation"]:
        return session.receive(Failed(command, ""))
    if isinstance(command, Paint):
        return session.receive(Painted(command.generation, command.step, {}, 0.0, 0.0))
    if isinstance(command, Turn):
        place = (0.0, 0.0, 3.0)
        return session.receive(
            Turned(command.generation, command.step, command.orbit, (30, 40, 4), place, 1.0)
        )
    return []


@pytest.mark.parametrize("busy", [Phase.STARTING, Phase.OPENING, Phase.RUNNING])
def test_busy_phases(busy):
    assert busy.busy
    assert not Phase.PAUSED.busy
