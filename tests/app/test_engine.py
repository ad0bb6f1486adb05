"""The worker's view of the real engine (weights that have learnt nothing, everything else real)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from app.engine import NOBODY, observation_of
from app.geometry.homography import cell_center, inside_crop
from app.geometry.plane import Rect
from app.protocol.backend import Kept
from app.protocol.run import Changes, RecordedRun, Run
from app.protocol.why import JointTarget, PixelTarget
from app.told import found_points, told_votes
from core.body.moves import Drag, Value, Wish
from core.body.points import POINTS
from core.errors import UserError
from core.eval.synthetic import places as synthetic_places
from core.fit.evidence import BodyPoints
from core.fit.frames import photo_from_crop
from core.fit.likelihood import LikelihoodSettings
from core.fit.record import FitRecord
from core.fit.record import Run as RecordRun
from core.fit.recording import new_record, photo_info
from core.fit.term import TERMS
from core.geometry.crop import Box
from core.io.images import Photo
from core.nets.point_vote import PointVotes
from core.occlusion.fills import Color
from core.occlusion.occluder import drawn
from tests.app import untrained
from tests.eval.test_subjects import write_table
from tests.untrained import short_schedule

BOX = Rect(150, 10, 220, 500)


@pytest.fixture(scope="module")
def backend():
    return untrained.load()


@pytest.fixture(scope="module")
def photo(backend):
    return backend.read("skimage:astronaut")


@pytest.fixture(scope="module")
def observed(backend, photo):
    return backend.observe(photo, BOX)


@pytest.fixture(scope="module")
def fit(backend, observed):
    fit = backend.fit(observed, Run(1))
    fit.records = [fit.step() for _ in range(7)]
    return fit


def test_a_drawn_box_is_taken_as_it_is(observed):
    scene = observed.scene
    assert scene.box == BOX
    assert not scene.detected
    assert scene.size == (512, 512)
    assert observed.features.shape == (64, 64, 3)
    assert observed.features.dtype == np.uint8


def test_without_a_box_the_person_is_found(backend, photo):
    scene = backend.observe(photo, None).scene
    assert scene.detected and scene.person
    assert scene.note == ""
    assert scene.box.contains((220, 110))  # the astronaut's nose
    assert scene.box.contains((220, 400))  # and belly


def test_where_nobody_is_the_whole_photo_is_taken_with_a_note(backend):
    blank = Photo(np.full((120, 160, 3), 128, np.uint8), None, "blank", "blank.png")
    scene = backend.observe(blank, None).scene
    assert scene.note == NOBODY
    assert not scene.person
    assert scene.box == Rect(0, 0, 160, 120)


def test_a_box_beside_the_photo_is_a_mistake(backend, photo):
    with pytest.raises(UserError, match="outside"):
        backend.observe(photo, Rect(9000, 10, 50, 50))


def test_a_fit_takes_all_its_steps_and_its_terms_add_up(fit):
    assert fit.done
    assert "schedule is over" in fit.reason
    assert 3 <= fit.best <= 6  # of the last stage
    assert [record.stage for record in fit.records] == [0, 0, 0, 1, 1, 1, 1]
    for record in fit.records:
        assert sum(record.terms.values()) == pytest.approx(record.total, rel=1e-4, abs=1e-3)


@pytest.mark.parametrize("step", [2, 3, 5, 6])
def test_a_branch_repeats_its_parent_bit_by_bit(backend, observed, fit, step):
    branch = backend.fit(observed, Run(2, parent=1, at_step=step), fit)
    assert branch.winner == fit.winner
    steps = [branch.step() for _ in range(7 - step)]
    assert steps == fit.records[step:]
    assert branch.done
    for index in range(7):
        for ours, theirs in zip(
            vars(branch.params(index)).values(), vars(fit.params(index)).values(), strict=True
        ):
            assert torch.equal(ours, theirs)


def test_a_branch_with_changes_weighs_and_steps_as_they_say(backend, observed, fit):
    changes = Changes((("prior", 40.0),), 0.5)
    branch = backend.fit(observed, Run(2, parent=1, at_step=4, changes=changes), fit)
    before = {term.name: term.weight for term in fit.terms}
    after = {term.name: term.weight for term in branch.terms}
    assert after == before | {"prior": 40.0}
    stages = zip(branch.fit.schedule.stages, fit.fit.schedule.stages, strict=True)
    assert all(new.learning_rate == 0.5 * old.learning_rate for new, old in stages)
    with pytest.raises(UserError, match="no term 'magic'; it has nll"):
        backend.fit(observed, Run(3, changes=Changes((("magic", 1.0),))), None)


def test_a_branch_may_have_another_schedule(backend, observed, fit):
    schedule = short_schedule().with_weights(prior=1e4)
    branch = backend.fit(observed, Run(2, parent=1, at_step=4, schedule=schedule), fit)
    first, parents = branch.step(), fit.records[4]
    assert first.terms["nll"] == parents.terms["nll"]
    assert first.terms["prior"] > parents.terms["prior"]
    assert branch.step().terms["nll"] != fit.records[5].terms["nll"]


def test_a_branch_from_a_step_that_is_not_there_is_refused(backend, observed, fit):
    with pytest.raises(UserError, match="no step 7 to branch from"):
        backend.fit(observed, Run(2, parent=1, at_step=7), fit)
    shorter = replace(short_schedule(), stages=short_schedule().stages[:1])
    with pytest.raises(UserError, match="schedule ends at step 3"):
        backend.fit(observed, Run(2, parent=1, at_step=5, schedule=shorter), fit)


def test_an_unknown_method_is_refused(backend, observed):
    with pytest.raises(UserError, match="no method 'magic'; there are nbf"):
        backend.fit(observed, Run(1, method="magic"))


def test_the_terms_are_named_as_the_steps_name_them(fit):
    standard = {name for name, term in TERMS.all().items() if term.standard}
    assert {term.name for term in fit.terms} == standard
    assert all(term.description for term in fit.terms)
    assert all(set(record.terms) <= set(TERMS.all()) for record in fit.records)


def test_the_winner_is_told_with_both_likelihoods(fit):
    assert fit.winner.startswith(("the regressed start won", "the turned start won"))
    assert "against" in fit.winner


def test_the_body_lies_where_the_crop_s_camera_sees_it(backend, observed, fit):
    """Photo pixels of the vertices, by the photo's camera and by the crop's with its homography."""
    params = fit.params(2)
    in_photo = backend.vertices(observed, params)
    center = np.array(observed.scene.size) / 2
    pixels = observed.scene.focal * in_photo[:, :2] / in_photo[:, 2:] + center
    view = observed.handle.view
    in_crop = backend._engine.figures(params).vertices[0].numpy()
    crop = view.focal * in_crop[:, :2] / in_crop[:, 2:] + view.size / 2
    mapped = np.concatenate([crop, np.ones((len(crop), 1))], 1) @ np.linalg.inv(view.homography).T
    np.testing.assert_allclose(pixels, mapped[:, :2] / mapped[:, 2:], atol=0.05)


def test_joints_are_told_where_the_photo_shows_them(backend, observed, fit):
    """By the photo's own camera, as the vertices are."""
    params = fit.params(2)
    volume, view = backend._engine.volume, observed.handle.view
    posed = volume.pose(params.rotations(), params.betas, params.transl).joints[0].numpy()
    in_photo = posed @ view.rotation.T
    pixels = (
        observed.scene.focal * in_photo[:, :2] / in_photo[:, 2:] + np.array(observed.scene.size) / 2
    )
    told = np.array(backend.joints(observed, params))
    np.testing.assert_allclose(told[:, :2], pixels, atol=0.05)
    forearm = posed[20] - posed[18]
    assert told[20, 2] == pytest.approx(forearm[2] / np.linalg.norm(forearm), abs=1e-4)
    assert told[0, 2] == 0


