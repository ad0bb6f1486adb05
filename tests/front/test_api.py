"""The front door: a photo in any form goes in, a body and every step come out."""

from __future__ import annotations

import inspect
from dataclasses import replace

import numpy as np
import pytest
import torch

import nbf
from core.fit.record import Run
from core.fit.recording import new_record, photo_info
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
    assert set(fitted.losses) == {*nbf.TERMS.all(), "total"}
    assert all(len(curve) == 7 for curve in fitted.losses.values())
    assert fitted.overlay().shape == fitted.observation.photo.shape
    assert not np.array_equal(fitted.overlay(0), fitted.overlay(6))
    assert fitted.maps(3).rendered.shape == (64, 64, 3)
    with pytest.raises(nbf.UserError, match="no step 7; there are 0 to 6"):
        fitted.params(7)


def test_a_start_in_the_photos_camera_is_where_the_fit_begins(engine, fitted):
    again = nbf.fit(fitted.observation, short_schedule(), fitted.params(), engine=engine)
    assert again.trace.candidates == ("given", "turned")
    begun = again.params(0)
    assert torch.allclose(begun.transl, fitted.params().transl, atol=1e-4)


def test_a_start_behind_the_camera_is_refused(engine, fitted):
    start = fitted.params()
    for depth in (0.0, -3.0, float("nan")):
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


@pytest.mark.parametrize("form", range(5))
def test_photos_boxes_and_focal_lengths_of_any_type(engine, fitted, form):
    _, picture = list(forms())[form]
    box = np.array(BOX, np.float64)
    focal = np.float32(fitted.observation.focal)
    seen = nbf.observe(picture, nbf.Box(*box), focal=focal, engine=engine)
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
