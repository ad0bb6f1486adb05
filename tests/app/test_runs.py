"""Runs as a person handles them: changed, branched, compared, named, removed, undone."""

from dataclasses import replace

import pytest

from app.geometry.lanes import Lane, in_tree_order, lanes
from app.history import Added, History, Removed, Renamed
from app.protocol.commands import Begin, Continue, Pause, Step
from app.protocol.events import Failed, Finished, Opened, Saved
from app.protocol.run import Changes, RecordedRun, Run, TermInfo
from app.state import Phase
from tests.app.sessions import FIRST, SECOND, fitting_session, opened, receive_opened, stepped

TERMS = (TermInfo("nll", weight=0.6), TermInfo("prior", weight=15.0))


def told(command):
    """The worker's answer, with two terms."""
    event = opened(command)
    return replace(event, info=replace(event.info, terms=TERMS))


def session_of(steps):
    session = fitting_session(steps)
    record = session.record
    record.info = replace(record.info, terms=TERMS)
    return session


def branched(steps=5, at=3):
    """A session with a run and its branch, which is on screen."""
    session = session_of(steps)
    session.scrub(at)
    session.receive(told(session.branch_off()[-1]))
    return session


# --- changes ---


def test_a_drafted_weight_is_the_next_run_s_and_not_this_one_s():
    session = session_of(5)
    session.scrub(3)
    session.draft_weight("prior", 40.0)
    session.draft_learning_rate(0.5)
    assert (session.weight_of("prior"), session.weight_of("nll")) == (40.0, 0.6)
    commands = session.branch_off()
    changes = Changes((("prior", 40.0),), 0.5)
    assert commands == [Pause(*FIRST), Begin(1, Run(2, parent=1, at_step=3, changes=changes))]
    assert session.receive(told(commands[-1])) == [Continue(*SECOND)]
    assert session.document.find(FIRST).run.changes == Changes()
    assert session.view.draft == Changes()
    assert session.weight_of("prior") == 40.0  # the branch was made so
    assert session.record.label == "from run 1, step 3: prior 40, steps × 0.5"


def test_changes_add_up_from_branch_to_branch():
    session = session_of(5)
    session.draft_weight("prior", 40.0)
    session.receive(told(session.branch_off()[-1]))
    session.receive(stepped(SECOND, 4))
    session.draft_weight("nll", 1.0)
    run = session.branch_off()[-1].run
    assert run.changes == Changes((("nll", 1.0), ("prior", 40.0)))


def test_a_restart_takes_the_draft_and_no_parent():
    session = session_of(5)
    session.draft_weight("prior", 40.0)
    run = session.restart()[-1].run
    assert (run.parent, run.changes.weights) == (None, (("prior", 40.0),))


def test_a_draft_can_be_dropped_and_nonsense_is_not_drafted():
    session = session_of(2)
    session.draft_weight("prior", -1.0)
    session.draft_weight("magic", 3.0)
    session.draft_learning_rate(0.0)
    assert session.view.draft == Changes()
    session.draft_weight("prior", 0.0)
    assert session.weight_of("prior") == 0
    session.drop_draft()
    assert session.weight_of("prior") == 15.0


def test_a_step_size_can_be_set_back_to_that_of_the_schedule():
    assert Changes(learning_rate=0.5).with_(Changes(learning_rate=1.0)).text == ""


# --- compare ---


def test_a_branch_is_compared_with_its_parent():
    session = branched()
    session.compare()
    assert session.view.other == FIRST and session.other.curves.total[4] == 6.0
    session.compare()
    assert session.view.other is None


def test_swapping_shows_the_same_step_of_the_other_run():
    session = branched()
    session.receive(stepped(SECOND, 3))
    session.receive(stepped(SECOND, 4))
    session.compare()
    session.scrub(2)
    assert session.swap() == [Pause(*SECOND)]
    assert (session.view.key, session.view.step, session.view.other) == (FIRST, 2, SECOND)
    session.swap()
    assert (session.view.key, session.view.step, session.view.other) == (SECOND, 2, FIRST)


def test_a_lone_run_has_nothing_to_be_compared_with():
    session = session_of(3)
    session.compare()
    assert session.view.other is None and "no other run" in session.message.text
    assert session.swap() == []


def test_showing_another_run_keeps_the_comparison_unless_it_is_with_that_run():
    session = branched()
    session.receive(stepped(SECOND, 3))
    session.receive(told(session.restart()[-1]))
    session.compare(FIRST)
    session.show(SECOND)
    assert session.view.other == FIRST
    session.show(FIRST)
    assert session.view.other is None


# --- name, remove, undo ---


def test_a_branch_is_undone_and_done_again():
    session = branched()
    session.undo()
    assert session.view.key == FIRST and list(session.document.keys) == [FIRST]
    assert session.history.done == [] and "Undone: run 2" in session.message.text
    session.redo()
    assert session.view.key == SECOND and list(session.document.keys) == [FIRST, SECOND]
    assert session.history.undone == []


def test_undoing_pauses_the_run_that_goes():
    session = branched()
    assert session.phase is Phase.RUNNING
    assert session.undo() == [Pause(*SECOND)]
    assert session.phase is Phase.PAUSED


def test_a_removed_run_comes_back_with_its_steps():
    session = branched()
    session.receive(stepped(SECOND, 3, 1.5))
    session.remove()
    assert session.view.key == FIRST and list(session.document.keys) == [FIRST]
    assert session.lanes == [Lane(1, 0, 0, None)]
    session.undo()
    assert session.view.key == SECOND and session.curves.total[-1] == 1.5
    session.redo()
    assert session.view.key == FIRST


