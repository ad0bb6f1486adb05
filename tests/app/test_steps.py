"""Playing, jumping and bookmarks, without a window."""

import pytest

from app.history import Marked
from app.playing import Beat
from app.protocol.commands import Differ, Export, Exported, Paint, Save, Scan
from app.protocol.events import Died, Failed, Finished, Scanned, Written
from app.protocol.run import RecordedRun
from app.protocol.scan import Change, ScanKind
from app.state import Level, Phase
from tests.app.sessions import (
    FIRST,
    answer,
    fitting_session,
    opened,
    paused_session,
    stepped,
)


def finished(steps=9, best=6):
    session = fitting_session(steps)
    session.receive(Finished(*FIRST, "over", best))
    return pictured(session)


def pictured(session):
    """The worker answers all questions about pictures."""
    while asked := session.ask():
        session.receive(answer(*asked))
    return session


def played(session, seconds, fps=60):
    """The steps on screen while the clock runs, each once; the worker answers at once."""
    seen = [session.view.step]
    for frame in range(round(seconds * fps) + 1):
        session.tick(100 + frame / fps)
        pictured(session)
        if session.view.step != seen[-1]:
            seen.append(session.view.step)
    return seen


# --- play ---


def test_steps_play_to_the_end_and_stop_there():
    session = finished()
    session.scrub(5)
    pictured(session)
    session.play()
    assert played(session, 2) == [5, 6, 7, 8]
    assert not session.view.play.steps.on and session.view.follow


def test_playing_at_the_end_begins_at_the_first_step():
    session = finished(best=8)
    session.play()
    pictured(session)
    assert played(session, 0.25)[:3] == [0, 1, 2]


def test_a_loop_goes_on_with_the_first_step():
    session = finished()
    session.toggle_loop()
    session.scrub(7)
    pictured(session)
    session.play()
    assert played(session, 0.5)[:5] == [7, 8, 0, 1, 2]
    assert session.view.play.steps.on


def test_every_third_step_plays_and_the_last_one_too():
    session = finished(steps=9)
    session.set_stride(3)
    session.scrub(0)
    pictured(session)
    session.play()
    assert played(session, 2) == [0, 3, 6, 8]
    session.scrub(0)
    session.walk(2)
    assert session.view.step == 6


def test_the_speed_is_that_which_is_set():
    session = finished(steps=100)
    session.set_rate(10)
    session.scrub(0)
    pictured(session)
    session.play()
    assert len(played(session, 2.05)) == 21
    session.change_rate(100)
    assert session.view.play.steps.rate == 60 and not session.can_change_rate(1.5)


def test_no_step_is_left_out_while_its_pictures_are_on_their_way():
    session = finished()
    session.scrub(2)
    pictured(session)
    session.play()
    session.tick(1.0)
    assert session.tick(2.0) and session.view.step == 3
    assert session.rest(2.5) is None  # only the pictures can change that
    assert not session.tick(50.0) and session.view.step == 3
    pictured(session)
    assert session.tick(50.0) and session.view.step == 4


@pytest.mark.parametrize(
    "deed",
    [
        lambda s: s.scrub(4),
        lambda s: s.scrub_to_best(),
        lambda s: s.walk(1),
        lambda s: s.play(),
        lambda s: s.seek(ScanKind.MOVEMENT),
        lambda s: s.receive(opened(s.restart()[-1])),
    ],
    ids=["scrub", "best", "walk", "play", "seek", "restart"],
)
def test_playing_stops_where_the_user_does_something_else(deed):
    session = finished()
    session.scrub(2)
    pictured(session)
    session.play()
    session.tick(1.0)
    deed(session)
    assert not session.view.play.steps.on and session.rest(2.0) is None


def test_going_on_with_a_fit_stops_playing():
    session = paused_session(5)
    session.play()
    session.run()
    assert not session.view.play.steps.on and session.view.follow


def test_the_key_of_running_plays_a_finished_fit():
    session = finished()
    session.toggle()
    assert session.view.play.steps.on and session.phase is Phase.DONE
    session.toggle()
    assert not session.view.play.steps.on


def test_steps_that_play_are_not_painted_finely():
    session = finished()
    session.scrub(2)
    pictured(session)
    assert session.painted.fine
    session.play()
    session.tick(1.0)
    session.tick(2.0)
    pictured(session)
    assert (session.painted.step, session.painted.fine) == (3, False)
    session.play()
    pictured(session)
    assert session.painted.fine


def test_nothing_is_due_while_nothing_plays():
    session = finished()
    assert session.rest(1.0) is None and not session.tick(1.0)


def test_a_missed_beat_is_not_made_up_for():
    beat = Beat(10.0)
    beat.switch(True)
    assert beat.left(0.0) == pytest.approx(0.1)
    beat.happened(0.12)
    assert beat.left(0.12) == pytest.approx(0.08)  # on the beat
    beat.happened(5.0)
    assert beat.left(5.0) == pytest.approx(0.05)


# --- jumps ---


def searched(session, amounts, where="left wrist"):
    """Questions of the session about steps, answered until it has what it seeks."""
    asked = []
    while commands := session.ask():
        (command,) = commands
        if not isinstance(command, Scan):
            session.receive(answer(command))
            continue
        asked.append((command.first, command.last))
        found = [Change(amounts[k], where) for k in range(command.first, command.last)]
        session.receive(Scanned(*command.key, command.what, command.first, tuple(found)))
    return asked


