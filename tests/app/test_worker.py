"""The worker's process, spoken to over its pipe, with the fake engine inside."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.geometry.orbit import Orbit
from app.geometry.plane import Rect
from app.protocol.commands import (
    Begin,
    BeginAt,
    BodyView,
    Continue,
    Forget,
    Open,
    Paint,
    PaintInput,
    Pause,
    Peek,
    Preview,
    Save,
    Step,
    Turn,
)
from app.protocol.events import (
    Died,
    Failed,
    Finished,
    Opened,
    Painted,
    PaintedInput,
    Peeked,
    Previewed,
    Ready,
    Saved,
    Scored,
    Stepped,
    Turned,
)
from app.protocol.run import RecordedRun, Run
from app.shared import PHOTO_SIDE, THUMBNAIL_SIDE
from core.occlusion.fills import Color
from core.occlusion.occluder import drawn
from tests.app.blob import blob_photo
from tests.app.fake_engine import RECORDED
from tests.app.talk import Talk

FAKE = "tests.app.fake_engine:"


def paint(image, run, step, fine=False):
    return Paint(image, run, step, 640, fine, None)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "blob.png"
    Image.fromarray(blob_photo()).save(path)
    return str(path)


@pytest.fixture(scope="module")
def shared_talk():
    talk = Talk(FAKE + "load", program=True)
    talk.wait(Ready)
    yield talk
    talk.link.close()


@pytest.fixture
def talk(shared_talk, photo):
    """A worker with the photo open at its start."""
    shared_talk.ask(Open(1, Run(1), photo), Opened)
    shared_talk.events.clear()
    yield shared_talk
    for image, run in {(event.image, event.run) for event in shared_talk.all(Opened)}:
        shared_talk.link.send(Forget(image, run))


def test_opening_tells_what_the_panels_need(talk, photo):
    event = talk.ask(Open(1, Run(1), photo), Opened)
    assert event.scene.size == (640, 480)
    assert event.scene.detected
    assert event.info.stages[-1].stop == 31
    assert event.info.run == Run(1)
    assert [term.name for term in event.info.terms] == ["image", "size", "unused"]
    np.testing.assert_array_equal(event.pictures["photo"], blob_photo())
    assert event.pictures["observed"].shape == (32, 32, 3)


def test_stepping_records_losses_that_fall_and_finish(talk):
    talk.link.send(Continue(1, 1))
    finished = talk.wait(Finished)
    steps = talk.all(Stepped)
    assert [event.step for event in steps] == list(range(31))
    assert steps[finished.best].total == min(event.total for event in steps)
    assert steps[finished.best].total < 0.7 * steps[0].total
    assert all(sum(event.terms.values()) == pytest.approx(event.total) for event in steps)


def test_one_step_at_a_time(talk):
    assert talk.ask(Step(1, 1), Stepped).step == 0
    assert talk.ask(Step(1, 1), Stepped).step == 1


def test_pausing_stops_the_steps(photo):
    talk = Talk(FAKE + "load_slow")
    try:
        talk.wait(Ready)
        talk.ask(Open(1, Run(1), photo), Opened)
        talk.ask(Continue(1, 1), Stepped)
        talk.link.send(Pause(1, 1))
        talk.ask(paint(1, 1, 0), Painted)  # behind the pause in the pipe
        count = len(talk.all(Stepped))
        time.sleep(0.3)
        talk.waiting += talk.link.receive()
        assert not any(isinstance(event, Stepped) for event in talk.waiting)
        assert talk.ask(Step(1, 1), Stepped).step == count
    finally:
        talk.link.close()


def test_a_picture_is_a_pure_function_of_its_step(talk):
    for _ in range(3):
        talk.ask(Step(1, 1), Stepped)
    names = ("layer", "rendered", "occlusion", "visible")

    def pictures(step):
        event = talk.ask(paint(1, 1, step), Painted)
        assert event.step == step
        return [event.pictures[name] for name in names]

    early = pictures(0)
    late = pictures(2)
    again = pictures(0)
    for first, second in zip(early, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert not np.array_equal(early[0], late[0])


def test_the_body_s_layer_has_the_asked_size(talk):
    talk.ask(Step(1, 1), Stepped)
    for side, size in ((640, (480, 640)), (128, (96, 128))):
        event = talk.ask(Paint(1, 1, 0, side, False, None), Painted)
        alpha = event.pictures["layer"][..., 3]
        assert (event.side, alpha.shape) == (side, size)
        assert 0.01 < (alpha > 0).mean() < 0.5
        assert set(np.unique(alpha)) == {0, 255}


def test_fine_pictures_have_smooth_edges(talk):
    talk.ask(Step(1, 1), Stepped)
    event = talk.ask(Paint(1, 1, 0, 640, True, BodyView(Orbit(), 300, 200)), Painted)
    assert event.fine and event.body.fine
    for name in ("layer", "body"):
        assert len(np.unique(event.pictures[name][..., 3])) > 2, name


def test_the_body_comes_with_the_other_pictures_and_alone(talk):
    for _ in range(2):
        talk.ask(Step(1, 1), Stepped)
    view = BodyView(Orbit(0.5, 0.2), 300, 200)
    painted = talk.ask(Paint(1, 1, 1, 640, False, view), Painted)
    turned = talk.ask(Turn(1, 1, 1, False, view), Turned)
    assert painted.body == turned.body
    np.testing.assert_array_equal(painted.pictures["body"], turned.pictures["body"])
    picture = turned.pictures["body"]
    assert picture.shape == (200, 300, 4)
    assert turned.body.view == view
    assert picture[100, 150, 3] == 255
    assert picture[0, 0, 3] == 0
    assert turned.body.floor > turned.body.middle[1]


def test_questions_about_another_run_are_refused(talk):
    talk.ask(Step(1, 1), Stepped)
    for command in (
        paint(1, 7, 0),
        Turn(2, 1, 0, False, BodyView(Orbit(), 30, 20)),
        PaintInput(7, 7),
    ):
        assert talk.ask(command, Failed) == Failed(command, "")


def test_another_box_starts_another_run(talk):
    talk.ask(Step(1, 1), Stepped)
    box = Rect(200, 60, 300, 400)
    event = talk.ask(Begin(1, Run(5, box=box)), Opened)
    assert (event.scene.box, event.scene.detected, event.key) == (box, False, (1, 5))
    assert talk.ask(Step(1, 5), Stepped).step == 0
    assert talk.ask(Step(1, 1), Stepped).step == 1  # the first run is still there


def test_a_new_run_of_the_same_box_repeats_the_fit_bit_by_bit(talk):
    first = [talk.ask(Step(1, 1), Stepped).total for _ in range(4)]
    talk.ask(Begin(1, Run(9)), Opened)
    again = [talk.ask(Step(1, 9), Stepped) for _ in range(4)]
    assert [event.total for event in again] == first
    assert again[0].key == (1, 9)


def test_a_branch_goes_on_as_its_parent_does_bit_by_bit(talk):
    parent = [talk.ask(Step(1, 1), Stepped) for _ in range(8)]
    opened = talk.ask(Begin(1, Run(2, parent=1, at_step=5)), Opened)
    assert opened.info.run.parent == 1
    branch = [talk.ask(Step(1, 2), Stepped) for _ in range(3)]
    for ours, theirs in zip(branch, parent[5:], strict=True):
        assert (ours.step, ours.terms, ours.best) == (theirs.step, theirs.terms, theirs.best)
    for step in (3, 6):  # before and after the branching
        ours, theirs = (talk.ask(paint(1, run, step), Painted) for run in (2, 1))
        np.testing.assert_array_equal(ours.pictures["layer"], theirs.pictures["layer"])


def test_a_branch_with_another_schedule_goes_elsewhere(talk):
    parent = [talk.ask(Step(1, 1), Stepped) for _ in range(5)]
    talk.ask(Begin(1, Run(2, parent=1, at_step=3, schedule=0.01)), Opened)
    branch = [talk.ask(Step(1, 2), Stepped) for _ in range(2)]
    assert branch[0].total == parent[3].total
    assert branch[1].total != parent[4].total


def test_a_branch_needs_its_parent_and_its_step(talk):
    talk.ask(Step(1, 1), Stepped)
    missing = Begin(1, Run(2, parent=1, at_step=4))
    assert talk.ask(missing, Failed) == Failed(missing, "there is no step 4")
    talk.ask(Begin(1, Run(3)), Opened)
    talk.link.send(Forget(1, 1))
    assert "has been dropped" in talk.ask(Begin(1, Run(4, parent=1)), Failed).text
    assert talk.ask(Step(1, 3), Stepped).step == 0


def test_runs_of_two_images_live_side_by_side(talk, tmp_path):
    path = tmp_path / "dark.png"
    Image.fromarray(blob_photo() // 2).save(path)
    talk.ask(Open(2, Run(2), str(path)), Opened)
    for key in ((1, 1), (2, 2), (1, 1)):
        assert talk.ask(Step(*key), Stepped).key == key
    bright = talk.ask(PaintInput(1, 1), PaintedInput)
    dark = talk.ask(PaintInput(2, 2), PaintedInput)
    np.testing.assert_array_equal(bright.pictures["photo"], blob_photo())
    np.testing.assert_array_equal(dark.pictures["photo"], blob_photo() // 2)


def test_an_image_goes_with_its_last_run(talk):
    talk.ask(Begin(1, Run(2)), Opened)
    talk.link.send(Forget(1, 1))
    assert talk.ask(Begin(1, Run(3)), Opened).key == (1, 3)
    for run in (2, 3):
        talk.link.send(Forget(1, run))
    assert "no longer open" in talk.ask(Begin(1, Run(4)), Failed).text


def test_a_forgotten_run_takes_no_more_steps(photo):
    talk = Talk(FAKE + "load_slow")
    try:
        talk.wait(Ready)
        talk.ask(Open(1, Run(1), photo), Opened)
        talk.ask(Begin(1, Run(2)), Opened)
        talk.ask(Continue(1, 1), Stepped)
        talk.link.send(Forget(1, 1))
        talk.ask(Step(1, 2), Stepped)
        assert talk.ask(Continue(1, 1), Failed) == Failed(Continue(1, 1), "")
        assert talk.ask(Step(1, 2), Stepped).step >= 1
    finally:
        talk.link.close()


def test_answers_that_nobody_waited_for_have_their_own_pictures(talk):
    """All are asked before the first is taken out of shared memory."""
    for _ in range(2):
        talk.ask(Step(1, 1), Stepped)
    for step in (0, 1, 0):
        talk.link.send(paint(1, 1, step))
    first, second, third = (talk.wait(Painted) for _ in range(3))
    assert [event.step for event in (first, second, third)] == [0, 1, 0]
    np.testing.assert_array_equal(first.pictures["layer"], third.pictures["layer"])
    assert not np.array_equal(first.pictures["layer"], second.pictures["layer"])


def test_a_user_s_mistake_is_told_and_the_old_photo_stays(talk, tmp_path):
    talk.ask(Step(1, 1), Stepped)
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    command = Open(2, Run(2), str(text))
    failed = talk.ask(command, Failed)
    assert failed.command == command
    assert failed.text.endswith("is not an image")
    assert talk.ask(Step(1, 1), Stepped).key == (1, 1)


def test_a_fault_in_the_engine_is_told_in_one_line(talk, tmp_path, capfd):
    failed = talk.ask(Open(2, Run(2), str(tmp_path / "bug.png")), Failed)
    assert failed.text == "RuntimeError: a fault in the engine"
    assert talk.ask(Step(1, 1), Stepped).step == 0


def test_a_step_that_does_not_exist_is_a_failure_not_a_crash(talk):
    assert talk.ask(paint(1, 1, 25), Failed).text.startswith("IndexError")


def test_a_crash_is_noticed_once_and_a_new_worker_works(photo):
    talk = Talk(FAKE + "load", program=True)
    try:
        talk.wait(Ready)
        talk.link.send(Open(1, Run(1), "crash.png"))
        assert "exit code 3" in talk.wait(Died).text
        assert talk.link.receive() == []
        talk.link.send(Step(1, 1))  # lost, without an error
        talk.link.restart()
        talk.wait(Ready)
        talk.ask(Open(2, Run(2), photo), Opened)
        os.kill(talk.link.process.pid, signal.SIGKILL)
        assert "SIGKILL" in talk.wait(Died).text
    finally:
        talk.link.close()


def test_an_engine_that_cannot_be_loaded_says_why():
    talk = Talk(FAKE + "load_broken")
    try:
        assert talk.wait(Died).text == "weights toy.safetensors are missing; restore them"
        time.sleep(0.2)
        assert talk.link.receive() == []
    finally:
        talk.link.close()


def test_closing_ends_the_process_even_in_the_middle_of_a_fit(photo):
    talk = Talk(FAKE + "load_slow")
    talk.wait(Ready)
    talk.ask(Open(1, Run(1), photo), Opened)
    talk.link.send(Continue(1, 1))
    begun = time.monotonic()
    talk.link.close()
    assert not talk.link.process.is_alive()
    assert time.monotonic() - begun < 5


def test_large_photos_are_shown_shrunk(talk, tmp_path):
    path = tmp_path / "large.png"
    Image.fromarray(np.full((500, 3000, 3), 90, np.uint8)).save(path)
    event = talk.ask(Open(7, Run(7), str(path)), Opened)
    assert event.scene.size == (3000, 500)
    assert event.pictures["photo"].shape == (round(500 * PHOTO_SIDE / 3000), PHOTO_SIDE, 3)


def test_another_run_of_a_record_takes_its_last_step_by_itself(photo, tmp_path):
    """A record's last step is evaluated again; of a run that nobody looks at nobody asks for it."""
    path = tmp_path / "fit.nbf"
    path.write_bytes(Path(photo).read_bytes())
    talk = Talk(FAKE + "load")
    talk.wait(Ready)
    talk.ask(Open(1, Run(1, resumes=True), str(path)), Opened)
    talk.ask(Begin(1, Run(2, resumes=True, recorded=5)), Opened)
    talk.ask(Step(1, 1), Stepped)
    talk.ask(Save(1, 1, str(tmp_path / "out.nbf"), (RecordedRun(1, None, 0, ""),)), Saved)
    steps = [event.step for event in talk.all(Stepped) if event.run == 2]
    assert steps == list(range(RECORDED + 1))
    talk.link.close()