def test_maps_are_pure_and_differ_between_steps(backend, observed, fit):
    first, again = (backend.maps(observed, Run(1), fit.params(0)) for _ in range(2))
    later = backend.maps(observed, Run(1), fit.params(6))
    np.testing.assert_array_equal(first.rendered, again.rendered)
    np.testing.assert_array_equal(first.visible, again.visible)
    assert not np.array_equal(first.rendered, later.rendered)
    assert first.visible.shape == (64, 64)
    assert 0 <= first.occluded <= 1
    shown = first.visible[~np.isnan(first.visible)]
    assert shown.size
    assert ((shown >= 0) & (shown <= 1)).all()


def test_maps_say_how_sure_each_joint_is(backend, observed, fit):
    told = backend.maps(observed, Run(1), fit.params(0)).certainty
    joints = backend.joints(observed, fit.params(0))
    assert len(told) == len(joints) == 24
    width, height = observed.scene.size
    for (x, y, _), sure in zip(joints, told, strict=True):
        assert sure.inside or not sure.seen
        assert 1 < sure.spread < 1000
        if x < -20 or y < -20 or x > width + 20 or y > height + 20:
            assert not sure.inside


def test_painting_needs_no_gradients(backend, observed, fit):
    with torch.enable_grad():
        vertices = backend.vertices(observed, fit.params(0))
    assert vertices.dtype == np.float32
    assert np.isfinite(vertices).all()


