"""The session under any course of events: a little worker answers, fails, dies and comes back."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.geometry.orbit import Orbit
from app.protocol.commands import Begin, Continue, Forget, Paint, PaintInput, Step, Turn
from app.protocol.events import Died, Failed, Ready
from app.state import Phase
from tests.app.test_session import BOX, FIRST, answer, opened, ready_session, stepped

USER = ("open", "run", "pause", "step", "restart", "branch", "toggle", "box", "scrub", "turn")
USER += ("show",)
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
    for event in ("revive", "ready", *300 * ("answer",)):  # let the worker answer everything
        worker.happen(event)
        worker.send(session.ask())
    assert not worker.pipe and session.pending is None
    if session.answering and session.steps and "fail" not in events:  # failed ones do not come
        assert session.settled


def check(session, pipe):
    """What always holds."""
    assert (session.view.key is None) == (session.record is None)
    assert (session.pending is not None) == (session.phase in (Phase.OPENING, Phase.BEGINNING))
    assert 0 <= session.view.step < max(session.steps, 1)
    assert sum(isinstance(command, Paint | PaintInput | Turn) for command in pipe) <= 1
    for key in session.document.keys:
        record = session.document.find(key)
        assert all(len(values) == record.steps for values in record.curves.terms.values())


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
    return getattr(session, event)()


class ToyWorker:
    """Answers in order; what is sent while it is dead is lost, as `app.link` loses it."""

    def __init__(self, session):
        self.session = session
        self.pipe = []
        self.steps = {}  # recorded, by run
        self.alive = self.ready = True

    def send(self, commands):
        self.pipe += commands if self.alive else []

    def happen(self, event):
        """Something happens to the worker, or it does something."""
        if event == "die" and self.alive:
            self.alive = self.ready = False
            self.pipe, self.steps = [], {}
            self.session.receive(Died("gone"))
        elif event == "revive" and not self.alive:
            self.alive = True
            self.session.revived()
        elif event == "ready" and self.alive and not self.ready:
            self.ready = True
            self.send(self.session.receive(Ready("fake")))
        elif event in ("answer", "fail") and self.pipe and self.ready:
            command = self.pipe.pop(0)
            event = Failed(command, "no") if event == "fail" else self.answer(command)
            self.send(self.session.receive(event) if event else [])

    def answer(self, command):
        key = command.key
        if isinstance(command, Begin):
            self.steps[key] = command.run.at_step
            return opened(command)
        if key not in self.steps:
            return Failed(command, "")
        if isinstance(command, Continue | Step):
            self.steps[key] += 1
            return stepped(key, self.steps[key] - 1)
        if isinstance(command, PaintInput | Paint | Turn):
            return answer(command)
        if isinstance(command, Forget):
            del self.steps[key]
        return None
