"""Branching from one end to the other: session, worker's process, real engine, document."""

import time

import numpy as np
import pytest

from app.geometry.plane import Rect
from app.session import Session
from app.state import Level, Phase
from tests.app.preloaded import PreloadedLink

PATIENCE = 120.0


class Debugging:
    """A session and a worker that talk to each other, without a window."""

    def __init__(self):
        self.session = Session()
        self.session.resize(128, (60, 80))
        self.link = PreloadedLink("tests.app.untrained:load", {})

    def send(self, commands):
        for command in commands:
            self.link.send(command)

    def wait(self, phase):
        """Until the session is in a phase and its pictures are there."""
        limit = time.monotonic() + PATIENCE
        while self.session.phase is not phase or not self.session.settled:
            assert time.monotonic() < limit, self.session.message
            for event in self.link.receive():
                self.send(self.session.receive(event))
            self.send(self.session.ask())
            assert self.session.message.level is not Level.ERROR, self.session.message
            time.sleep(0.002)

    def pictures(self, step):
        """All pictures of a step of the run on screen."""
        self.send(self.session.scrub(step))
        self.wait(self.session.phase)
        return self.session.painted.pictures


@pytest.fixture(scope="module")
def debugging():
    debugging = Debugging()
    debugging.session.open("skimage:astronaut", Rect(150, 10, 220, 500))
    debugging.wait(Phase.DONE)
    yield debugging
    debugging.link.close()


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 4])  # in either stage
def test_a_branch_gives_what_its_parent_gave_bit_by_bit(debugging, step):
    session = debugging.session
    parent, parents_key = session.record, session.view.key
    assert parent.steps == 7
    parents = [debugging.pictures(s) for s in range(7)]
    debugging.send(session.branch(step))
    debugging.wait(Phase.PAUSED)
    assert session.record.run.parent == parents_key[1]
    assert (session.steps, session.view.step) == (step + 1, step)
    debugging.send(session.run())
    debugging.wait(Phase.DONE)
    assert session.view.key != parents_key
    assert session.curves.total == parent.curves.total
    assert session.curves.terms == parent.curves.terms
    assert session.best == parent.best
    for recorded, expected in enumerate(parents):
        ours = debugging.pictures(recorded)
        assert set(ours) == {"layer", "rendered", "occlusion", "visible", "body"}
        for kind, picture in ours.items():
            np.testing.assert_array_equal(picture, expected[kind], kind)
    debugging.send(session.show(parents_key))
    debugging.wait(Phase.DONE)
    assert session.record is parent