def test_a_record_comes_with_its_steps_and_goes_on(photo, tmp_path):
    path = tmp_path / "fit.nbf"
    path.write_bytes(Path(photo).read_bytes())
    talk = Talk(FAKE + "load")
    talk.wait(Ready)
    talk.ask(Open(1, Run(1, resumes=True), str(path)), Opened)
    talk.ask(Continue(1, 1), Finished)
    steps = [event.step for event in talk.all(Stepped)]
    assert steps == list(range(31))
    talk.link.close()


def test_people_come_with_the_image_and_one_is_found_at_a_pixel(talk):
    (event,) = talk.events[:1] or [talk.ask(Begin(1, Run(2)), Opened)]
    assert [person.box for person in event.people] == [event.scene.box]
    closer = talk.ask(BeginAt(1, Run(3), (380.0, 250.0)), Opened)  # the blob is bright
    assert closer.info.run == Run(3, box=Rect(360, 210, 40, 80))
    assert closer.scene.box == closer.info.run.box and closer.people == event.people
    failed = talk.ask(BeginAt(1, Run(4), (10.0, 10.0)), Failed)
    assert failed.text == "nobody at 10, 10"
    assert talk.ask(Step(1, 4), Failed).text == ""  # no run has begun


def test_a_small_picture_comes_without_opening(talk, photo, tmp_path):
    event = talk.ask(Peek(9, 0, photo), Peeked)
    assert event.pictures["thumbnail"].shape == (96, THUMBNAIL_SIDE, 3)
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    assert talk.ask(Peek(10, 0, str(text)), Failed).text.endswith("is not an image")
    assert talk.ask(Begin(9, Run(3)), Failed).text.startswith("the photo is no longer open")


