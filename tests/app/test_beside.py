"""Files that belong to the photo on screen: bodies to start from, keypoints, occluders."""

import dataclasses
import json
import math

import numpy as np
import pytest

from app.geometry.errors import errors_mm, errors_px
from app.geometry.orbit import Orbit
from app.geometry.plane import Rect
from app.panels.folder import files_in, listed
from app.panels.handles import truth_errors, truth_summary, truth_words
from app.protocol.commands import BodyView, Truth
from app.protocol.events import Failed, Measured, TurnedBody
from app.protocol.run import Run
from app.protocol.search import Search, Sweep
from app.state import Level
from app.window.beside import is_beside, put_beside
from app.window.drops import open_dropped
from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.fit.frames import photo_from_crop
from core.occlusion.files import save_occluders
from core.occlusion.occluder import drawn
from tests.app import untrained
from tests.app.sessions import BOX, FIRST, SECOND, paused_session, ready_session, receive_opened

BOX_ON_PHOTO = Rect(150, 10, 220, 500)


def open_pose(path, points):
    rows = np.zeros((25, 3))
    for number, place in points.items():
        rows[number] = [*place, 0.9]
    person = {"pose_keypoints_2d": rows.ravel().tolist()}
    path.write_text(json.dumps({"version": 1.3, "people": [person]}))
    return str(path)


def test_a_file_is_what_is_in_it(tmp_path):
    keypoints = open_pose(tmp_path / "a.json", {4: (50.0, 60.0)})
    run = put_beside(paused_session(3), keypoints)[-1].run
    assert (run.keypoints, run.start, run.box) == (keypoints, "", BOX)
    start = str(tmp_path / "pare.npz")
    session = paused_session(3)
    commands = put_beside(session, start)
    run = commands[-1].run
    assert (run.keypoints, run.start, run.parent) == ("", start, None)
    receive_opened(session, commands)
    assert session.view.key == SECOND and session.record.label == "pare.npz"
    session.pause()
    assert session.restart()[-1].run.start == start
    occluders = tmp_path / "set.json"
    save_occluders(occluders, (drawn("rectangle", [(10, 10), (60, 60)]),))
    assert put_beside(paused_session(3), str(occluders))[-1].run.occluders
    session = paused_session(3)
    (tmp_path / "b.json").write_text("{")
    assert put_beside(session, str(tmp_path / "b.json")) == []
    assert session.message.level is Level.ERROR


def test_a_branch_keeps_the_keypoints_and_not_the_start(tmp_path):
    session = paused_session(3)
    receive_opened(session, session.use_keypoints("a.json"))
    session.pause()
    commands = session.start_from("b.npz")
    assert (commands[-1].run.keypoints, commands[-1].run.start) == ("a.json", "b.npz")


def test_without_a_photo_there_is_nothing_they_belong_to():
    session = ready_session()
    assert open_dropped(session, ["start.npz"]) == []
    assert "Open a photo first" in session.message.text


def test_they_are_listed_in_the_dialog_and_are_no_photos_of_a_folder(tmp_path):
    for name in ("a.jpg", "b.npz", "c.json", "d.txt"):
        (tmp_path / name).touch()
    assert [entry.name for entry in listed(tmp_path)[0]] == ["a.jpg", "b.npz", "c.json"]
    assert files_in(tmp_path) == [str(tmp_path / "a.jpg")]
    assert is_beside("B.NPZ") and not is_beside("a.jpg")


def test_the_engine_begins_at_the_body_and_hears_the_keypoints(tmp_path):
    backend = untrained.load()
    photo = backend.read("skimage:astronaut")
    observed = backend.observe(photo, BOX_ON_PHOTO)
    turns = np.zeros((1, 72))
    turns[0, 0] = np.pi
    place = np.array([[0.05, 0.1, 3.0]])
    np.savez(tmp_path / "start.npz", pose=turns, trans=place)
    fit = backend.fit(observed, Run(2, start=str(tmp_path / "start.npz")))
    assert fit.winner.startswith("one start, given") or "given start won" in fit.winner
    keypoints = open_pose(tmp_path / "a.json", {4: (180.0, 400.0), 3: (170.0, 330.0)})
    heard = backend.observe(photo, BOX_ON_PHOTO, keypoints=keypoints)
    assert observed.handle.keypoints is None
    given = heard.handle.keypoints
    wrist = JOINT_NAMES.index("r_wrist")
    assert given.xy[0, wrist].tolist() == [180.0, 400.0] and given.confidence[0, wrist] > 0.5
    with pytest.raises(UserError, match="missing"):
        backend.observe(photo, BOX_ON_PHOTO, keypoints=str(tmp_path / "none.json"))


