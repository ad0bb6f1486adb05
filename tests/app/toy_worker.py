"""A little worker that answers the session in order, fails, dies and comes back."""

from app.protocol.commands import (
    Begin,
    Continue,
    Differ,
    Forget,
    Paint,
    PaintInput,
    Scan,
    Step,
    Turn,
)
from app.protocol.events import Died, Differed, Failed, Ready, Scanned
from app.protocol.scan import Change
from app.state import Phase
from tests.app.sessions import answer, opened, stepped


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
        if isinstance(command, Scan):
            changes = tuple([Change(0.1)] * (command.last - command.first))
            return Scanned(*key, command.what, command.first, changes)
        if isinstance(command, Differ):
            about = command.step, command.other, command.other_step, command.maps
            return Differed(*key, *about, ())
        if isinstance(command, Forget):
            del self.steps[key]
        return None


def check(session, pipe):
    """What always holds."""
    assert (session.view.key is None) == (session.record is None)
    assert (session.pending is not None) == (session.phase in (Phase.OPENING, Phase.BEGINNING))
    assert 0 <= session.view.step < max(session.steps, 1)
    assert sum(isinstance(command, Paint | PaintInput | Turn) for command in pipe) <= 1
    for key in session.document.keys:
        record = session.document.find(key)
        assert all(len(values) == record.steps for values in record.curves.terms.values())
