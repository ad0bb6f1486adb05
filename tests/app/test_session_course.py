"""The session under any course of events: a little worker answers, fails, dies and comes back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.geometry.orbit import Orbit
from app.protocol.scan import ScanKind
from tests.app.sessions import BOX, FIRST, ready_session
from tests.app.toy_worker import ToyWorker, check

USER = ("open", "run", "pause", "step", "restart", "branch", "toggle", "box", "scrub", "turn")
USER += ("show", "play", "tick", "mark", "undo", "compare", "blink", "seek", "toggle_difference")
WORKER = ("answer", "fail", "die", "revive", "ready")


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(USER + WORKER), max_size=40))
def test_any_course_of_events_keeps_the_session_consistent(events):
    """A little worker answers in order; whatever happens, the session holds its promises."""
    session = ready_session()
    session.resize(512, (40, 30))
    worker = ToyWorker(session)
    for event in events:
        if event in USER:
            worker.send(user_event(session, event))
        else:
            worker.happen(event)
        worker.send(session.ask())
        check(session, worker.pipe)
    session.view.play.stop()
    for event in ("revive", "ready", *300 * ("answer",)):  # let the worker answer everything
        worker.happen(event)
        worker.send(session.ask())
    assert not worker.pipe and session.pending is None
    if session.answering and session.steps and "fail" not in events:  # failed ones do not come
        assert session.settled


def user_event(session, event):
    if event == "open":
        return session.open("a.jpg")
    if event == "box":
        return session.set_box(BOX)
    if event == "scrub":
        return session.scrub(1)
    if event == "turn":
        return session.turn(Orbit(session.view.orbit.yaw + 0.1))
    if event == "show":
        return session.show(next(session.document.keys, FIRST))
    if event == "seek":
        return session.seek(ScanKind.FLIPS)
    if event == "tick":  # a second later
        session.tick(session.view.play.steps.left(0.0) + session.view.play.turns.left(0.0) + 1.0)
        return []
    return getattr(session, event)()