def test_the_truth_is_asked_for_once_and_errors_are_told_joint_by_joint():
    session = paused_session(3)
    joints = tuple((10.0 * j, 100.0, 0.0) for j in range(24))
    places = tuple((0.1 * j, 0.0, 3.0) for j in range(24))
    view = BodyView(Orbit(), 10, 10)
    session.turned = TurnedBody(view, True, (0.0, 0.0, 3.0), 1.0, places)
    session.painted = dataclasses.replace(session.painted, joints=joints)
    assert truth_summary(session) == ""
    session.set_truth("true.npz")
    (asked,) = session.ask()
    assert asked == Truth(*FIRST, "true.npz")
    there = [(x + 1.0, y, z) for x, y, z in places]  # the root's place does not count
    there[20] = (there[20][0], 0.048, 3.0)
    seen = tuple((x + 3, y + 4, 0.0) for x, y, _ in joints)
    session.receive(Measured(*FIRST, "true.npz", seen, tuple(there)))
    assert session.ask() == []
    far, away = truth_errors(session)
    assert far[20] == pytest.approx(48.0) and sum(far) == pytest.approx(48.0)
    assert away == pytest.approx([5.0] * 24)
    assert truth_summary(session) == "truth: 2 mm off, left wrist 48 mm"
    receive_opened(session, session.restart())
    assert session.truth is None and session.wanted_truth is not None


def test_a_file_without_a_true_body_is_asked_about_once_and_stands_in_nobodys_way():
    session = paused_session(3)
    session.set_truth("none.npz")
    (asked,) = session.ask()
    session.receive(Failed(asked, "none.npz is missing"))
    assert session.message.text == "none.npz is missing" and session.ask() == []
    assert session.settled
    session.inquire(Sweep("x"))
    assert [type(command) for command in session.ask()] == [Search]


def test_a_body_is_its_own_truth(tmp_path):
    backend = untrained.load()
    observed = backend.observe(backend.read("skimage:astronaut"), BOX_ON_PHOTO)
    fit = backend.fit(observed, Run(1))
    fit.step()
    params = photo_from_crop(fit.params(0), observed.handle.view, backend._engine.volume)
    params.save(tmp_path / "true.npz")
    true = backend.measured(None, observed, str(tmp_path / "true.npz"))
    assert errors_mm(backend.stance(observed, fit.params(0)).joints, true.places).max() < 0.1
    pixels = [[j[:2] for j in js] for js in (backend.joints(observed, fit.params(0)), true.joints)]
    assert errors_px(*pixels).max() < 0.1


def test_joints_that_are_not_known_have_no_error():
    """Where the pelvis is unknown the middles of the hips lie upon each other."""
    ours = [(0.0, 0.0, 3.0), (1.0, 0.0, 3.0), (-1.0, 0.0, 3.0), (0.0, 2.0, 3.0)]
    there = [(math.nan,) * 3, *((x + 5, y, z) for x, y, z in ours[1:])]
    there[3] = (5.0, 2.5, 3.0)
    assert errors_mm(ours, there) == pytest.approx([math.nan, 0, 0, 500], nan_ok=True)
    session = with_truth(tuple((math.nan,) * 3 for _ in range(24)), pixels=(3.0, 4.0))
    assert truth_summary(session).startswith("truth: 5 px off, ")
    assert truth_words(session, 4) == " · truth 5 px off"
    session = with_truth(tuple((math.nan,) * 3 for _ in range(24)), pixels=(math.nan,) * 2)
    assert truth_summary(session) == truth_words(session, 4) == ""


def with_truth(places, pixels):
    """A session with a truth; its joints are off by some pixels."""
    session = paused_session(3)
    joints = tuple((10.0 * j, 100.0, 0.0) for j in range(24))
    body = tuple((0.1 * j, 0.0, 3.0) for j in range(24))
    session.turned = TurnedBody(BodyView(Orbit(), 10, 10), True, (0.0, 0.0, 3.0), 1.0, body)
    session.painted = dataclasses.replace(session.painted, joints=joints)
    seen = tuple((x + pixels[0], y + pixels[1], 0.0) for x, y, _ in joints)
    session.receive(Measured(*FIRST, "", seen, places))
    return session
