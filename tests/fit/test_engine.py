"""From a photo to the files of a fit, with weights that have learnt nothing."""

import json
import time

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
import trimesh

from core.body.names import JOINT_NAMES
from core.body.params import BodyParams
from core.errors import UserError
from core.fit.evidence import FeatureMap
from core.fit.film import TILE, Film
from core.fit.fitter import finish
from core.fit.frames import photo_from_crop
from core.fit.pictures import draw_maps, draw_overlay, feature_colors
from core.fit.result import Origin, fitted_scene, save_result
from core.fit.sheet import Sheet
from core.geometry.crop import Box
from core.geometry.keypoints import Keypoints
from core.io.images import load_image
from core.io.report import FitReport
from core.pictures import overlay
from core.pictures.panels import shrink
from tests.untrained import short_schedule

BOX = Box(20, 60, 300, 440)
ORIGIN = Origin("camera.png", "diagonal", "lite", "torch", 0)


@pytest.fixture(scope="module")
def observation(engine):
    return engine.observe(load_image("skimage:camera").pixels, BOX)


@pytest.fixture(scope="module")
def solver(engine, observation):
    solver = engine.begin(observation, short_schedule())
    finish(solver)
    return solver


@pytest.fixture(scope="module")
def written(engine, observation, solver, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    with Film(Sheet.of(engine, observation, solver)) as film:
        save_result(folder, engine, observation, solver, film, ORIGIN, {"fit": 1.0}, animation=True)
    return folder


def test_observation_is_what_the_network_sees(engine, observation):
    assert observation.crop.shape == (256, 256, 3)
    assert observation.features.shape == (64, 64, 64)
    norms = observation.features.norm(dim=0)
    assert torch.allclose(norms, torch.ones_like(norms), atol=1e-4)
    inside = observation.problem.get(FeatureMap).inside
    assert inside.min() == 0  # the box reaches the photo's edge
    assert inside.max() == pytest.approx(1)


def test_given_keypoints_move_into_the_crop(engine):
    photo = load_image("skimage:camera").pixels
    xy = torch.full((1, 24, 2), 0.0)
    xy[0, 5] = torch.tensor(BOX.center)
    given = Keypoints(xy, torch.ones(1, 24))
    seen = engine.observe(photo, BOX, given)
    assert torch.allclose(
        seen.problem.get(Keypoints).xy[0, 5], torch.tensor([128.0, 128.0]), atol=0.01
    )


def test_nobody_in_a_grey_photo(engine):
    with pytest.raises(UserError, match="no person found"):
        engine.observe(np.full((200, 300, 3), 128, np.uint8))


def test_every_file_of_the_contract_can_be_read(engine, observation, solver, written):
    params = BodyParams.load(written / "params.npz")
    best = int(solver.trace.best_steps()[0])
    expected = photo_from_crop(
        solver.trace.params(best, engine.volume), observation.view, engine.volume
    )
    assert torch.allclose(params.transl, expected.transl)
    mesh = trimesh.load(written / "body.glb", force="mesh", process=False)
    vertices = engine.vertices(params)[0].numpy()
    np.testing.assert_allclose(mesh.vertices, vertices * [1, -1, -1], atol=1e-5)
    np.testing.assert_array_equal(mesh.faces, engine.body.faces)
    (moving,) = trimesh.load_scene(written / "animation.glb", process=False).geometry.values()
    np.testing.assert_array_equal(moving.faces, engine.body.faces)
    sheet = imageio.imread(written / "panels.png")
    assert sheet.shape[2] == 3 and sheet.std() > 20
    frames = imageio.imread(written / "fit.mp4", plugin="FFMPEG")
    assert len(frames) > 3
    report = FitReport.load(written / "report.json")
    assert report.steps == 6 and report.best_step == best and report.box == BOX
    assert set(report.loss) == {*solver.trace.terms, "total"}
    assert list(report.joints) == list(JOINT_NAMES) and report.joints["pelvis"].inside
    assert all(joint.spread_mm > 0 for joint in report.joints.values())
    assert json.loads((written / "report.json").read_text())["preset"] == "lite"


def test_a_turntable_that_cannot_be_drawn_is_a_warning(
    engine, observation, solver, tmp_path, monkeypatch
):
    monkeypatch.setattr("core.pictures.turntable.PLATFORMS", {"none": "None"})
    with Film(Sheet.of(engine, observation, solver)) as film:
        written = engine, observation, solver, film, ORIGIN, {}
        report = save_result(tmp_path, *written, turntable=True)
    (warning,) = [line for line in report.warnings if "unseen: " not in line]
    assert warning.startswith("turntable.mp4 not drawn: None: ")
    left = {"params.npz", "body.glb", "panels.png", "views.png", "fit.mp4", "report.json"}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_the_scene_shown_is_the_figure_of_the_fit_and_of_the_start(
    engine, observation, solver, written
):
    scene = fitted_scene(engine, observation, solver)
    params = BodyParams.load(written / "params.npz")
    figure = engine.figures(params).vertices[0].numpy()
    np.testing.assert_allclose(scene.vertices, figure, atol=1e-5)
    first = photo_from_crop(solver.trace.params(0, engine.volume), observation.view, engine.volume)
    np.testing.assert_allclose(scene.start, engine.figures(first).vertices[0].numpy(), atol=1e-5)
    assert np.abs(scene.vertices - scene.start).max() > 1e-3
    assert scene.focal == pytest.approx(observation.focal)  # this photo is small enough as it is


def test_pictures_are_pure(engine, observation, solver):
    colors = feature_colors(engine.model.bank)
    params = solver.trace.params(3, engine.volume)
    first = draw_maps(engine, observation, params, colors)
    second = draw_maps(engine, observation, params, colors)
    assert np.array_equal(first.rendered, second.rendered)
    assert np.array_equal(first.posterior, second.posterior, equal_nan=True)
    drawn = draw_overlay(engine, observation, params)
    assert drawn.shape == observation.photo.shape
    assert (drawn != observation.photo).any()


def test_a_large_photo_is_shrunk_before_anything_is_drawn_on_it(
    engine, observation, solver, monkeypatch
):
    drawn = []

    def draw_body(image, *arguments, **options):
        drawn.append(image.shape)
        return overlay.draw_body(image, *arguments, **options)

    monkeypatch.setattr("core.fit.pictures.draw_body", draw_body)
    large = np.repeat(np.repeat(observation.photo, 4, 0), 4, 1)
    box = Box(*(4 * value for value in (BOX.x, BOX.y, BOX.width, BOX.height)))
    seen = engine.observe(large, box)
    sheet = Sheet.of(engine, seen, solver)
    with Film(sheet) as film:
        frames = list(film.frames(3))
    assert len(frames) > 3 and {max(shape) for shape in drawn} == {max(TILE)}
    small = Sheet.of(engine, observation, solver)
    body = [s.overlay(3, shrink(s.photo, 300)) for s in (sheet, small)]
    alike = np.abs(body[0].astype(float) - body[1]).mean()
    assert alike < 3  # the body is in the same place, see the next line
    assert np.abs(body[0].astype(float) - shrink(small.photo, 300)).mean() > 3 * alike


def test_a_film_is_drawn_while_the_fit_goes_on(engine, observation, monkeypatch):
    fit = engine.begin(observation, short_schedule())
    drawn = []
    look = Sheet.look
    monkeypatch.setattr(Sheet, "look", lambda *a: drawn.append(a[1]) or look(*a))
    with Film(Sheet.of(engine, observation, fit)) as film, Film(film.sheet) as late:
        while not fit.done:
            film.after(fit.step())
        film._pool.submit(int).result()  # what was asked for before is done
        assert drawn == [0, 3, 6]
        frames, again = list(film.frames(5)), list(late.frames(5))
    assert drawn[3:] == [5, 0, 3, 6, 5]
    assert len(frames) == 3 + 12 and np.array_equal(frames, again)


def test_leaving_a_film_leaves_nothing_to_draw(engine, observation, solver, monkeypatch):
    monkeypatch.setattr(Sheet, "look", lambda *_: time.sleep(0.05))
    with Film(Sheet.of(engine, observation, solver)) as film:
        for record in solver.trace.records:
            film.after(record)
    assert [look.cancelled() for look in film._looks.values()][1:] == [True, True]