@pytest.fixture(scope="module")
def record(backend, photo, observed, fit, tmp_path_factory):
    path = tmp_path_factory.mktemp("record") / "fit.nbf"
    info = photo_info(photo, observed.handle, "diagonal")
    new_record(backend._engine, observed.handle, fit.fit, info).save(path)
    return str(path)


def test_a_record_is_shown_as_its_fit_was(backend, record, observed, fit):
    again = backend.observe(backend.read(record), None)
    assert again.scene.box == BOX and not again.scene.detected and again.scene.note == ""
    assert np.array_equal(again.features, observed.features)
    resumed = backend.fit(again, Run(1, resumes=True))
    steps = [*resumed.recorded(), resumed.step()]
    assert resumed.done and steps == fit.records
    assert torch.equal(resumed.params(6).transl, fit.params(6).transl)
    maps = backend.maps(again, Run(1), resumed.params(6))
    assert np.array_equal(maps.rendered, backend.maps(observed, Run(1), fit.params(6)).rendered)


def test_a_saved_tree_opens_again_bit_by_bit(backend, photo, observed, fit, tmp_path):
    changes = Changes((("prior", 40.0),))
    branch = backend.fit(observed, Run(5, parent=1, at_step=4, changes=changes), fit)
    [branch.step() for _ in range(2)]
    path = str(tmp_path / "session.nbf")
    places = RecordedRun(1, None, 0, "first"), RecordedRun(5, 1, 4, "more prior")
    places = replace(places[0], bookmarks=((0, ""), (3, "here"))), places[1]
    runs = [Kept(places[0], fit, Run(1)), Kept(places[1], branch, Run(5, changes=changes))]
    backend.save(path, photo, observed, runs)
    opened = backend.read(path)
    again = backend.observe(opened, None)
    assert again.recorded == places
    for kept in runs:
        resumed = backend.fit(again, Run(9, resumes=True, recorded=kept.place.number))
        again_all = resumed.recorded()
        if not resumed.done:  # the last step is evaluated again
            again_all.append(resumed.step())
        assert again_all == kept.fit.recorded()
        weights = {t.name: t.weight for t in kept.fit.terms}
        assert {t.name: t.weight for t in resumed.terms} == weights
    assert resumed.step() == branch.step()
    backend.save(path, opened, again, [Kept(places[0], fit, Run(1))])
    assert backend.observe(backend.read(path), None).recorded == places[:1]


def test_a_true_body_is_saved_with_the_runs_and_comes_back(backend, photo, observed, fit, tmp_path):
    true = tmp_path / "true.npz"
    params = photo_from_crop(fit.params(0), observed.handle.view, backend._engine.volume)
    params.save(true)
    with pytest.raises(UserError, match="nothing is known to be true"):
        backend.measured(photo, observed, "")
    told = backend.measured(photo, observed, str(true))
    path, runs = str(tmp_path / "session.nbf"), [Kept(RecordedRun(1, None, 0, ""), fit, Run(1))]
    backend.save(path, photo, observed, runs)
    assert not backend.observe(backend.read(path), None).scene.truth
    backend.save(path, photo, observed, runs, str(true))
    true.unlink()
    for _ in range(2):  # saved again from the record alone
        opened = backend.read(path)
        again = backend.observe(opened, None)
        assert again.scene.truth
        back = backend.measured(opened, again, "")
        np.testing.assert_allclose(back.joints, told.joints, atol=1e-3)
        np.testing.assert_allclose(back.places, told.places, atol=1e-5)
        backend.save(path, opened, again, runs)
    behind = backend.occlude(again, (drawn("rectangle", [(200, 100), (300, 200)]),))
    assert behind.scene.truth
    elsewhere = backend.observe(opened, Rect(380, 300, 100, 200))
    assert not elsewhere.scene.truth  # somebody else


