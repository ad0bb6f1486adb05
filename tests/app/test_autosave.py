"""What a session saves by itself, and how it comes back."""

import os
import signal
import subprocess
import sys

import pytest

from app.autosave import Autosave
from app.protocol.commands import Open, Save
from app.protocol.events import Died, Finished, Measured, Ready, Saved
from app.session import free_path
from app.state import Level
from tests.app.sessions import FIRST, SECOND, fitting_session, kinds, ready_session
from tests.app.test_runs import branched


def dead_process():
    """The number of a process that is no more."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_files_of_dead_debuggers_are_orphans_and_the_newest_is_offered(tmp_path):
    autosave = Autosave(tmp_path / "sessions")
    assert autosave.orphan() is None
    autosave.path.touch()
    (tmp_path / "sessions" / f"{os.getppid()}.nbf").touch()
    (tmp_path / "sessions" / "notes.nbf").touch()
    assert autosave.orphan() is None
    old, new = (tmp_path / "sessions" / f"{dead_process()}.nbf" for _ in range(2))
    for number, file in enumerate((old, new)):
        file.touch()
        os.utime(file, (number, number))
    assert autosave.orphan() == new
    autosave.clear(str(new))
    assert not autosave.path.exists() and not new.exists() and old.exists()


def test_a_finished_fit_is_saved_without_a_word():
    session = fitting_session(3)
    session.autosave = "/cache/7.nbf"
    commands = session.receive(Finished(*FIRST, "over", 2))
    (save,) = [c for c in commands if isinstance(c, Save)]
    assert save.quiet and save.path == "/cache/7.nbf" and len(save.runs) == 1
    text = session.message.text
    session.receive(Saved(*FIRST, save.path, 1, quiet=True))
    assert session.message.text == text and session.image.saved == ""
    assert session.save()[-1].path != save.path


def finished_session():
    session = fitting_session(3)
    session.autosave = "/cache/7.nbf"
    session.receive(Finished(*FIRST, "over", 2))
    return session


def saves(commands):
    return [command for command in commands if isinstance(command, Save)]


def test_a_name_and_its_undoing_are_saved_by_themselves():
    session = finished_session()
    (save,) = saves(session.rename("good"))
    assert save.quiet and [run.name for run in save.runs] == ["good"]
    (save,) = saves(session.undo())
    assert [run.name for run in save.runs] == [""]
    running = fitting_session(3)
    running.autosave = "/cache/7.nbf"
    assert running.rename("early") == []  # what is not finished is not saved


def test_a_true_body_is_saved_by_itself_once_it_is_known_to_be_one():
    session = finished_session()
    assert session.set_truth("true.npz") == []
    (save,) = saves(session.receive(Measured(*FIRST, "true.npz", (), ())))
    assert save.truth == "true.npz" and save.quiet
    assert session.receive(Measured(*FIRST, "true.npz", (), ())) == []
    assert session.save()[-1].truth == "true.npz"


def test_after_a_death_of_the_worker_all_runs_come_back():
    session = branched()
    session.autosave = "/cache/7.nbf"
    session.receive(Finished(*SECOND, "over", 2))
    session.receive(Saved(*SECOND, "/cache/7.nbf", 2, quiet=True))
    session.receive(Died("the engine stopped"))
    session.revived()
    (command,) = session.receive(Ready("again"))
    assert isinstance(command, Open)
    assert command.path == "/cache/7.nbf" and command.run.resumes
    assert free_path(command.path, [session.autosave]).endswith("recovered.nbf")


def test_what_was_not_saved_by_itself_is_opened_as_a_photo_again():
    session = branched()
    session.receive(Died("the engine stopped"))
    session.revived()
    (command,) = session.receive(Ready("again"))
    assert command.path == "a.jpg"


def test_an_orphan_is_offered_and_saved_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = ready_session()
    session.orphan = "/cache/5.nbf"
    session.receive(Ready("fake"))
    assert session.message.level is Level.WARNING and "{recover}" in session.message.text
    assert kinds(session.recover()) == [Open]
    recovered = fitting_session(2)
    recovered.orphan = recovered.image.path = "/cache/5.nbf"
    assert recovered.saved_orphan is None
    save = recovered.save()[-1]
    assert save.path == str(tmp_path / "recovered.nbf")
    recovered.receive(Saved(*FIRST, save.path, 1))
    assert recovered.saved_orphan == "/cache/5.nbf"


@pytest.mark.gui
@pytest.mark.slow
def test_a_killed_window_offers_its_session_to_the_next(debugger, photo):
    app = debugger(photo, program=True)
    app.wait_done()
    app.wait(lambda s: s["autosaved"], "the file")
    app.process.send_signal(signal.SIGKILL)
    app.process.wait()
    other = debugger()
    state = other.wait(lambda s: s["phase"] == "EMPTY", "the engine")
    assert "Ctrl+R opens what it had saved" in state["message"]
    other.key("ctrl+r")
    assert other.wait_done()["photo"].endswith(".nbf")