def test_a_finished_run_is_scored_by_what_is_hidden_at_its_best_step(talk):
    talk.link.send(Continue(1, 1))
    best = talk.wait(Finished).best
    scored = talk.wait(Scored)
    assert scored.occluded == talk.ask(paint(1, 1, best), Painted).occluded
    assert scored.occluded != talk.ask(paint(1, 1, 0), Painted).occluded


RED = drawn("rectangle", [(250, 150), (420, 330)], fill=Color((255, 0, 0)))


def red(picture):
    """Share of a picture that is red."""
    return float((np.abs(picture.astype(int) - (255, 0, 0)).max(-1) < 30).mean())


def test_a_run_behind_occluders_is_seen_behind_them(talk):
    talk.ask(Step(1, 1), Stepped)
    event = talk.ask(Begin(1, Run(2, parent=1, at_step=0, occluders=(RED,))), Opened)
    assert event.scene.occluders == (RED,)
    covered = 170 * 180 / (640 * 480)
    assert red(event.pictures["photo"]) == pytest.approx(covered, rel=0.02)
    assert red(event.pictures["observed"]) > 0.1
    talk.ask(Step(1, 2), Stepped)
    painted = talk.ask(paint(1, 2, 0), Painted)
    assert painted.found is not None and painted.pictures["hits"].shape == (32, 32, 3)
    assert talk.ask(PaintInput(1, 1), PaintedInput).pictures["photo"].shape[2] == 3
    assert red(talk.ask(PaintInput(1, 1), PaintedInput).pictures["photo"]) == 0  # the first is bare
    back = talk.ask(Begin(1, Run(3, parent=2, at_step=0)), Opened)
    assert back.scene.occluders == () and red(back.pictures["photo"]) == 0