def test_a_person_of_a_table_is_fitted_saved_and_measured(backend, tmp_path):
    table = write_table(tmp_path / "mine.csv", "occ80", synthetic_places(1, None, occluded=False))
    person = backend.read(f"{table}#occ80/0")
    observed = backend.observe(person, None, backend.people(person))
    assert observed.scene.truth and observed.scene.name == "occ80 #0"
    assert Box(*observed.scene.box) == person.box
    fit = backend.fit(observed, Run(1))
    fit.step()
    told = backend.measured(person, observed, "")
    path = str(tmp_path / "session.nbf")
    backend.save(path, person, observed, [Kept(RecordedRun(1, None, 0, ""), fit, Run(1))])
    table.unlink()
    opened = backend.read(path)
    again = backend.observe(opened, None)
    assert again.scene.name == "occ80 #0" and again.scene.truth
    assert np.array_equal(opened.pixels, person.pixels)
    assert again.scene.focal == pytest.approx(person.focal)
    assert backend.measured(opened, again, "") == told


def test_a_record_can_be_fitted_again_and_in_another_box(backend, record, fit):
    opened = backend.read(record)
    again = backend.observe(opened, None)
    fresh = backend.fit(again, Run(2))
    assert fresh.recorded() == [] and fresh.step() == fit.records[0]
    branch = backend.fit(again, Run(3, parent=2), fresh)
    assert branch.step() == fit.records[0]
    other = backend.observe(opened, Rect(100, 10, 300, 480))
    assert other.scene.box != BOX and backend.fit(other, Run(4)).recorded() == []


def test_restarts_and_branches_of_a_record_keep_its_schedule(backend, photo, observed, tmp_path):
    schedule = replace(short_schedule().with_weights(prior=1e3), keypoint_sigma=50.0)
    fit = backend.fit(observed, Run(1, schedule=schedule))
    steps = [fit.step() for _ in range(7)]
    info = photo_info(photo, observed.handle, "diagonal")
    path = tmp_path / "fit.nbf"
    new_record(backend._engine, observed.handle, fit.fit, info).save(path)
    opened = backend.read(str(path))
    again = backend.observe(opened, None)
    resumed = backend.fit(again, Run(1, resumes=True))
    assert [*resumed.recorded(), resumed.step()] == steps
    assert backend.fit(again, Run(2)).step() == steps[0]
    branch = backend.fit(again, Run(3, parent=1, at_step=4), resumed)
    assert branch.step() == steps[4] and branch.step() == steps[5]
    other = backend.fit(backend.observe(opened, Rect(100, 10, 300, 480)), Run(4))
    assert other.fit.schedule == resumed.fit.schedule


def test_maps_of_a_record_are_rendered_with_its_settings(backend, photo, observed, fit, tmp_path):
    likelihood = LikelihoodSettings(visible=0.9)
    schedule = replace(short_schedule(), likelihood=likelihood)
    own = backend.fit(observed, Run(1, schedule=schedule))
    own.step()
    path = tmp_path / "fit.nbf"
    info = photo_info(photo, observed.handle, "diagonal")
    new_record(backend._engine, observed.handle, own.fit, info).save(path)
    again = backend.observe(backend.read(str(path)), None)
    visible = backend.maps(again, Run(1, resumes=True), own.params(0)).visible
    expected = backend.maps(observed, Run(1, schedule=schedule), own.params(0)).visible
    assert np.array_equal(visible, expected, equal_nan=True)