def test_the_only_run_stays():
    session = session_of(3)
    assert session.remove() == [] and session.heir is None
    assert list(session.document.keys) == [FIRST] and session.history.done == []


def test_a_name_is_undone():
    session = session_of(3)
    session.rename("good")
    session.rename("better")
    session.undo()
    assert session.record.label == "good"
    session.undo()
    session.redo()
    assert session.record.run.name == "good"


def test_a_new_edit_ends_what_could_be_done_again():
    session = branched()
    session.undo()
    session.rename("good")
    session.redo()
    assert "Nothing to do again" in session.message.text
    assert list(session.document.keys) == [FIRST]


def test_nothing_is_undone_while_a_run_is_on_its_way():
    session = session_of(5)
    session.rename("good")
    session.branch_off()
    assert session.undo() == [] and session.record.run.name == "good"


def test_a_removed_run_is_not_compared_with():
    session = branched()
    session.compare(FIRST)
    session.undo()
    assert session.view.other is None
    session.compare()
    assert session.view.other is None


def test_edits_about_dropped_runs_are_forgotten():
    history = History()
    for edit in (Added((1, 2), (1, 1)), Renamed((1, 2), "", "a"), Removed((1, 3), (1, 1))):
        history.did(edit)
    history.undo()
    history.forget([(1, 2)])
    assert (history.done, history.undone) == ([], [Removed((1, 3), (1, 1))])


def test_removed_runs_go_first_when_there_are_too_many():
    session = branched()
    session.remove()
    document = session.document
    for _ in range(40):
        run = document.new_run()
        gone = document.add(
            Opened(1, run.id, "a.jpg", told(Begin(1, run)).info, session.record.scene)
        )
        if gone:
            assert gone == [SECOND]
            return
    pytest.fail("nothing was dropped")


def test_a_finished_run_can_be_left_and_branched_from():
    session = session_of(5)
    session.receive(Finished(*FIRST, "over", 4))
    session.scrub(1)
    commands = session.branch_off()
    assert commands[-1].run.at_step == 1
    assert session.receive(told(commands[-1])) == [Continue(*SECOND)]
    commands = session.branch()
    assert receive_opened(session, commands) == [Step(*commands[-1].key)]
    assert session.phase is Phase.PAUSED


# --- save and open ---


def test_all_runs_that_can_be_shown_are_saved_parents_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.nbf").touch()
    session = branched()
    session.rename("good")
    session.receive(told(session.restart()[-1]))
    session.remove()
    *_, save = session.save()
    places = RecordedRun(1, None, 0, ""), RecordedRun(2, 1, 3, "good")
    assert (save.path, save.runs) == (str(tmp_path / "a-2.nbf"), places)
    session.receive(Saved(*save.key, save.path, 2))
    assert session.message.text == f"Saved 2 runs to {save.path}"
    assert session.save()[-1].path == save.path


def test_a_record_opens_with_all_its_runs():
    session = fitting_session()
    tree = RecordedRun(1, None, 0, "first"), RecordedRun(4, 1, 3, "bent"), RecordedRun(7, 4, 5, "")
    opening = session.open("out/fit.nbf")[-1]
    event = replace(told(opening), recorded=tree)
    commands = session.receive(event)
    begun = [command.run for command in commands if isinstance(command, Begin)]
    first, second = begun
    assert (first.recorded, first.parent, first.name) == (1, None, "first")
    assert (second.recorded, second.parent, second.at_step) == (4, first.id, 3)
    assert session.record.run.parent == second.id and session.record.run.at_step == 5
    shown = session.view.key
    for run in begun:
        session.receive(told(Begin(shown[0], run)))
        for step in range(4):
            session.receive(stepped((shown[0], run.id), step))
    assert session.view.key == shown
    assert [lane.run for lane in session.lanes] == [first.id, second.id, shown[1]]
    assert session.document.steps((shown[0], second.id)) == 4
    session.show((shown[0], first.id))
    assert session.restart()[-1].run.recorded == 1


def test_a_run_of_a_record_that_cannot_be_opened_is_told_and_harms_nothing():
    session = fitting_session()
    tree = RecordedRun(1, None, 0, ""), RecordedRun(2, None, 0, "")
    event = replace(told(session.open("fit.nbf")[-1]), recorded=tree)
    (begin,) = [c for c in session.receive(event) if isinstance(c, Begin)]
    phase = session.phase
    session.receive(Failed(begin, "the method is unknown"))
    assert session.phase is phase and session.joining == {}
    assert session.message.text == "the method is unknown"


# --- lanes ---


def test_branches_follow_their_parents():
    tree = {1: (None, 0), 2: (1, 10), 3: (None, 0), 4: (1, 20), 5: (2, 15), 6: (99, 3)}
    assert in_tree_order(tree) == [1, 2, 5, 4, 3, 6]
    assert lanes(tree, 5)[2] == Lane(5, 2, 15, 1)
    assert lanes(tree, 6)[5] == Lane(6, 5, 3, None)


@pytest.mark.parametrize("shown", [1, 8, 20])
def test_of_many_runs_the_shown_one_has_a_lane(shown):
    found = lanes(dict.fromkeys(range(1, 21), (None, 0)), shown)
    assert len(found) == 6 and shown in [lane.run for lane in found]
    assert [lane.row for lane in found] == list(range(6))
