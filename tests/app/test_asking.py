"""Questions that are answered piece by piece, and a mouse that asks by resting."""

import dataclasses
import math

import numpy as np
import pytest

from app.geometry.chart import Axis, axes_of, filled, shares
from app.geometry.plane import Rect
from app.protocol.commands import Begin, Paint, Scan
from app.protocol.events import Failed, Scanned, Searched
from app.protocol.run import Run
from app.protocol.scan import Change, ScanKind
from app.protocol.search import Curve, Heat, Landscape, Search, Slide, Sweep
from app.protocol.why import JointTarget, PixelTarget
from app.window.rest import Rest
from app.worker.searching import Searcher
from core.body.moves import Value
from core.errors import UserError
from core.occlusion.occluder import drawn
from tests.app import untrained
from tests.app.fake_engine import FakeBackend, FakePhoto
from tests.app.sessions import FIRST, SECOND, answer, paused_session, receive_opened

PATCHES = tuple(drawn("rectangle", [(x, 0), (x + 50, 50)]) for x in (0, 100))
SWEEP = Sweep("l_elbow.depth")


def curve(over):
    return Curve(over, "degrees", 0.0, (-1.0, 0.0, 1.0), (), (1.0, 0.0, 1.0), (1,))


def piece(command, found):
    return Searched(*command.key, command.step, command.inquiry, command.known + 1, found)


def after_pictures(session):
    """What is asked once the pictures are there."""
    while (asked := session.ask()) and isinstance(asked[0], Paint):
        session.receive(answer(*asked))
    return asked[0] if asked else None


def test_pieces_are_asked_for_one_by_one_after_the_pictures_until_it_is_over():
    session = paused_session(3)
    session.inquire(SWEEP)
    (asked,) = session.ask()
    assert asked == Search(*FIRST, 2, SWEEP, 0) and session.settled
    assert session.ask() == []
    session.receive(piece(asked, curve(False)))
    session.scrub(0)
    (picture,) = session.ask()
    assert isinstance(picture, Paint)
    session.receive(answer(picture))
    session.scrub(2)
    again = after_pictures(session)
    assert again == dataclasses.replace(asked, known=1)
    session.receive(piece(again, curve(True)))
    assert session.ask() == []
    session.inquire(Landscape("x", "y"))
    (other,) = session.ask()
    assert other.inquiry == Landscape("x", "y") and other.known == 0


def test_another_step_is_another_sweep_but_the_same_slide():
    session = paused_session(3)
    session.inquire(SWEEP)
    session.receive(piece(*session.ask(), curve(True)))
    session.scrub(1)
    assert after_pictures(session).step == 1
    session = paused_session(3)
    session.inquire(Slide())
    session.receive(piece(*session.ask(), Heat(True, PATCHES, (1.0, 2.0), 1, 50.0)))
    session.scrub(1)
    assert after_pictures(session) is None


def test_nothing_is_searched_while_a_fit_runs_and_a_refusal_is_told_once():
    session = paused_session(3)
    session.run()
    session.inquire(SWEEP)
    assert session.wanted_piece is None
    session.pause()
    (asked,) = session.ask()
    session.receive(Failed(asked, "no parameter"))
    assert session.message.text == "no parameter" and session.ask() == []


def test_a_search_waits_for_all_other_questions():
    session = paused_session(3)
    session.inquire(SWEEP)
    session.seek(ScanKind.MOVEMENT)
    (asked,) = session.ask()
    assert isinstance(asked, Scan) and not session.settled
    session.receive(Scanned(*FIRST, asked.what, 0, (Change(0.0), Change(2.0), Change(1.0))))
    assert session.view.step == 1 and isinstance(after_pictures(session), Search)


def test_a_click_on_a_curve_branches_there_and_one_on_the_heat_loads_the_patch():
    session = paused_session(3)
    begin = session.branch_at(Value("l_elbow.depth", 30.0), Value("shape0", 1.0))[-1]
    assert isinstance(begin, Begin) and begin.run.at_step == 2
    assert begin.run.moves == (Value("l_elbow.depth", 30.0), Value("shape0", 1.0))
    session = paused_session(3)
    session.inquire(Slide())
    session.receive(piece(*session.ask(), Heat(False, PATCHES, (1.0, math.nan), 0, 50.0)))
    commands = session.load_patch(1)
    assert commands[-1].run.occluders == (PATCHES[1],)
    assert session.view.inquiry is None
    receive_opened(session, commands)
    assert session.view.key == SECOND and isinstance(session.searched.found, Heat)