def test_a_record_of_several_runs_made_on_a_gpu_opens(backend, record, tmp_path):
    read = FitRecord.load(Path(record))
    run = read.runs[0]
    elsewhere = run.info.schedule.with_backend("cuda")
    gpu = RecordRun(replace(run.info, schedule=elsewhere), run.trace)
    both = replace(read, runs=(run, RecordRun(replace(gpu.info, id=1), run.trace)))
    both.save(tmp_path / "fit.nbf")
    again = backend.observe(backend.read(str(tmp_path / "fit.nbf")), None)
    assert [run.number for run in again.recorded] == [0, 1]
    assert all(
        backend.fit(again, Run(1, resumes=True, recorded=run.number)).recorded()
        for run in again.recorded
    )


def test_a_damaged_record_is_one_line(backend, record, tmp_path):
    path = tmp_path / "cut.nbf"
    path.write_bytes(Path(record).read_bytes()[:5000])
    with pytest.raises(UserError, match=r"cut\.nbf is not a readable record of a fit"):
        backend.read(str(path))


def test_people_are_found_with_places_that_show_them(backend, photo):
    (person,) = backend.people(photo)
    assert person.box == backend.observe(photo, None).scene.box
    assert sum(map(person.box.contains, person.places)) > 4
    assert backend.observe(photo, None, (replace(person, box=BOX),)).scene.box == BOX
    assert not backend.observe(photo, None, ()).scene.person


def test_a_pixel_shows_the_person_or_nobody(backend, photo):
    assert backend.person_at(photo, (220.0, 110.0)) == backend.people(photo)[0].box
    with pytest.raises(UserError, match=r"Nobody is found at 500, 20: drag a box"):
        backend.person_at(photo, (500.0, 20.0))


OCCLUDERS = (drawn("ellipse", [(180, 200), (300, 330)], fill=Color((200, 40, 40))),)


@pytest.fixture(scope="module")
def occluded(backend, observed):
    return backend.occlude(observed, OCCLUDERS)


def test_the_same_person_is_looked_at_behind_occluders(backend, photo, observed, occluded):
    scene = occluded.scene
    read = {"estimated_joints": (), "sigmas": (), "points": ()}
    assert replace(scene, occluders=(), **read) == replace(observed.scene, **read)
    assert scene.occluders == OCCLUDERS and observed.seen is None
    assert (occluded.seen[265, 240] == (200, 40, 40)).all()
    assert (occluded.features != observed.features).any()
    bare = backend.occlude(occluded, ())
    assert bare.seen is None and (bare.features == observed.features).all()


def test_a_branch_behind_occluders_begins_at_the_same_start(backend, observed, occluded, fit):
    branch = backend.fit(occluded, Run(2, parent=1, at_step=0, occluders=OCCLUDERS), fit)
    first = branch.step()
    start, begun = fit.params(0), branch.params(0)
    for name, value in vars(start).items():
        assert torch.equal(value, getattr(begun, name)), name
    assert first.step == 0 and first.total != fit.records[0].total
    maps = backend.maps(occluded, Run(2), begun)
    assert maps.hits.shape == (64, 64, 3) and 0 <= maps.found[1] <= 1
    assert backend.maps(observed, Run(1), start).found is None


def test_saved_runs_keep_their_own_occluders(backend, photo, observed, occluded, tmp_path):
    bare, behind = Run(1), Run(2, parent=1, at_step=0, occluders=OCCLUDERS)
    first = backend.fit(observed, bare)
    first.step()
    second = backend.fit(occluded, behind, first)
    steps = [second.step() for _ in range(3)]
    path = str(tmp_path / "fit.nbf")
    places = RecordedRun(1, None, 0, ""), RecordedRun(2, 1, 0, "", OCCLUDERS)
    kept = [Kept(places[0], first, bare), Kept(places[1], second, behind)]
    backend.save(path, photo, observed, kept)
    seen = backend.observe(backend.read(path), None)
    assert seen.recorded == places and seen.scene.occluders == OCCLUDERS  # the newest run's
    other = backend.occlude(seen, places[0].occluders)
    assert other.seen is None
    again = backend.fit(other, Run(8, resumes=True, recorded=1))
    assert again.step().total == first.recorded()[0].total
    newest = backend.fit(seen, Run(9, resumes=True))
    assert [*newest.recorded(), newest.step()][-1].total == steps[-1].total


