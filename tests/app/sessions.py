"""Sessions at a certain point, and the answers a worker gives them: shared by the tests."""

from app.geometry.plane import Rect
from app.protocol.commands import (
    Paint,
    PaintInput,
    Turn,
)
from app.protocol.events import (
    Opened,
    Painted,
    PaintedInput,
    Ready,
    Stepped,
    Turned,
    TurnedBody,
)
from app.protocol.run import RunInfo, StageMark
from app.protocol.scene import ImageScene
from app.session import Session

STAGES = (StageMark("root", 0, 4), StageMark("pose", 4, 9))
BOX = Rect(10, 20, 100, 200)
FIRST, SECOND = (1, 1), (1, 2)  # runs of the first image


def opened(command, note="", path="a.jpg", terms=(), person=True):
    """The worker's answer to a command that asks for a run."""
    run = command.run
    return Opened(
        command.image,
        run.id,
        getattr(command, "path", path),
        RunInfo(run, STAGES, terms, "start as regressed"),
        ImageScene(
            size=(640, 480),
            focal=800.0,
            box=run.box or BOX,
            detected=run.box is None,
            corners=((0, 0), (1, 0), (1, 1), (0, 1)),
            to_crop=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
            note=note,
            person=person,
        ),
    )


def stepped(key, step, total=None):
    total = 10.0 - step if total is None else total
    return Stepped(*key, step, int(step >= 4), {"nll": total}, total, step, 0.1)


def paint(key, step, fine=False, body=None):
    return Paint(*key, step, 512, fine, body)


def painted(key, step, fine=False, body=None):
    return answer(paint(key, step, fine, body))


def answer(command):
    """The pictures that a worker sends."""
    if isinstance(command, PaintInput):
        return PaintedInput(*command.key)
    view = command.body
    body = TurnedBody(view, command.fine, (0.0, 0.0, 3.0), 1.0) if view else None
    if isinstance(command, Turn):
        return Turned(*command.key, command.step, body)
    layer = command.side, command.fine
    return Painted(*command.key, command.step, *layer, 0.0, (), body, ink=command.ink)


def ready_session(**options):
    session = Session(**options)
    session.receive(Ready("fake"))
    return session


def fitting_session(steps=0, **options):
    session = ready_session(**options)
    receive_opened(session, session.open("a.jpg"))
    for step in range(steps):
        session.receive(stepped(FIRST, step))
    return session


def paused_session(steps):
    """A session at rest, with all its pictures."""
    session = fitting_session(steps)
    session.pause()
    while asked := session.ask():
        session.receive(answer(*asked))
    return session


def receive_opened(session, commands, **options):
    """The worker answers the last command, which asks for a run."""
    return session.receive(opened(commands[-1], **options))


def kinds(commands):
    return [type(command) for command in commands]