def test_a_jump_goes_to_the_step_that_moves_most():
    session = finished()
    session.seek(ScanKind.MOVEMENT)
    amounts = [9.0, 0.01, 0.02, 0.041, 0.03, 0.0, 0.0, 0.0, 0.0]  # the first step has none before
    assert searched(session, amounts) == [(0, 9)]
    assert session.view.step == 3 and session.view.seeking is None
    assert session.message.text == "Step 3 moves the left wrist by 41 mm: no step moves more."
    session.scrub(0)
    session.seek(ScanKind.MOVEMENT)  # known by now
    assert session.view.step == 3


def test_z_is_looked_at_in_pieces_and_scrubbing_gives_up():
    session = finished(steps=20)
    session.seek(ScanKind.FLIPS)
    assert searched(session, [0.0] * 17 + [0.125, 0.0, 0.0], "") == [(0, 8), (8, 16), (16, 20)]
    assert session.view.step == 17 and "12.5%" in session.message.text
    other = finished(steps=20)
    other.seek(ScanKind.FLIPS)
    (command,) = other.ask()
    other.scrub(4)
    other.receive(Scanned(*FIRST, command.what, 0, tuple([Change(1.0)] * 8)))
    assert other.view.step == 4 and not any(isinstance(c, Scan) for c in other.ask())


def test_steps_that_come_later_are_looked_at_later():
    session = paused_session(4)
    session.seek(ScanKind.MOVEMENT)
    searched(session, [0.0, 0.1, 0.5, 0.1])
    assert session.view.step == 2
    session.run()
    for step in range(4, 6):
        session.receive(stepped(FIRST, step))
    session.pause()
    session.seek(ScanKind.MOVEMENT)
    assert searched(session, [0.0, 0.1, 0.5, 0.1, 0.9, 0.2]) == [(4, 6)]
    assert session.view.step == 4


def test_a_search_that_fails_is_given_up():
    session = finished()
    session.seek(ScanKind.FLIPS)
    (command,) = session.ask()
    session.receive(Failed(command, "out of memory"))
    assert session.view.seeking is None and session.ask() == []
    assert session.message.text == "out of memory"


# --- bookmarks ---


def test_bookmarks_are_set_named_passed_and_taken_away():
    session = finished()
    for step in (2, 5):
        session.scrub(step)
        session.mark()
    session.name_mark("  the arm moves ")
    assert session.record.bookmarks == {2: "", 5: "the arm moves"}
    session.scrub(0)
    session.next_mark(1)
    session.next_mark(1)
    assert session.view.step == 5
    assert session.message.text == "Bookmark at step 5: the arm moves"
    session.next_mark(1)
    assert session.view.step == 5 and "No bookmark after" in session.message.text
    session.next_mark(-1)
    assert session.view.step == 2
    session.mark()
    assert session.record.bookmarks == {5: "the arm moves"}


def test_undo_and_redo_cross_bookmarks():
    session = finished()
    session.scrub(2)
    session.mark()
    session.name_mark("here")
    session.scrub(7)
    session.undo()
    assert (session.record.bookmarks, session.view.step) == ({2: ""}, 2)
    session.undo()
    assert session.record.bookmarks == {}
    session.redo()
    session.redo()
    assert session.record.bookmarks == {2: "here"}
    assert session.history.done == [Marked(FIRST, 2, None, ""), Marked(FIRST, 2, "", "here")]


def test_bookmarks_go_into_the_file_and_come_back():
    session = finished()
    session.scrub(3)
    session.mark()
    session.name_mark("x")
    (run,) = session.save()[-1].runs
    assert run.bookmarks == ((3, "x"),)
    other = fitting_session()
    tree = (
        RecordedRun(1, None, 0, "", (), ((1, "a"),)),
        RecordedRun(2, None, 0, "", (), ((3, "x"),)),
    )
    command = other.open("fit.nbf")[-1]
    event = opened(command)
    begun = other.receive(type(event)(**{**vars(event), "recorded": tree}))
    assert other.record.bookmarks == {3: "x"}
    first = next(c for c in begun if getattr(c, "run", None) and hasattr(c.run, "recorded"))
    other.receive(opened(first))
    assert other.document.find(first.key).bookmarks == {1: "a"}


def test_bookmarks_of_a_finished_fit_are_saved_by_themselves():
    session = finished()
    session.autosave = "/cache/7.nbf"
    session.scrub(3)
    (save,) = session.mark()
    assert isinstance(save, Save) and save.quiet and save.runs[0].bookmarks == ((3, ""),)


# --- files ---


def test_a_file_is_asked_for_and_told_of():
    session = finished()
    session.scrub(4)
    assert session.export(Exported.FILM, "/a.mp4") == [Export(*FIRST, Exported.FILM, 4, "/a.mp4")]
    session.receive(Written(*FIRST, "/a.mp4", 5, 20))
    assert session.message.text == "Writing /a.mp4: picture 5 of 20…"
    session.receive(Written(*FIRST, "/a.mp4", 20, 20))
    assert session.message.text == "Wrote /a.mp4"
    assert fitting_session().export(Exported.BODY, "/a.obj") == []
    session.receive(Died("gone"))
    assert session.export(Exported.BODY, "/a.obj") == []
    assert session.message.level is Level.WARNING


def test_questions_about_pictures_come_first():
    session = finished()
    session.seek(ScanKind.FLIPS)
    session.view.orbit = session.view.orbit.turned(5, 0)
    session.resize(1024, (40, 30))
    kinds = []
    while asked := session.ask():
        kinds.append(type(asked[0]))
        if isinstance(asked[0], Scan):
            break
        session.receive(answer(*asked))
    assert kinds[-1] is Scan and Paint in kinds and Differ not in kinds