def test_a_saved_run_keeps_its_occluders(backend, photo, occluded, tmp_path):
    run = Run(1, occluders=OCCLUDERS)
    fit = backend.fit(occluded, run)
    steps = [fit.step() for _ in range(3)]
    path = str(tmp_path / "fit.nbf")
    backend.save(path, photo, occluded, [Kept(RecordedRun(1, None, 0, "", OCCLUDERS), fit, run)])
    again = backend.read(path)
    seen = backend.observe(again, None)
    assert seen.scene.occluders == OCCLUDERS and (again.pixels == photo.pixels).all()
    resumed = backend.fit(seen, Run(5, resumes=True))
    again_taken = [*resumed.recorded(), resumed.step()]
    assert [step.total for step in again_taken] == [step.total for step in steps]
    other = backend.occlude(seen, ())
    assert other.seen is None and backend.fit(other, Run(6)).stages == fit.stages


def test_a_pixel_is_explained_as_the_engine_explains_it(backend, observed, fit):
    scene = observed.scene
    x, y = cell_center((64, 64), inside_crop(scene.to_crop, (230, 200)))
    answer = backend.explain(observed, fit, 3, PixelTarget((x, y)))
    assert answer.words.lines[0].startswith(f"map row {int(64 * y)}, column {int(64 * x)};")
    assert [bars.name for bars in answer.bars] == ["observed", "rendered"]
    features = observed.handle.features[:, int(64 * y), int(64 * x)]
    assert answer.bars[0].values == pytest.approx(features.tolist())
    visible = backend.maps(observed, Run(1), fit.params(3)).visible[int(64 * y), int(64 * x)]
    assert f"p(z = 1) {visible:.2f}" in answer.words.lines[2]
    again = backend.explain(observed, fit, 3, PixelTarget((x, y)))
    other = backend.explain(observed, fit, 6, PixelTarget((x, y)))
    assert again == answer != other
    near = np.array(answer.points)
    pixels = scene.focal * near[:, :2] / near[:, 2:3] + np.array(scene.size) / 2
    middle = near[:, 3] @ pixels / near[:, 3].sum()
    assert middle == pytest.approx((230, 200), abs=10) and len(near) > 1
    off = backend.explain(observed, fit, 3, PixelTarget((0.001, 0.001)))
    assert [bars.name for bars in off.bars] == ["observed"] and off.arrows == ()


def test_a_joint_is_explained_where_it_is_drawn(backend, observed, fit):
    joints = backend.joints(observed, fit.params(5))
    for joint in (0, 20):
        answer = backend.explain(observed, fit, 5, JointTarget(joint))
        assert answer.place == pytest.approx(joints[joint][:2], abs=0.05)
        assert [arrow.name for arrow in answer.arrows][-1] == "total"
        *terms, total = (np.array(arrow.way) for arrow in answer.arrows)
        np.testing.assert_allclose(sum(terms), total, atol=1e-3)
        assert {arrow.name for arrow in answer.arrows[:-1]} <= {term.name for term in fit.terms}
        assert all(0 <= row < 64 and 0 <= column < 64 for row, column, _ in answer.cells)
    assert len(answer.cells) > 5


def test_a_branch_by_hand_is_saved_and_comes_back_with_the_same_bits(
    backend, photo, observed, fit, tmp_path
):
    x, y, _ = backend.joints(observed, fit.params(4))[20]
    moves = Value("shape0", 1.0), Drag("l_wrist", x - 15.0, y + 10.0)
    changes = Changes(wishes=(Wish("head", 230.0, 90.0, 4.0),))
    run = Run(2, parent=1, at_step=4, moves=moves, changes=changes)
    branch = backend.fit(observed, run, fit)
    assert branch.step().step == 4
    told = backend.joints(observed, branch.params(4))[20]
    assert told[:2] == pytest.approx((x - 15, y + 10), abs=3)
    assert backend.stance(observed, branch.params(4)).numbers["shape0"] == pytest.approx(1.0)
    kept = [
        Kept(RecordedRun(1, None, 0, ""), fit, Run(1)),
        Kept(RecordedRun(2, 1, 4, "by hand", bookmarks=((4, "moved"),)), branch, run),
    ]
    backend.save(str(tmp_path / "fit.nbf"), photo, observed, kept)
    rest = [branch.step() for _ in range(2)]
    opened = backend.read(str(tmp_path / "fit.nbf"))
    again = backend.observe(opened, None)
    assert again.recorded == tuple(run.place for run in kept)
    resumed = backend.fit(again, Run(7, resumes=True, recorded=2), None)
    assert resumed.wishes == changes.wishes and resumed.moves == moves
    resumed.step()
    assert [resumed.step() for _ in range(2)] == rest
    heavy = replace(changes, weights=(("wishes", 5.0),))
    other = backend.fit(observed, Run(3, parent=1, at_step=4, changes=heavy), fit)
    assert other.fit.schedule.stages[1].weights["wishes"] == 5.0
    none = replace(heavy, wishes=())
    other = backend.fit(observed, Run(4, parent=1, at_step=4, changes=none), fit)
    assert other.wishes == () and "wishes" not in other.fit.schedule.terms
    child = backend.fit(again, Run(8, parent=7, at_step=5, recorded=2), resumed)
    assert child.wishes == changes.wishes and child.step() == rest[0]


