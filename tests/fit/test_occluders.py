"""A photo with occluders, from the evidence to the record and the report."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.fit.evidence import FeatureMap
from core.fit.film import Film
from core.fit.fitter import finish
from core.fit.pictures import draw_maps, feature_colors
from core.fit.record import FitRecord, Run
from core.fit.recording import check_replay, new_record, observe_again, photo_info, resume_run
from core.fit.result import save_result
from core.fit.sheet import Sheet
from core.geometry.keypoints import Keypoints
from core.io.archive import load_archive, save_archive
from core.io.images import load_image
from core.io.report import FitReport
from core.occlusion.fills import Color, Noise, Picture
from core.occlusion.occluder import drawn
from core.pictures.palette import NOWHERE
from tests.fit.test_engine import BOX, ORIGIN
from tests.untrained import short_schedule

OCCLUDERS = (
    drawn("ellipse", [(120, 130), (230, 260)], fill=Color((200, 40, 40))),
    drawn("rectangle", [(100, 300), (220, 420)], fill=Noise(2)),
)


@pytest.fixture(scope="module")
def photo():
    return load_image("skimage:camera")


@pytest.fixture(scope="module")
def observation(engine, photo):
    return engine.observe(photo.pixels, BOX, occluders=OCCLUDERS)


@pytest.fixture(scope="module")
def fit(engine, observation):
    fit = engine.begin(observation, short_schedule())
    finish(fit)
    return fit


def test_networks_see_the_occluders_and_the_photo_stays(engine, photo, observation):
    bare = engine.observe(photo.pixels, BOX)
    assert (observation.photo == photo.pixels).all()
    assert (observation.seen[200, 180] == (200, 40, 40)).all()
    assert (
        observation.box == bare.box and (observation.view.homography == bare.view.homography).all()
    )
    changed = (observation.crop != bare.crop).any(-1)
    assert changed[observation.hidden].mean() > 0.95 and not changed[:20].any()
    moved = (observation.features - bare.features).norm(dim=0)
    seen, points = (o.problem.get(Keypoints) for o in (observation, bare))
    assert not torch.equal(seen.xy, points.xy)  # detectors look through a finer crop
    hidden = observation.hidden[2::4, 2::4]
    assert moved[hidden].mean() > 3 * moved[~hidden].mean()


def test_the_person_is_looked_for_without_them(engine, photo, monkeypatch):
    looked = []
    monkeypatch.setattr(
        type(engine), "find_people", lambda _, pixels: looked.append(pixels) or [BOX]
    )
    engine.observe(photo.pixels, occluders=OCCLUDERS)
    assert (looked[0] == photo.pixels).all()


def test_a_record_replays_with_its_occluders(engine, photo, observation, fit, tmp_path):
    info = photo_info(photo, observation, "diagonal")
    new_record(engine, observation, fit, info).save(tmp_path / "fit.nbf")
    back = FitRecord.load(tmp_path / "fit.nbf")
    assert back.runs[0].info.occluders == OCCLUDERS and (back.pixels == photo.pixels).all()
    again = observe_again(engine, back)
    assert torch.equal(again.features, observation.features)
    resumed = resume_run(engine, again, back.runs[0])
    assert check_replay(fit.trace.records[-1], resumed.step()) is None


def test_the_report_says_how_well_they_are_found(engine, observation, fit, tmp_path):
    with Film(Sheet.of(engine, observation, fit)) as film:
        save_result(tmp_path, engine, observation, fit, film, ORIGIN, {"fit": 1.0})
    best = fit.trace.params(int(fit.trace.best_steps()[0]), engine.volume)
    colors = feature_colors(engine.model.bank)
    maps = draw_maps(engine, observation, best, colors, fit.schedule)
    report = FitReport.load(tmp_path / "report.json")
    assert maps.found is not None
    assert (report.z_auroc, report.z_iou) == (maps.found.auroc, maps.found.iou)
    assert 0 <= report.z_auroc <= 1
    assert load_image(tmp_path / "occlusion.png").pixels.std() > 10


def test_what_lies_beyond_the_photo_is_not_judged(engine, observation, fit):
    colors = feature_colors(engine.model.bank)
    start = fit.trace.params(0, engine.volume)
    lower = type(start)(*(v.clone() for v in vars(start).values()))
    lower.transl[:, 1] += 0.6  # the legs are below the photo's edge
    maps = draw_maps(engine, observation, lower, colors, fit.schedule)
    inside = observation.problem.get(FeatureMap).inside[0].reshape(64, 64).numpy() >= 0.5
    beyond = ~inside & np.isfinite(maps.posterior)
    assert beyond.any() and (maps.found.hits[beyond] == NOWHERE).all()
    assert (maps.found.hits[inside & np.isfinite(maps.posterior)] != NOWHERE).any(-1).all()


def test_without_occluders_nothing_is_judged(engine, photo, fit):
    off = drawn("ellipse", [(120, 130), (230, 260)])
    bare = engine.observe(
        photo.pixels, BOX, occluders=(type(off)(off.shape, off.center, on=False),)
    )
    best = fit.trace.params(0, engine.volume)
    assert bare.hidden is None
    maps = draw_maps(engine, bare, best, feature_colors(engine.model.bank), fit.schedule)
    assert maps.found is None


def test_a_pasted_picture_is_in_the_record_once_and_an_old_record_is_read(
    engine, photo, observation, fit, tmp_path
):
    layer = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
    over = drawn("ellipse", [(10, 10), (90, 90)], fill=Picture.of(layer))
    record = new_record(engine, observation, fit, photo_info(photo, observation, "given"))
    path = tmp_path / "fit.nbf"
    runs = []
    for number in range(3):
        info = replace(record.runs[0].info, id=number, occluders=(over, over.moved(5, number)))
        runs.append(Run(info, record.runs[0].trace))
    replace(record, runs=tuple(runs)).save(path)
    assert [run.info.occluders for run in FitRecord.load(path).runs] == [
        run.info.occluders for run in runs
    ]
    archive = load_archive(path, "", "")
    assert sum(name.startswith("pictures/") for name in archive.arrays) == 1
    document = archive.texts["record"]
    document["version"], document["occluders"] = 1, []
    for run in document["runs"]:
        for newer in ("occluders", "moves", "wishes", "bookmarks"):
            del run[newer]
    save_archive(path, archive.arrays, {"record": document})
    assert all(run.info.occluders == () for run in FitRecord.load(path).runs)
