"""People of a photo: which one a pixel means, and fitting them by clicks and keys."""

from dataclasses import replace

import numpy as np
import pytest

from app.geometry.people import Person, person_at
from app.geometry.plane import Rect
from app.protocol.commands import Begin, BeginAt, Continue, Open, Pause
from app.protocol.events import Died, Failed, Finished
from app.protocol.run import Run
from app.session import Session
from app.state import Level, Phase
from core.geometry.crop import Box
from core.nets import people as core_people
from core.nets.people import Proposal
from tests.app.sessions import FIRST, SECOND, opened, ready_session, stepped

ANNA = Person(Rect(10, 20, 100, 200), ((60, 50), (60, 120)))
BEN = Person(Rect(80, 20, 100, 200), ((130, 50), (130, 120)))
CARL = Person(Rect(300, 20, 100, 200), ())
PEOPLE = (ANNA, BEN, CARL)
IN_BEN, NOWHERE = (128.0, 60.0), (600.0, 400.0)


def crowd(steps=2):
    """Anna is fitted, and Ben and Carl are there."""
    session = ready_session()
    told = replace(opened(session.open("a.jpg")[-1]), people=PEOPLE)
    session.receive(told)
    for step in range(steps):
        session.receive(stepped(FIRST, step))
    return session


def test_a_pixel_in_two_boxes_means_the_person_whose_points_are_nearer():
    assert person_at(PEOPLE, (95, 60)) == 0
    assert person_at(PEOPLE, (99, 60)) == 1
    assert person_at(PEOPLE, (310, 30)) == 2
    assert person_at(PEOPLE, NOWHERE) is None
    assert person_at((), (95, 60)) is None


def test_the_window_and_the_finder_mean_the_same_person():
    rng = np.random.default_rng(0)
    for _ in range(20):
        points = rng.uniform(0, 100, (4, 12, 2))
        points[rng.random((4, 12)) < 0.4] = np.nan
        proposals = [Proposal(Box(i * 10, 0, 70, 90), p, 1.0) for i, p in enumerate(points)]
        told = [
            Person(Rect(i * 10, 0, 70, 90), tuple(map(tuple, p.places.tolist())))
            for i, p in enumerate(proposals)
        ]
        for x, y in rng.uniform(0, 110, (30, 2)):
            meant = core_people.person_at(proposals, x, y)
            number = person_at(told, (x, y))
            assert meant is (None if number is None else proposals[number])


def test_a_click_fits_the_person_in_a_run_of_its_own():
    session = crowd()
    assert session.person == 0
    commands = session.pick(IN_BEN)
    assert commands == [Pause(*FIRST), Begin(1, Run(2, box=BEN.box))]
    assert session.receive(opened(commands[-1])) == [Continue(*SECOND)]
    assert (session.person, session.view.key) == (1, SECOND)
    assert session.people == PEOPLE  # of the image, whichever run is on screen
    assert session.message.text.startswith("Person 2 of 3 is fitted")


def test_a_click_on_a_person_with_a_run_shows_it():
    session = crowd()
    session.receive(opened(session.pick(IN_BEN)[-1]))
    session.receive(stepped(SECOND, 0))
    assert session.pick((50, 60)) == [Pause(*SECOND)]
    assert (session.view.key, session.phase) == (FIRST, Phase.PAUSED)
    assert session.pick((50, 60)) == []  # on screen already
    assert session.pick(IN_BEN) == []
    assert session.view.key == SECOND
    assert session.document.last_run == 2


def test_a_removed_run_is_not_shown_but_another_one_begins():
    session = crowd()
    session.receive(opened(session.pick(IN_BEN)[-1]))
    session.remove()
    assert session.pick(IN_BEN) == [Begin(1, Run(3, box=BEN.box))]


def test_where_nobody_was_found_one_looks_closer_and_remembers_who_is_there():
    session = crowd()
    commands = session.pick(NOWHERE)
    assert commands == [Pause(*FIRST), BeginAt(1, Run(2), NOWHERE)]
    assert session.box == ANNA.box  # nothing is claimed before the answer
    small = Rect(590, 380, 20, 40)
    found = Begin(1, replace(commands[-1].run, box=small))
    session.receive(opened(found))
    assert session.people == (*PEOPLE, Person(small, (NOWHERE,)))
    assert (session.person, session.record.run.box) == (3, small)
    assert session.record.label == "person 4"
    session.fit_next_person(1)
    assert session.person == 0
    session.pick(NOWHERE)
    assert session.view.key == SECOND and session.document.last_run == 2


def test_where_nobody_is_it_is_told_and_the_fit_goes_on():
    session = crowd()
    command = session.pick(NOWHERE)[-1]
    assert session.receive(Failed(command, "nobody there")) == [Continue(*FIRST)]
    assert (session.phase, session.view.key) == (Phase.RUNNING, FIRST)
    assert (session.message.text, session.message.level) == ("nobody there", Level.ERROR)
    assert session.people == PEOPLE


def test_a_click_beside_the_photo_or_at_the_wrong_time_does_nothing():
    session = crowd()
    assert session.pick((-1, 50)) == session.pick((50, 480)) == []
    session.open("b.jpg")
    assert session.pick(IN_BEN) == session.fit_next_person(1) == []
    assert Session().pick(IN_BEN) == []


@pytest.mark.parametrize(("way", "order"), [(1, [1, 2, 0]), (-1, [2, 1, 0])])
def test_keys_go_from_person_to_person_and_around(way, order):
    session = crowd()
    for number in order:
        assert session.next_person(way) == number
        commands = session.fit_next_person(way)
        if commands and isinstance(commands[-1], Begin):
            session.receive(opened(commands[-1]))
        assert session.person == number
    assert session.document.last_run == 3


def test_a_drawn_box_is_nobody_of_these():
    session = crowd()
    session.receive(opened(session.set_box(Rect(0, 0, 90, 90))[-1]))
    assert session.person is None
    assert (session.next_person(1), session.next_person(-1)) == (0, 2)


def test_a_closer_look_that_kills_the_worker_is_not_repeated():
    session = crowd()
    session.receive(Finished(*FIRST, "over", 1))
    session.receive(opened(session.pick(IN_BEN)[-1]))
    session.pick(NOWHERE)
    session.receive(Died("gone"))
    assert session.wanted == ("a.jpg", BEN.box)
    assert not any(isinstance(command, Open) for command in session.pick(IN_BEN))