def test_another_focal_length_is_another_look(backend, photo, observed):
    wider = backend.observe(photo, BOX, focal=400.0)
    assert wider.scene.focal == 400.0 != observed.scene.focal
    assert wider.scene.box == observed.scene.box


def test_points_are_told_where_the_photo_shows_them(observed):
    detected = observed.scene.points[-1]
    assert detected.source == "detected" and set(detected.sigmas) == {None}
    observation = observation_of(observed)
    size = observation.view.size
    sigma = torch.full((1, len(POINTS)), 2.0)
    sigma[0, 3] = torch.inf
    found = BodyPoints(torch.full((1, len(POINTS), 2), size / 2), sigma)
    seen = replace(observation, problem=observation.problem.having(found))
    points = found_points(seen)[0]
    assert len(points.names) == len(POINTS) - 1 and POINTS[3] not in points.names
    middle = observation.view.to_photo(np.array([[size / 2, size / 2], [size / 2 + 2, size / 2]]))
    assert points.places[0] == pytest.approx(middle[0])
    assert points.sigmas[0] == pytest.approx(np.linalg.norm(middle[1] - middle[0]), rel=0.1)


def test_votes_are_told_detector_by_detector(observed):
    assert observed.scene.votes == ()  # this engine has one detector
    observation = observation_of(observed)
    half = observation.view.size / 2
    xy = torch.full((1, 2, 3, 2), half)
    xy[0, 1, 1, 0] += 10
    weight = torch.tensor([[[0.9, 0.0, 0.5], [0.8, 0.7, 0.0]]])
    votes = PointVotes(("nose", "l_wrist"), ("A", "B", "C"), xy, weight, torch.full((1, 2, 3), 4.0))
    seen = replace(observation, problem=observation.problem.having(votes))
    told = told_votes(seen)
    assert [points.source for points in told] == ["A", "B", "C"]
    assert [points.names for points in told] == [("nose", "l_wrist"), ("l_wrist",), ("nose",)]
    assert told[1].weights == pytest.approx((0.7,))
    there = observation.view.to_photo(np.array([[half + 10, half]]))[0]
    assert told[1].places[0] == pytest.approx(there)
    scale = np.linalg.norm(
        observation.view.to_photo(np.array([[half, half], [half + 1, half]]))[1]
        - observation.view.to_photo(np.array([[half, half]]))[0]
    )
    assert told[0].sigmas[0] == pytest.approx(4 * scale, rel=0.05)


def test_kernels_lie_where_the_body_is(backend, observed, fit):
    params = fit.params(2)
    kernels = backend.kernels(observed, params)
    vertices = backend.vertices(observed, params)
    assert len(kernels.means) == len(kernels.limbs) == 858
    low, high = vertices.min(0) - 0.1, vertices.max(0) + 0.1
    assert (kernels.means > low).all() and (kernels.means < high).all()
    sigmas = np.sqrt(np.linalg.eigvalsh(kernels.covariances))
    assert (sigmas > 1e-3).all() and (sigmas < 0.2).all()
    assert set(np.unique(backend.limbs)) == set(range(9)) and len(backend.limbs) == len(
        backend.faces
    )
