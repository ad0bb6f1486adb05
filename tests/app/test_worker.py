"""The worker's process, spoken to over its pipe, with the fake engine inside."""

import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from app.geometry2d import Rect
from app.link import Link
from app.orbit import Orbit
from app.protocol import (
    Died,
    Failed,
    Finished,
    Observe,
    Open,
    Opened,
    Paint,
    Painted,
    Pause,
    Ready,
    Restart,
    Run,
    Step,
    Stepped,
    Turn,
    Turned,
)
from app.shared import PHOTO_SIDE, Pictures
from tests.app.blob import blob_photo

PATIENCE = 30.0


class Talk:
    """A link with the patience to wait for an answer; all events are kept."""

    def __init__(self, factory="load"):
        self.link = Link(f"tests.app.fake_engine:{factory}", {})
        self.events = []

    def ask(self, command, kind):
        self.link.send(command)
        return self.wait(kind)

    def wait(self, kind):
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            for event in self.link.receive():
                self.events.append(event)
                if isinstance(event, kind):
                    return event
            time.sleep(0.005)
        raise AssertionError(f"no {kind.__name__}; got {self.events}")

    def all(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "blob.png"
    Image.fromarray(blob_photo()).save(path)
    return str(path)


@pytest.fixture(scope="module")
def shared_talk():
    talk = Talk()
    talk.wait(Ready)
    yield talk
    talk.link.close()


@pytest.fixture
def talk(shared_talk, photo):
    """A worker with the photo open at its start."""
    shared_talk.ask(Open(1, photo), Opened)
    shared_talk.events.clear()
    return shared_talk


def test_opening_tells_what_the_panels_need(talk, photo):
    event = talk.ask(Open(1, photo), Opened)
    assert event.scene.size == (640, 480)
    assert event.scene.detected
    assert event.stages[-1].stop == 31
    shown = talk.link.pictures.get("photo", event.shapes["photo"])
    np.testing.assert_array_equal(shown, blob_photo())
    assert event.shapes["observed"] == (32, 32, 3)


def test_stepping_records_losses_that_fall_and_finish(talk):
    talk.link.send(Run())
    finished = talk.wait(Finished)
    steps = talk.all(Stepped)
    assert [event.step for event in steps] == list(range(31))
    assert steps[finished.best].total == min(event.total for event in steps)
    assert steps[finished.best].total < 0.7 * steps[0].total
    assert all(sum(event.terms.values()) == pytest.approx(event.total) for event in steps)


def test_one_step_at_a_time(talk):
    assert talk.ask(Step(), Stepped).step == 0
    assert talk.ask(Step(), Stepped).step == 1


def test_pausing_stops_the_steps(photo):
    talk = Talk("load_slow")
    try:
        talk.wait(Ready)
        talk.ask(Open(1, photo), Opened)
        talk.ask(Run(), Stepped)
        talk.link.send(Pause())
        talk.ask(Paint(1, 0, 1.0), Painted)  # behind the pause in the pipe
        count = len(talk.all(Stepped))
        time.sleep(0.3)
        talk.link.receive()
        assert len(talk.all(Stepped)) == count
        assert talk.ask(Step(), Stepped).step == count
    finally:
        talk.link.close()


def test_a_picture_is_a_pure_function_of_its_step(talk):
    for _ in range(3):
        talk.ask(Step(), Stepped)
    names = ("overlay", "rendered", "occlusion", "visible")

    def pictures(step):
        event = talk.ask(Paint(1, step, 0.75), Painted)
        assert event.step == step
        return [talk.link.pictures.get(name, event.shapes[name]) for name in names]

    early = pictures(0)
    late = pictures(2)
    again = pictures(0)
    for first, second in zip(early, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(early[0], late[0])


def test_the_body_covers_the_photo_as_strongly_as_asked(talk):
    talk.ask(Step(), Stepped)
    shapes = talk.ask(Paint(1, 0, 0.0), Painted).shapes
    bare = talk.link.pictures.get("overlay", shapes["overlay"])
    np.testing.assert_array_equal(bare, blob_photo())
    talk.ask(Paint(1, 0, 1.0), Painted)
    covered = talk.link.pictures.get("overlay", shapes["overlay"])
    changed = (covered != bare).any(-1)
    assert 0.01 < changed.mean() < 0.5


def test_turning_gives_a_picture_of_the_asked_size(talk):
    talk.ask(Step(), Stepped)
    event = talk.ask(Turn(1, 0, Orbit(0.5, 0.2), 300, 200), Turned)
    assert event.shape == (200, 300, 4)
    picture = talk.link.pictures.get("body", event.shape)
    assert picture[100, 150, 3] == 255
    assert picture[0, 0, 3] == 0
    assert event.floor > event.middle[1]


def test_questions_about_another_generation_are_refused(talk):
    talk.ask(Step(), Stepped)
    for command in (Paint(7, 0, 1.0), Turn(7, 0, Orbit(), 30, 20)):
        assert talk.ask(command, Failed) == Failed(command, "")


def test_another_box_starts_another_fit(talk):
    talk.ask(Step(), Stepped)
    box = Rect(200, 60, 300, 400)
    event = talk.ask(Observe(5, box), Opened)
    assert (event.scene.box, event.scene.detected, event.generation) == (box, False, 5)
    assert talk.ask(Step(), Stepped).step == 0


def test_restarting_repeats_the_fit_bit_by_bit(talk):
    first = [talk.ask(Step(), Stepped).total for _ in range(4)]
    talk.link.send(Restart(9))
    again = [talk.ask(Step(), Stepped) for _ in range(4)]
    assert [event.total for event in again] == first
    assert again[0].generation == 9


def test_a_user_s_mistake_is_told_and_the_old_photo_stays(talk, tmp_path):
    talk.ask(Step(), Stepped)
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    command = Open(2, str(text))
    failed = talk.ask(command, Failed)
    assert failed.command == command
    assert failed.text.endswith("is not an image")
    assert talk.ask(Step(), Stepped).generation == 1


def test_a_fault_in_the_engine_is_told_in_one_line(talk, tmp_path, capfd):
    failed = talk.ask(Open(2, str(tmp_path / "bug.png")), Failed)
    assert failed.text == "RuntimeError: a fault in the engine"
    assert talk.ask(Step(), Stepped).step == 0


def test_a_step_that_does_not_exist_is_a_failure_not_a_crash(talk):
    assert talk.ask(Paint(1, 25, 1.0), Failed).text.startswith("IndexError")


def test_a_crash_is_noticed_once_and_a_new_worker_works(photo):
    talk = Talk()
    try:
        talk.wait(Ready)
        talk.link.send(Open(1, "crash.png"))
        assert "exit code 3" in talk.wait(Died).text
        assert talk.link.receive() == []
        talk.link.send(Step())  # lost, without an error
        talk.link.restart()
        talk.wait(Ready)
        talk.ask(Open(2, photo), Opened)
        os.kill(talk.link.process.pid, signal.SIGKILL)
        assert "SIGKILL" in talk.wait(Died).text
    finally:
        talk.link.close()


def test_an_engine_that_cannot_be_loaded_says_why():
    talk = Talk("load_broken")
    try:
        assert talk.wait(Died).text == "weights toy.safetensors are missing; restore them"
        time.sleep(0.2)
        assert talk.link.receive() == []
    finally:
        talk.link.close()


def test_closing_ends_the_process_even_in_the_middle_of_a_fit(photo):
    talk = Talk("load_slow")
    talk.wait(Ready)
    talk.ask(Open(1, photo), Opened)
    talk.link.send(Run())
    begun = time.monotonic()
    talk.link.close()
    assert not talk.link.process.is_alive()
    assert time.monotonic() - begun < 5


def test_large_photos_are_shown_shrunk(talk, tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(np.full((500, 3000, 3), 90, np.uint8)).save(path)
    event = talk.ask(Open(1, str(path)), Opened)
    assert event.scene.size == (3000, 500)
    assert event.shapes["photo"] == (round(500 * PHOTO_SIDE / 3000), PHOTO_SIDE, 3)


def test_a_picture_too_large_for_its_slot_is_refused():
    import multiprocessing

    pictures = Pictures(multiprocessing.get_context("spawn"))
    with pytest.raises(ValueError, match="does not fit"):
        pictures.put("observed", np.zeros((2000, 2000, 3), np.uint8))