def test_a_slide_ends_with_its_run_but_a_sweep_goes_on_with_the_next():
    session = paused_session(3)
    session.inquire(Slide())
    receive_opened(session, session.restart())
    assert session.view.inquiry is None
    session.inquire(SWEEP)
    session.show(FIRST)
    assert session.view.inquiry == SWEEP


def test_a_rest_asks_once_and_a_click_holds_the_answer():
    session, time = paused_session(2), [0.0]
    session.toggle_why()
    rest = Rest(now=lambda: time[0])
    here, there = PixelTarget((0.5, 0.5)), JointTarget(3)
    rest.over(session, here)
    time[0] = 0.2
    rest.over(session, there)
    time[0] = 0.4
    rest.over(session, there)
    assert session.view.target is None  # it has rested nowhere
    time[0] = 0.6
    rest.over(session, there)
    assert session.view.target == there and not session.view.pinned
    session.click_why(here)
    time[0] = 2.0
    rest.over(session, here)
    rest.over(session, there)
    time[0] = 3.0
    rest.over(session, there)
    assert session.view.target == here
    session.click_why(here)
    rest.over(session, None)
    rest.over(session, there)
    time[0] = 4.0
    rest.over(session, there)
    assert session.view.target == there


def test_the_worker_goes_on_where_it_was_and_begins_anew_where_it_was_not():
    backend = FakeBackend(0.0)
    observed = backend.observe(
        FakePhoto(np.eye(64)[..., None].repeat(3, 2).astype(np.uint8) * 255),
        None,
    )
    fit = backend.fit(observed, Run(1), None)
    fit.step()
    held = type("Held", (), {"observed": observed, "fit": fit})()
    searcher, first = Searcher(backend), Search(1, 1, 0, SWEEP, 0)
    told = searcher.answer(held, first)
    assert (told.known, told.found.over) == (1, False)
    told = searcher.answer(held, dataclasses.replace(first, known=1))
    assert (told.known, told.found.over) == (2, True)
    told = searcher.answer(held, dataclasses.replace(first, known=7))
    assert (told.known, told.found.over) == (1, False)


def test_the_real_engine_finds_what_the_command_line_finds():
    backend = untrained.load()
    photo = backend.read("skimage:astronaut")
    observed = backend.observe(photo, Rect(150, 10, 220, 500))
    fit = backend.fit(observed, Run(1))
    total = [fit.step() for _ in range(5)][-1].total
    coarse, fine = backend.search(observed, fit, 4, SWEEP)
    assert (coarse.over, fine.over) == (False, True) and len(fine.values) > 2 * len(coarse.values)
    here = fine.values.index(fine.here)
    assert fine.total[here] == pytest.approx(total, rel=1e-4)
    assert sum(values[0] for _, values in fine.terms) == pytest.approx(fine.total[0])
    field = next(backend.search(observed, fit, 4, Landscape("shape0", "l_elbow.z")))
    known = np.isfinite(np.array(field.total))
    assert not field.over and known[0, 0] and known[8, 8] and known.sum() == 48
    assert len(field.path) == 5 and field.path[4] == pytest.approx(field.here, abs=1e-4)
    slide = backend.search(observed, fit, 0, Slide(160, 64, 2))
    heats = [next(slide) for _ in range(4)]
    assert len(heats[0].patches) == 4 and sum(map(math.isfinite, heats[-1].errors)) == 1
    with pytest.raises(UserError, match="two parameters"):
        next(backend.search(observed, fit, 4, Landscape("x", "x")))


def test_a_chart():
    across, up = axes_of(Rect(10, 20, 100, 50), (0.0, 4.0), (math.nan, -1.0, 3.0))
    assert across.place(1.0) == 35 and up.place(3.0) == 20 and up.place(-1.0) == 70
    assert across.value(35) == 1.0 and up.value(1000) == -1.0
    assert Axis(2.0, 2.0, 0, 10).place(2.0) == 0
    grid = np.full((9, 9), np.nan)
    grid[0, 0], grid[0, 8], grid[4, 4] = 1.0, 2.0, 3.0
    shown = filled(grid)
    assert shown[3, 3] == 1.0 and shown[5, 6] == 3.0
    np.testing.assert_array_equal(shares(np.array([4.0, 3.0, 2.0, np.inf])), [1, 0.5, 0, np.nan])
    assert np.isnan(shares(np.array([np.nan]))).all() and shares(np.array([3.0])) == 0
