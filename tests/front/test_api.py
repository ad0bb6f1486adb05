"""The front door: a photo in any form goes in, a body and every step come out."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from PIL import Image

import nbf
from core.body.points import POINTS
from core.fit.evidence import BodyPoints
from core.fit.record import Run
from core.fit.recording import new_record, photo_info
from tests.shapes import unchecked
from tests.untrained import short_schedule

BOX = (20, 60, 300, 440)


@pytest.fixture(scope="module")
def fitted(engine):
    seen = nbf.observe("skimage:camera", BOX, engine=engine)
    return nbf.fit(seen, short_schedule(), engine=engine)


def test_every_public_name_is_there_and_documented():
    for name in nbf.__all__:
        thing = getattr(nbf, name)
        assert name in dir(nbf)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing)
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = nbf.fitt


def test_a_fit_gives_body_losses_and_pictures(fitted):
    assert fitted.vertices.shape == (6890, 3) and fitted.faces.max() == 6889
    assert fitted.joints.shape == (24, 3)
    assert fitted.joints[:, 2].min() > 0.3  # in front of the camera
    standard = {name for name, term in nbf.TERMS.all().items() if term.standard}
    assert set(fitted.losses) == {*standard, "total"}
    assert all(len(curve) == 7 for curve in fitted.losses.values())
    assert fitted.overlay().shape == fitted.observation.photo.shape
    assert not np.array_equal(fitted.overlay(0), fitted.overlay(6))
    assert fitted.maps(3).rendered.shape == (64, 64, 3)
    with pytest.raises(nbf.UserError, match="no step 7; there are 0 to 6"):
        fitted.params(7)


def test_a_fit_far_from_its_points_is_doubted(fitted):
    problem = fitted.observation.problem
    center = torch.full((1, len(POINTS), 2), 128.0)
    for sigma, doubtful in ((1e6, False), (0.01, True)):
        points = BodyPoints(center, torch.full((1, len(POINTS)), sigma))
        seen = replace(fitted.observation, problem=problem.having(points))
        assert bool(replace(fitted, observation=seen).doubt) == doubtful


def test_a_start_in_the_photos_camera_is_where_the_fit_begins(engine, fitted):
    again = nbf.fit(fitted.observation, short_schedule(), fitted.params(), engine=engine)
    assert again.trace.candidates == ("given", "turned")
    begun = again.params(0)
    assert torch.allclose(begun.transl, fitted.params().transl, atol=1e-4)


def test_a_start_behind_the_camera_is_refused(engine, fitted):
    start = fitted.params()
    for depth in (0.0, -3.0):
        behind = replace(start, transl=start.transl * torch.tensor([1.0, 1.0, depth]))
        with pytest.raises(nbf.UserError, match="in front of the camera"):
            nbf.fit(fitted.observation, short_schedule(), behind, engine=engine)
    two = nbf.BodyParams.stack([start, start])
    with pytest.raises(ValueError, match="GivenBody: not one row for each of 1 cameras"):
        nbf.fit(fitted.observation, short_schedule(), two, engine=engine)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": (600, 600, 50, 50)}, "outside the photo"),
        ({"box": (10, 10, 0, 50)}, "too small"),
        ({"box": BOX, "focal": 0.0}, "focal length 0.0 px makes no sense"),
        ({"box": BOX, "focal": -5.0}, "focal length -5.0 px makes no sense"),
        ({"box": BOX, "focal": float("nan")}, "focal length nan px makes no sense"),
        ({"box": BOX, "focal": 1e30}, r"focal length 1e\+30 px makes no sense"),
        ({"box": BOX, "focal": np.ones(2)}, "not a number of pixels"),
        ({"box": BOX, "focal": "long"}, "not a number of pixels"),
        ({"box": (20, 60, np.nan, 440)}, "not finite"),
        ({"box": (20, 60, -300, 440)}, "too small"),
        ({"box": (20, 60, 300)}, "is not x, y, width and height"),
        ({"box": 7}, "is not x, y, width and height"),
        ({"box": ("a", "b", "c", "d")}, "is not x, y, width and height"),
    ],
)
def test_boxes_and_focal_lengths_that_make_no_sense_are_refused(engine, options, message):
    with pytest.raises(nbf.UserError, match=message):
        nbf.observe("skimage:camera", engine=engine, **options)


def test_each_step_is_told(engine, fitted):
    steps = []
    nbf.fit(fitted.observation, short_schedule(), engine=engine, each=steps.append)
    assert [step.step for step in steps] == list(range(7))


def forms():
    photo = nbf.read_photo("skimage:camera").pixels
    frozen = photo.copy()
    frozen.setflags(write=False)
    yield "grey", photo[..., 0]
    yield "float", photo.astype(np.float64) / 255
    yield "not contiguous", np.asfortranarray(photo)
    yield "read-only", frozen
    yield "rgba", np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
    yield "16 bits", photo.astype(np.uint16) * 257
    yield "tensor", torch.from_numpy(photo)
    yield "PIL", Image.fromarray(photo)
    yield "list", (photo[..., 0] / 255).tolist()


@pytest.mark.parametrize("form", range(9))
def test_photos_boxes_and_focal_lengths_of_any_type(engine, fitted, form):
    _, picture = list(forms())[form]
    box = np.array(BOX, np.float32)
    focal = np.float32(fitted.observation.focal)
    seen = nbf.observe(picture, box, focal=focal, engine=engine)
    assert torch.equal(seen.features, fitted.observation.features)
    nbf.fit(seen, replace(short_schedule(), starts=("regressed",)), engine=engine)


def test_a_record_opens_where_it_ended(engine, fitted, tmp_path, monkeypatch):
    seen = fitted.observation
    info = photo_info(nbf.read_photo("skimage:camera"), seen, "diagonal")
    record = new_record(engine, seen, fitted.fit, info)
    shorter = record.with_run(Run(record.runs[0].info, fitted.trace.upto(4)))
    record.save(tmp_path / "whole.nbf")
    shorter.save(tmp_path / "short.nbf")
    monkeypatch.setattr("core.api.engine_of", lambda _: engine)
    opened = nbf.open_record(tmp_path / "whole.nbf")
    assert opened.fit.done and np.array_equal(opened.vertices, fitted.vertices)
    assert len(nbf.open_record(tmp_path / "short.nbf").trace) == 4
    record.with_run(Run(record.runs[0].info, fitted.trace.upto(0))).save(tmp_path / "begun.nbf")
    begun = nbf.open_record(tmp_path / "begun.nbf")
    assert begun.losses["total"].shape == (0,)
    with pytest.raises(nbf.UserError, match="no step yet"):
        begun.params()
    with pytest.raises(nbf.UserError, match="no run 9"):
        nbf.open_record(tmp_path / "whole.nbf", run=9)


def test_a_saved_fit_opens_again(engine, tmp_path, monkeypatch):
    xy = torch.rand(1, 24, 2) * 400
    given = nbf.Keypoints(xy, torch.full((1, 24), 0.5))
    seen = nbf.observe("skimage:camera", BOX, given, engine=engine)
    fitted = nbf.fit(seen, short_schedule(), engine=engine)
    fitted.save(tmp_path / "mine.nbf")
    monkeypatch.setattr("core.api.engine_of", lambda _: engine)
    again = nbf.open_record(tmp_path / "mine.nbf")
    assert np.array_equal(again.vertices, fitted.vertices)
    assert all(np.array_equal(again.losses[name], fitted.losses[name]) for name in fitted.losses)
    fitted.save_mesh(tmp_path / "body.ply")
    mesh = trimesh.load(tmp_path / "body.ply", process=False)
    np.testing.assert_allclose(mesh.vertices, fitted.vertices * [1, -1, -1], atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, fitted.faces)
    fitted.save_animation(tmp_path / "steps.glb")
    (mesh,) = trimesh.load_scene(tmp_path / "steps.glb", process=False).geometry.values()
    np.testing.assert_array_equal(mesh.faces, fitted.faces)
    with pytest.raises(nbf.UserError, match=r"written as \.glb"):
        fitted.save_animation(tmp_path / "steps.gltf")
    with pytest.raises(nbf.UserError, match="no format of a mesh"):
        fitted.save_mesh(str(tmp_path / "body.fbx"))


@pytest.mark.parametrize(
    "picture", [None, 3, "", b"", [[1, 2], [3]], np.zeros((9, 9)), np.full((99, 99, 3), np.nan)]
)
def test_what_is_no_picture_is_refused(engine, picture):
    with pytest.raises(nbf.UserError):
        nbf.observe(picture, (0, 0, 50, 50), engine=engine)


def points(fitted, **changes):
    """The projected joints as keypoints."""
    xyz, (height, width) = fitted.joints, fitted.observation.photo.shape[:2]
    xy = xyz[:, :2] / xyz[:, 2:] * fitted.observation.focal + np.array([width, height]) / 2
    return nbf.Keypoints(
        **({"xy": torch.tensor(xy)[None].float(), "confidence": torch.ones(1, 24)} | changes)
    )


def test_keypoints_of_any_type_give_the_same_fit(engine, fitted):
    given = points(fitted)
    unseen = torch.ones(1, 24).index_fill(1, torch.tensor([3, 8]), 0.0)
    holes = given.xy.clone()
    holes[0, [3, 8]] = torch.nan
    holes[0, 8, 1] = torch.inf
    fits = []
    for way in (
        (given.xy, unseen),
        (holes, unseen),
        (holes.double().numpy(), unseen.to(torch.int64)),
    ):
        with unchecked():
            seen = nbf.observe("skimage:camera", BOX, nbf.Keypoints(*way), engine=engine)
        fits.append(nbf.fit(seen, short_schedule(), engine=engine))
    for other in fits[1:]:
        assert np.array_equal(other.losses["total"], fits[0].losses["total"])
    assert np.isfinite(fits[0].losses["total"]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": torch.full((1, 24, 2), 4000.0)}, "24 of 24 joints are outside the photo of 512"),
        ({"xy": torch.full((1, 24, 2), torch.nan)}, "a joint is not finite"),
        ({"xy": torch.zeros(24, 2)}, r"xy is 1 x 24 x 2 and confidence 1 x 24, not \(24, 2\)"),
        ({"xy": "points"}, "must be tensors or arrays"),
        ({"confidence": torch.full((1, 24), torch.nan)}, "confidences are from 0"),
        ({"confidence": -torch.ones(1, 24)}, "confidences are from 0"),
    ],
)
def test_keypoints_that_make_no_sense_are_refused(engine, fitted, changes, message):
    with unchecked(), pytest.raises(nbf.UserError, match=message):
        nbf.observe("skimage:camera", BOX, points(fitted, **changes), engine=engine)


@contextmanager
def float64():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("setting", [torch.no_grad, torch.inference_mode, float64])
def test_the_callers_torch_changes_nothing(engine, fitted, setting):
    given = fitted.params()
    doubled = nbf.BodyParams(**{name: value.double() for name, value in vars(given).items()})
    seen = fitted.observation
    start = nbf.fit(seen, short_schedule(), given, engine=engine)
    with setting():
        before = torch.get_default_dtype(), torch.is_grad_enabled()
        looked = nbf.observe("skimage:camera", BOX, engine=engine)
        assert torch.equal(looked.features, seen.features)
        again = nbf.fit(looked, short_schedule(), doubled, engine=engine)
        assert np.array_equal(again.losses["total"], start.losses["total"])
        assert np.array_equal(again.vertices, start.vertices)
        assert np.array_equal(again.joints, start.joints)
        assert np.array_equal(again.maps().rendered, start.maps().rendered)
        assert np.array_equal(again.overlay(), start.overlay())
        assert (torch.get_default_dtype(), torch.is_grad_enabled()) == before
    assert len(set(again.losses["total"].tolist())) > 3  # it has moved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body_pose": torch.full((1, 23, 3), 1e30)}, r"body_pose must hold .* up to 100 \(rad"),
        ({"betas": torch.full((1, 10), torch.nan)}, "betas must hold finite numbers"),
        ({"betas": torch.zeros(1, 11)}, r"betas has the shape \(1, 11\), not \(bodies, 10\)"),
        ({"transl": "far"}, "transl does not hold numbers"),
        ({"transl": torch.ones(2, 3)}, "differ in batch size"),
    ],
)
def test_a_start_that_is_no_body_is_refused(engine, fitted, change, message):
    with unchecked():
        start = nbf.BodyParams(**(vars(fitted.params()) | change))
    with unchecked(), pytest.raises(nbf.UserError, match=message):
        nbf.fit(fitted.observation, short_schedule(), start, engine=engine)