def test_runs_behind_different_occluders_are_saved_together(talk, tmp_path):
    talk.ask(Step(1, 1), Stepped)
    talk.ask(Begin(1, Run(2, parent=1, at_step=0, occluders=(RED,))), Opened)
    places = RecordedRun(1, None, 0, ""), RecordedRun(2, 1, 0, "")
    assert talk.ask(Save(1, 2, str(tmp_path / "out.nbf"), places), Saved).count == 2


def test_a_preview_shows_a_few_steps_and_keeps_nothing(talk):
    talk.link.send(Continue(1, 1))
    talk.wait(Finished)
    before = talk.ask(paint(1, 1, 20), Painted)
    view = BodyView(Orbit(), 60, 80)
    previewed = talk.ask(Preview(1, 1, 20, (RED,), 320, view), Previewed)
    assert previewed.occluders == (RED,) and previewed.painted.side == 320
    assert previewed.painted.step == 20 and previewed.painted.found is not None
    assert red(previewed.pictures["photo"]) > 0.05
    kinds = {"photo", "observed", "layer", "rendered", "occlusion", "visible", "hits", "body"}
    assert set(previewed.pictures) == kinds
    assert (previewed.pictures["visible"] != before.pictures["visible"]).any()
    again = talk.ask(paint(1, 1, 20), Painted)
    assert (again.pictures["rendered"] == before.pictures["rendered"]).all()
    first = talk.ask(Preview(1, 1, 0, (RED,), 320, None), Previewed)
    assert 0 <= first.painted.step < 31
