"""Several photos: which is opened and fitted when, what is kept of them, and what goes wrong."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.album import MOST, Album, ItemState, Order
from app.document import IMAGES_KEPT
from app.geometry.plane import Rect
from app.protocol.commands import Continue, Forget, Open, Pause, Peek, Step
from app.protocol.events import Died, Failed, Finished, Peeked, Ready, Scored
from app.protocol.run import Changes, Run
from app.session import Session
from app.state import Level, Phase
from tests.app.sessions import (
    BOX,
    opened,
    ready_session,
    stepped,
)
from tests.app.toy_worker import ToyWorker, check

ABC = ["a.jpg", "b.jpg", "c.jpg"]


def states(session):
    return [session.state_of(item).value for item in session.album.sorted]


def queue(paths=ABC, **options):
    """The first of some photos is on screen and fitted; all small pictures have come."""
    session = ready_session(**options)
    session.receive(opened(session.open_all(paths)[-1]))
    while commands := [c for c in session.work() if isinstance(c, Peek)]:
        session.receive(Peeked(*commands[0].key))
    return session


def finish(session, key, total=5.0, occluded=0.25):
    """A run takes a step and finishes; what the worker gets."""
    session.receive(stepped(key, session.document.steps(key), total))
    session.receive(Finished(*key, "over", session.document.steps(key) - 1))
    return session.receive(Scored(*key, occluded))


def test_the_shown_photo_is_fitted_first_then_the_others_behind_it():
    session = queue()
    assert states(session) == ["fitting", "waiting", "waiting"]
    assert session.work() == []
    finish(session, (1, 1))
    assert session.work() == [Open(2, Run(2), "b.jpg")]
    assert states(session) == ["done", "looking", "waiting"] and session.work() == []
    assert session.receive(opened(Open(2, Run(2), "b.jpg"))) == []
    assert session.view.key == (1, 1)  # nothing changes on screen
    assert session.work() == [Continue(2, 2)] and session.work() == []
    assert states(session) == ["done", "fitting", "waiting"] and session.busy
    finish(session, (2, 2))
    assert session.work() == [Open(3, Run(3), "c.jpg")]
    session.receive(opened(Open(3, Run(3), "c.jpg")))
    session.work()
    finish(session, (3, 3))
    assert states(session) == ["done"] * 3 and not session.busy and session.work() == []
    assert session.message.text == "3 of 3 photos are fitted."
    assert (session.phase, session.view.key) == (Phase.DONE, (1, 1))
    assert not session.history.done[1:]  # undoing concerns what was on screen


def test_paused_nothing_is_fitted_behind_the_screen():
    session = queue(auto_run=False)
    assert session.phase is Phase.PAUSED
    assert session.work() == []
    assert states(session) == ["paused", "waiting", "waiting"]


def test_a_fit_on_screen_comes_before_the_one_behind_it():
    session = queue()
    session.pause()
    command = session.work()[-1]
    session.receive(opened(command))
    assert session.work() == [Continue(2, 2)]
    session.run()  # the worker leaves the other run
    assert session.work() == [] and states(session)[1] == "waiting"
    session.pause()
    assert session.work() == [Continue(2, 2)]
    assert session.step() == [Step(1, 1)]
    assert session.work() == []  # a step in between stops nothing


def test_a_photo_that_is_opened_behind_comes_on_screen_when_it_is_clicked():
    session = queue()
    finish(session, (1, 1))
    command = session.work()[-1]
    assert session.show_image(2) == []
    assert (session.phase, session.foremost) == (Phase.OPENING, 2)
    assert session.receive(opened(command)) == [Continue(2, 2)]
    assert session.view.key == (2, 2)


def test_a_photo_that_is_fitted_behind_goes_on_when_it_is_clicked():
    session = queue()
    session.pause()
    session.receive(opened(session.work()[-1]))
    session.work()
    assert session.show_image(2) == [Continue(2, 2)]
    assert session.phase is Phase.RUNNING
    assert states(session) == ["paused", "fitting", "waiting"]  # the user has paused the first
    finish(session, (2, 2))
    assert isinstance(session.work()[-1], Open)


def test_a_fit_that_is_left_goes_on_behind():
    session = queue()
    assert session.show_image(3) == [Pause(1, 1), Open(3, Run(2), "c.jpg")]
    session.receive(opened(Open(3, Run(2), "c.jpg")))
    assert states(session) == ["waiting", "waiting", "fitting"]
    finish(session, (3, 2))
    assert session.work() == [Continue(1, 1)]
    assert session.show_image(1) == [Continue(1, 1)] and session.phase is Phase.RUNNING


def test_a_file_that_cannot_be_read_is_marked_and_the_others_go_on():
    session = ready_session()
    session.receive(opened(session.open_all(ABC)[-1]))
    (peek,) = session.work()
    assert peek == Peek(2, 0, "b.jpg")
    session.receive(Failed(peek, "b.jpg is not an image"))
    assert session.message.text == "b.jpg is not an image."
    assert session.message.level is Level.WARNING
    assert states(session) == ["fitting", "failed", "waiting"]
    finish(session, (1, 1))
    peek, command = session.work()
    assert (peek.path, command.path) == ("c.jpg", "c.jpg")
    session.receive(Failed(command, "c.jpg is damaged"))
    assert session.message.text == "c.jpg is damaged. 1 of 3 photos are fitted."
    assert states(session) == ["done", "failed", "failed"]
    assert session.phase is Phase.DONE


def test_if_the_first_cannot_be_read_the_next_comes_on_screen():
    session = ready_session()
    command = session.open_all(ABC)[-1]
    session.receive(Failed(command, "a.jpg is not an image"))
    assert session.work()[-1] == Open(2, Run(2), "b.jpg")
    session.receive(opened(Open(2, Run(2), "b.jpg")))
    assert session.message.text == "a.jpg is not an image"
    assert states(session) == ["failed", "fitting", "waiting"]


def test_a_photo_with_nobody_is_marked_until_a_box_is_drawn():
    session = queue()
    finish(session, (1, 1))
    command = session.work()[-1]
    session.receive(opened(command, person=False))
    assert states(session)[1] == "failed" and session.album.items[1].error
    assert session.work()[-1].path == "c.jpg"
    session.receive(opened(Open(3, Run(3), "c.jpg")))
    session.show_image(2)
    session.receive(opened(session.set_box(BOX)[-1]))
    assert states(session)[1] == "fitting"


def test_a_fit_behind_that_fails_is_marked():
    session = queue()
    session.pause()
    session.receive(opened(session.work()[-1]))
    (go,) = session.work()
    session.receive(Failed(go, "not finite"))
    assert states(session)[1] == "failed" and session.phase is Phase.PAUSED
    assert session.work()[-1].path == "c.jpg"


def test_a_death_of_the_worker_loses_no_photo_and_marks_the_one_that_it_was_at():
    session = queue()
    finish(session, (1, 1))
    session.work()  # b.jpg is opened
    session.receive(Died("gone"))
    session.revived()
    assert session.work() == []
    commands = session.receive(Ready("fake"))
    assert [type(command) for command in commands] == [Open] and commands[0].path == "a.jpg"
    session.receive(opened(commands[0]))
    assert states(session) == ["fitting", "failed", "waiting"]
    finish(session, session.view.key)
    assert session.work()[-1].path == "c.jpg"


def test_files_named_before_the_engine_is_ready_wait_for_it():
    session = Session()
    assert session.open_all(ABC) == [] and session.work() == []
    assert states(session) == ["waiting"] * 3
    commands = session.receive(Ready("fake"))
    assert commands == [Open(1, Run(1), "a.jpg")]
    assert states(session) == ["looking", "waiting", "waiting"]


def test_what_is_dropped_before_the_engine_is_ready_waits_too():
    session = Session()
    for path in ABC:
        session.open(path)
    assert session.receive(Ready("fake"))[-1].path == "c.jpg"
    session.receive(opened(Open(3, Run(1), "c.jpg")))
    assert states(session) == ["waiting", "waiting", "fitting"]
    finish(session, (3, 1))
    assert session.work()[-1].path == "a.jpg"


def test_a_fit_that_was_lost_is_not_called_done():
    session = queue()
    session.receive(Died("gone"))
    session.open("d.jpg")
    session.revived()
    session.receive(opened(session.receive(Ready("fake"))[-1]))
    assert states(session) == ["waiting", "waiting", "waiting", "fitting"]


def test_memory_is_bounded_and_what_went_is_opened_again():
    paths = [f"{i}.jpg" for i in range(3 * IMAGES_KEPT)]
    session = queue(paths)
    finish(session, (1, 1), total=1.0)
    forgotten = []
    for number in range(2, len(paths) + 1):
        command = session.work()[-1]
        forgotten += session.receive(opened(command))
        assert len(session.document.images) <= IMAGES_KEPT
        session.work()
        finish(session, (number, number), total=float(number))
    assert [c.image for c in forgotten if isinstance(c, Forget)] == list(
        range(2, len(paths) - IMAGES_KEPT + 2)
    )  # not the one on screen
    assert states(session) == ["done"] * len(paths)
    assert session.album.items[3].objective == 4.0  # what is known of it stays
    (command,) = session.show_image(4)
    assert isinstance(command, Open) and command.path == "3.jpg"
    assert command.image == len(paths) + 1  # a number is given once
    session.receive(opened(command))
    assert session.foremost == session.album.items[3].image == command.image


def test_an_image_that_is_open_is_shown_as_it_was_left():
    session = queue()
    finish(session, (1, 1))
    session.receive(opened(session.set_box(BOX)[-1]))
    session.show((1, 1))
    session.receive(opened(session.show_image(2)[-1]))
    finish(session, session.view.key)
    session.show_image(1)
    assert (session.view.key, session.phase) == ((1, 1), Phase.DONE)


def test_keys_go_along_the_strip():
    session = queue()
    assert session.next_image(-1) is None
    assert session.show_next_image(1)[-1] == Open(2, Run(2), "b.jpg")
    assert session.next_image(1).path == "c.jpg"  # while the second is opened
    assert session.next_image(-1) is None  # it is open, and would have to wait
    session.receive(opened(Open(2, Run(2), "b.jpg")))
    session.show_next_image(-1)
    assert session.view.image == 1
    assert session.show_image(77) == session.show_image(1) == []


def test_the_strip_is_sorted_worst_first_and_what_has_no_score_last():
    session = queue([*ABC, "d.jpg"])
    finish(session, (1, 1), total=2.0, occluded=0.9)
    for number in (2, 3):
        session.receive(opened(session.work()[-1]))
        session.work()
        finish(session, (number, number), total=4.0 + number, occluded=0.1 * number)
    names = []
    for _ in session.album.orders:
        names.append([item.name[0] for item in session.album.sorted])
        session.sort()
    assert names == [list("abcd"), list("cbad"), list("acbd")]
    assert session.album.order is Order.OPENED


def test_the_score_is_that_of_the_best_run_with_the_standard_weights():
    session = queue()
    finish(session, (1, 1), total=3.0, occluded=0.5)
    session.view.draft = Changes(weights=(("nll", 0.0),))
    session.receive(opened(session.restart()[-1]))
    finish(session, session.view.key, total=0.0, occluded=0.0)
    item = session.album.find(1)
    assert (item.objective, item.occluded) == (3.0, 0.5)
    session.view.draft = Changes()
    session.show((1, 1))
    session.receive(opened(session.restart()[-1]))
    finish(session, session.view.key, total=2.0, occluded=0.25)
    assert (item.objective, item.occluded) == (2.0, 0.25)


def test_a_file_that_is_opened_again_keeps_its_place_and_takes_a_new_number():
    session = queue()
    box = Rect(1, 2, 50, 60)
    command = session.open("a.jpg", box)[-1]
    assert (command.image, [item.path for item in session.album.items]) == (4, ABC)
    session.open_all(["c.jpg", "b.jpg", "d.jpg"])
    assert [item.path for item in session.album.items] == [*ABC, "d.jpg"]


def test_an_album_is_bounded():
    album, numbers = Album(), iter(range(9999))
    left = album.add([f"{i}.jpg" for i in range(MOST + 3)], lambda: next(numbers))
    assert (left, len(album.items)) == (3, MOST)
    album.items[7].waiting = False
    album.enter("new.jpg", lambda: next(numbers))
    assert len(album.items) == MOST and album.at("7.jpg") is None
    session = ready_session()
    session.open_all([f"{i}.jpg" for i in range(MOST + 3)])
    assert session.message.text.startswith("The strip is full: 3 of")


def test_a_record_is_named_by_its_folder():
    session = queue(["out/anna/fit.nbf", "out/ben.nbf"])
    assert [item.name for item in session.album.items] == ["anna", "ben.nbf"]
    finish(session, (1, 1))
    command = session.work()[-1]
    assert command.run.resumes


USER = ("queue", "image", "next", "sort", "run", "pause", "restart", "box", "pick", "show")
WORKER = ("answer", "fail", "die", "revive", "ready")


class AlbumWorker(ToyWorker):
    """Finishes after nine steps, and sends small pictures."""

    def answer(self, command):
        if isinstance(command, Peek):
            return Peeked(*command.key)
        key = command.key
        if isinstance(command, Continue | Step) and self.steps.get(key, 0) >= 3:
            return Finished(*key, "over", 1)
        return super().answer(command)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(USER + WORKER * 2), max_size=60))
def test_any_course_of_events_keeps_the_album_consistent(events):
    session = ready_session()
    worker = AlbumWorker(session)
    for event in [*events, "revive", "ready"]:
        if event in USER:
            worker.send(user_event(session, event))
        else:
            worker.happen(event)
        worker.send([*session.ask(), *session.work()])
        check(session, worker.pipe)
        assert len({item.path for item in session.album.items}) == len(session.album.items)
        assert len({item.image for item in session.album.items}) == len(session.album.items)
        assert session.view.key is None or session.record is not None
    for _ in range(400):  # the worker answers everything, and steps what it is told to
        worker.happen("answer")
        if session.phase is Phase.RUNNING and not worker.pipe:
            worker.send([Continue(*session.view.key)])
        elif session.behind.going and not worker.pipe:
            worker.send([Continue(*session.behind.fitting)])
        worker.send([*session.ask(), *session.work()])
    assert session.pending is None
    waits = (ItemState.WAITING, ItemState.LOOKING, ItemState.FITTING)
    left = [i for i in session.album.items if i.image != session.view.image]
    assert not [i for i in left if i.waiting or session.state_of(i) in waits]


def user_event(session, event):
    acts = {
        "queue": lambda: session.open_all(ABC),
        "image": lambda: session.show_image(2),
        "next": lambda: session.show_next_image(1),
        "box": lambda: session.set_box(BOX),
        "pick": lambda: session.pick((300.0, 400.0)),
        "show": lambda: session.show(next(session.document.keys, (1, 1))),
    }
    return acts.get(event, lambda: getattr(session, event)())()
