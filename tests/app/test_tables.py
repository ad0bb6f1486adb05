"""People of a table: which are listed, in which order, and what is opened when."""

from dataclasses import replace

import pytest

from app.album import MOST, ItemState, Listed, Order
from app.main import Options, run
from app.panels.folder import files_in, listed
from app.protocol.commands import Open, Peek, Truth
from app.protocol.events import Failed, Measured, Ready
from app.protocol.run import Run
from app.session import Session, free_path
from app.state import Level, Phase
from app.view import JOINTS
from app.window.drops import open_dropped
from app.window.tables import open_files, people_of
from core.errors import UserError
from tests.app.sessions import opened, ready_session
from tests.app.test_album import finish, queue, states
from tests.eval.test_person_rows import table


@pytest.fixture
def mine(tmp_path):
    return str(table(tmp_path / "mine.csv", (50.0, 70.0, 60.0)))


def paths(session):
    return [item.path for item in session.album.sorted]


def test_the_worst_is_opened_and_the_others_are_listed_behind_it(mine):
    session = ready_session()
    commands = open_files(session, [mine])
    assert commands == [Open(1, Run(1), f"{mine}#all/1")]
    assert paths(session) == [f"{mine}#all/{person}" for person in (1, 2, 0)]
    assert session.album.order is Order.ERROR and JOINTS in session.view.overlays
    session.receive(opened(commands[-1]))
    assert session.message.text == "3 people, worst first: {next image} opens the next."
    names = [(item.name, item.listed.words) for item in session.album.sorted]
    assert names == [("P00 120", "PA 70 mm"), ("all #2", "PA 60 mm"), ("a, b #0", "PA 50 mm")]
    finish(session, session.view.key)
    assert states(session) == ["done", "not opened yet", "not opened yet"]
    assert not [c for c in session.work() if isinstance(c, Open)]  # nobody is fitted unseen


def test_keys_go_to_the_next_worst_back_and_to_the_worst(mine):
    session = ready_session()
    session.receive(opened(open_files(session, [mine])[-1]))
    finish(session, session.view.key)
    (second,) = session.show_next_image(1)
    assert second.path == f"{mine}#all/2"
    session.receive(opened(second))
    finish(session, session.view.key)
    (third,) = session.show_next_image(1)
    assert third.path == f"{mine}#all/0"
    session.receive(opened(third))
    finish(session, session.view.key)
    assert session.show_next_image(1) == []
    session.show_next_image(-1)
    assert session.image.path == second.path
    session.show_next_image(1)
    session.show_worst()
    assert session.image.path == f"{mine}#all/1"
    assert session.show_worst() == []  # it is on screen


def test_without_a_table_the_worst_is_that_of_the_objective():
    session = queue()
    for number in (1, 2, 3):
        finish(session, (number, number), total=float(number))
        for command in session.work():
            if isinstance(command, Open):
                session.receive(opened(command))
        session.work()
    session.show_worst()
    assert session.album.order is Order.OBJECTIVE and session.view.image == 3


def test_a_table_that_is_dropped_comes_before_photos_which_wait(mine, tmp_path):
    session = ready_session()
    (command,) = open_dropped(session, [str(tmp_path / "a.jpg"), mine])
    assert command.path == f"{mine}#all/1"
    session.receive(opened(command))
    finish(session, session.view.key)
    waiting = [item.path for item in session.album.items if item.waiting]
    assert waiting == [str(tmp_path / "a.jpg")]


def test_a_file_that_is_no_table_is_told_and_nothing_else_changes(tmp_path):
    curves = tmp_path / "curves.csv"
    curves.write_text("step,total\n1,2\n")
    session = ready_session()
    assert open_files(session, [str(curves)]) == []
    assert session.message.level is Level.ERROR and session.phase is Phase.EMPTY
    assert "curves.csv is not a readable table of people" in session.message.text
    assert session.album.items == []
    with pytest.raises(UserError, match="no column 'protocol'"):
        people_of([str(curves)])


def test_before_the_engine_is_ready_the_worst_is_remembered(mine):
    session = Session()
    assert open_files(session, [mine]) == []
    (command,) = session.receive(Ready("fake"))
    assert command.path == f"{mine}#all/1"


def test_a_long_table_is_cut_behind_its_worst():
    people = [Listed(f"t.csv#all/{n}", f"{n}", float(-n), "") for n in range(MOST + 3)]
    session = ready_session()
    session.open_people(people)
    assert paths(session) == [person.path for person in people[:MOST]]
    assert session.message.text == f"3 of {MOST + 3} people are left out: the strip is full."


def test_a_table_that_is_opened_again_keeps_its_people_with_new_errors(mine):
    session = ready_session()
    session.receive(opened(open_files(session, [mine])[-1]))
    people = [replace(person, error=1.0, words="new") for person in people_of([mine])]
    session.open_people(people)
    assert len(session.album.items) == 3
    assert {item.listed.words for item in session.album.items} == {"new"}


def test_a_person_who_is_gone_is_marked_and_the_next_one_opens(mine):
    session = ready_session()
    (command,) = open_files(session, [mine])
    session.receive(Failed(command, "/data is missing"))
    assert session.message.text == "/data is missing"
    assert session.state_of(session.album.sorted[0]) is ItemState.FAILED
    assert session.show_image(session.album.sorted[1].image)[-1].path == f"{mine}#all/2"


def test_sorting_by_error_is_offered_where_there_are_errors(mine):
    session = queue()
    orders = set()
    for _ in range(4):
        session.sort()
        orders.add(session.album.order)
    assert Order.ERROR not in orders
    open_files(session, [mine])
    session.album.order = Order.OPENED
    session.sort()
    assert session.album.order is Order.ERROR


def test_small_pictures_wait_until_the_fit_is_over(mine):
    session = ready_session()
    session.receive(opened(open_files(session, [mine])[-1]))
    assert session.phase is Phase.RUNNING
    assert not [c for c in session.work() if isinstance(c, Peek)]
    finish(session, session.view.key)
    assert [c.path for c in session.work() if isinstance(c, Peek)] == [f"{mine}#all/2"]


def test_the_truth_of_the_image_is_asked_for(mine):
    session = ready_session()
    event = opened(open_files(session, [mine])[-1])
    session.receive(replace(event, scene=replace(event.scene, truth=True)))
    wanted = session.wanted_truth
    assert wanted == Truth(*session.view.key, "")
    session.receive(Measured(*session.view.key, "", (), ()))
    assert session.wanted_truth is None
    session.set_truth("other.npz")  # a file of the user's comes before the image's own
    assert session.wanted_truth == Truth(*session.view.key, "other.npz")


def test_records_of_people_are_named_by_table_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_path("/x/mine.csv#occ80/12") == str(tmp_path / "mine-occ80-12.nbf")
    assert free_path("/x/photo #1.png") == str(tmp_path / "photo #1.nbf")


def test_tables_are_listed_but_not_taken_from_folders(mine, tmp_path):
    (tmp_path / "a.jpg").touch()
    assert [entry.name for entry in listed(tmp_path)[0]] == ["a.jpg", "mine.csv"]
    assert files_in(tmp_path) == [str(tmp_path / "a.jpg")]


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ("a,b\n", {}, "is not a readable table of people"),
        (None, {"bbox": "1,2,30,40"}, "a table has its own boxes"),
    ],
)
def test_the_command_line_refuses_before_the_window_opens(mine, tmp_path, text, options, told):
    if text is not None:
        (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(UserError, match=told):
        run(Options((mine,), **options))
