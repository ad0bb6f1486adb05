"""Steps and runs compared, and files written, by the worker's process with the fake engine."""

import imageio.v3
import numpy as np
import pytest
import trimesh
from PIL import Image

from app.geometry.plane import Rect
from app.protocol.commands import Begin, Continue, Differ, Export, Exported, Open, Scan
from app.protocol.events import Differed, Failed, Finished, Opened, Scanned, Scored, Written
from app.protocol.run import Changes, Run
from app.protocol.scan import ScanKind
from tests.app import untrained
from tests.app.blob import blob_photo
from tests.app.fake_engine import MAP
from tests.app.talk import Talk

STEPS = 31


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """A worker with two finished runs of a photo, the second one with another weight."""
    photo = tmp_path_factory.mktemp("photos") / "blob.png"
    Image.fromarray(blob_photo()).save(photo)
    talk = Talk("tests.app.fake_engine:load")
    talk.ask(Open(1, Run(1), str(photo)), Opened)
    talk.ask(Continue(1, 1), Finished)
    talk.ask(Begin(1, Run(2, changes=Changes((("size", 40.0),)))), Opened)
    talk.ask(Continue(1, 2), Finished)
    talk.wait(Scored)
    yield talk
    talk.link.close()


def test_movement_is_that_of_the_joint_that_goes_farthest(talk):
    whole = talk.ask(Scan(1, 1, ScanKind.MOVEMENT, 0, STEPS), Scanned)
    assert len(whole.changes) == STEPS and whole.changes[0].amount == 0
    assert all(change.where in ("middle", "left corner") for change in whole.changes[1:])
    assert max(change.amount for change in whole.changes) > 0.01  # metres
    part = talk.ask(Scan(1, 1, ScanKind.MOVEMENT, 7, 12), Scanned)
    assert part.first == 7 and part.changes == whole.changes[7:12]


def test_flips_of_z_come_in_pieces_that_fit_together(talk):
    whole = talk.ask(Scan(1, 1, ScanKind.FLIPS, 0, STEPS), Scanned)
    part = talk.ask(Scan(1, 1, ScanKind.FLIPS, 8, 16), Scanned)
    assert part.changes == whole.changes[8:16]
    assert all(0 <= change.amount <= 1 for change in whole.changes)


def test_two_runs_differ_and_a_run_does_not_differ_from_itself(talk):
    other = talk.ask(Differ(1, 1, 30, (1, 2), 30, True), Differed)
    assert [joint.name for joint in other.joints] == ["middle", "left corner"]
    assert other.joints[0].aligned == 0 and other.joints[0].distance > 0
    assert other.largest > 0
    shape = MAP, MAP
    assert other.pictures["feature distance"].shape == shape
    assert other.pictures["feature distance"].max() == pytest.approx(other.largest)
    assert other.pictures["z change"].shape == (*shape, 3)
    both = np.isfinite(other.pictures["z difference"])
    assert both.any() and not both.all()
    same = talk.ask(Differ(1, 1, 30, (1, 1), 30, True), Differed)
    assert {(j.distance, j.aligned) for j in same.joints} == {(0.0, 0.0)}
    assert same.largest == 0 and np.nanmax(np.abs(same.pictures["z difference"])) == 0


def test_the_table_alone_needs_no_pictures(talk):
    event = talk.ask(Differ(1, 1, 30, (1, 2), 30, False), Differed)
    assert event.joints and not event.pictures


def test_a_run_that_is_gone_is_one_line(talk):
    event = talk.ask(Differ(1, 1, 30, (1, 9), 30, True), Failed)
    assert "compare with another" in event.text
    event = talk.ask(Export(1, 9, Exported.BODY, 0, "/tmp/a.obj"), Failed)
    assert "nothing was written" in event.text


def test_files_are_written_whole_and_told_of(talk, tmp_path):
    path = str(tmp_path / "body.ply")
    assert talk.ask(Export(1, 1, Exported.BODY, 30, path), Written).path == path
    assert len(trimesh.load(path, process=False).vertices) == 642
    path = str(tmp_path / "run.glb")
    talk.ask(Export(1, 1, Exported.ANIMATION, 30, path), Written)
    path = str(tmp_path / "run.gif")
    talk.ask(Export(1, 1, Exported.FILM, 0, path), Written)
    while talk.events[-1].done < talk.events[-1].count:
        talk.wait(Written)
    told = [(e.done, e.count) for e in talk.events if isinstance(e, Written) and e.path == path]
    assert told == [(5, 31), (10, 31), (15, 31), (20, 31), (25, 31), (30, 31), (1, 1)]
    assert len(imageio.v3.imread(path)) == STEPS
    assert {file.name for file in tmp_path.iterdir()} == {"body.ply", "run.glb", "run.gif"}


@pytest.mark.parametrize(
    ("what", "name", "line"),
    [
        (Exported.FILM, "run.avi", "a video ends in .mp4 or .gif"),
        (Exported.BODY, "body.blend", "no format of a mesh"),
        (Exported.BODY, "file/below.obj", "cannot write"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_line_and_leaves_nothing(
    talk, tmp_path, what, name, line
):
    (tmp_path / "file").touch()
    event = talk.ask(Export(1, 1, what, 0, str(tmp_path / name)), Failed)
    assert line in event.text and "\n" not in event.text
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


# --- the real engine, with weights that have learnt nothing ---


@pytest.fixture(scope="module")
def fitted():
    backend = untrained.load()
    photo = backend.read("skimage:astronaut")
    observed = backend.observe(photo, Rect(150, 10, 220, 500))
    fit = backend.fit(observed, Run(1))
    while not fit.done:
        fit.step()
    return backend, photo, observed, fit


def test_features_of_two_steps_differ_where_the_bodies_do(fitted):
    backend, photo, observed, fit = fitted
    first, last = fit.params(0), fit.params(6)
    found = backend.contrast(observed, Run(1), last, observed, Run(2), first)
    visible = [backend.maps(observed, Run(1), params).visible for params in (first, last)]
    covered = np.isfinite(visible[0]) | np.isfinite(visible[1])
    assert found.shape == visible[0].shape and 0 < found.max() <= 2
    assert found[covered].mean() > 5 * found[~covered].mean()
    same = backend.contrast(observed, Run(1), last, observed, Run(2), last)
    assert same.max() == 0
    elsewhere = backend.observe(photo, Rect(100, 10, 300, 500))
    assert backend.contrast(observed, Run(1), last, elsewhere, Run(2), last) is None


def test_joints_have_names_and_places_before_the_camera(fitted):
    backend, _, observed, fit = fitted
    places = backend.places(observed, fit, range(7))
    assert places.shape == (7, len(backend.joint_names), 3) and (places[..., 2] > 0).all()
    assert backend.joint_names[0] == "pelvis" and "left wrist" in backend.joint_names


def test_a_film_and_an_animation_of_the_real_engine(fitted, tmp_path):
    backend, _, observed, fit = fitted
    film = backend.film(observed, fit)
    pictures = list(film.pictures)
    assert len(pictures) == film.count and len({p.shape for p in pictures}) == 1
    assert (pictures[0] != pictures[2]).any()
    backend.save_animation(observed, fit, 3, str(tmp_path / "a.glb"))
    (mesh,) = trimesh.load_scene(tmp_path / "a.glb", process=False).geometry.values()
    assert len(mesh.vertices) == 6890
