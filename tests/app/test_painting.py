"""What the worker paints beside the plain body: limbs, kernels, other bodies."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from app.geometry.orbit import Orbit
from app.protocol.commands import KERNEL_COLORS, BodyView, Companion, Ink, Open, Paint, Try, Turn
from app.protocol.run import Run
from app.worker.painting import Painter
from app.worker.runs import HeldRuns
from app.worker.tints import kernel_colors
from core.body.moves import Value
from core.pictures.palette import DIM, LIMBS
from tests.app.blob import blob_photo
from tests.app.fake_engine import FakeBackend

VIEW = BodyView(Orbit(), 300, 200)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "blob.png"
    Image.fromarray(blob_photo()).save(path)
    runs = HeldRuns(FakeBackend(0.0))
    held = runs.begin(Open(1, Run(1), str(path)))
    for _ in range(8):
        held.fit.step()
    return runs


@pytest.fixture
def painter(runs):
    return Painter(FakeBackend(0.0), runs.find)


def paint(painter, runs, ink, step=7):
    command = Paint(1, 1, step, 640, False, replace(VIEW, ink=ink), ink)
    return painter.paint(runs.find((1, 1)), command)


def test_limbs_have_colours(painter, runs):
    plain, tinted = (paint(painter, runs, ink) for ink in (Ink(), Ink(parts=True)))
    assert "kernels" not in tinted.pictures and tinted.ink == Ink(parts=True)
    for kind in ("layer", "body"):
        before, after = plain.pictures[kind].astype(int), tinted.pictures[kind].astype(int)
        np.testing.assert_array_equal(before[..., 3], after[..., 3])
        rows, columns = np.nonzero(after[..., 3] == 255)
        right = columns > np.median(columns)
        for side, color in ((~right, LIMBS[0]), (right, LIMBS[1])):
            mean = after[rows[side], columns[side], :3].mean(0)
            assert mean.argmax() == np.argmax(color)


def test_kernels_cover_the_body_in_the_photo_and_in_3d(painter, runs):
    plain, drawn = paint(painter, runs, Ink()), {}
    for by in KERNEL_COLORS:
        event = paint(painter, runs, Ink(kernels=by))
        drawn[by] = event.pictures["kernels"]
        for kind, kernels in (("layer", "kernels"), ("body", "body")):
            covered = event.pictures[kernels][..., 3] > 0
            whole = plain.pictures[kind][..., 3] > 0
            assert (covered & whole).sum() > 0.3 * whole.sum()  # they do not touch
            assert (covered & ~whole).sum() < 0.2 * whole.sum()
    assert (drawn["limb"] != drawn["z"]).any() and (drawn["z"] != drawn["residual"]).any()


def test_a_body_by_hand_shows_kernels_and_where_its_joints_are(painter, runs):
    held, ink = runs.find((1, 1)), Ink(kernels="limb")
    moves = (Value("shape0", 2.0),)
    command = Try(1, 1, 7, moves, held.run.changes, 640, False, replace(VIEW, ink=ink), ink)
    moved, before = painter.attempt(held, command), paint(painter, runs, ink)
    assert moved.painted.ink == ink
    assert (moved.pictures["kernels"] != before.pictures["kernels"]).any()
    body = moved.painted.body
    assert len(body.joints) == len(before.body.joints) > 0 and body.reach > 0


def test_kernels_have_the_colour_of_the_map_at_their_place(runs):
    backend, held = FakeBackend(0.0), runs.find((1, 1))
    params = held.fit.params(7)
    kernels, scene = backend.kernels(held.observed, params), held.observed.scene
    maps = backend.maps(held.observed, held.run, params)
    half = np.ones_like(maps.visible)
    half[:16] = 0.0
    colors = kernel_colors(kernels, "z", replace(maps, visible=half), scene).astype(int)
    upper = kernels.means[:, 1] < -5 / scene.focal * kernels.means[:, 2]
    lower = kernels.means[:, 1] > 5 / scene.focal * kernels.means[:, 2]
    assert (colors[upper, 0] > colors[upper, 2]).all()
    assert (colors[lower, 2] > colors[lower, 0]).all()
    nowhere = replace(maps, visible=np.full_like(maps.visible, np.nan))
    assert (kernel_colors(kernels, "z", nowhere, scene) == DIM).all()
    assert (kernel_colors(kernels, "residual", replace(maps, residual=None), scene) == DIM).all()


def test_other_bodies_stand_where_they_are(painter, runs):
    held = runs.find((1, 1))
    others = (Companion((1, 1), 0, (10, 250, 20)), Companion((1, 9), 0, (250, 0, 0)))
    picture = painter.turn(held, Turn(1, 1, 7, False, replace(VIEW, others=others))).pictures
    alone = painter.turn(held, Turn(1, 1, 7, False, VIEW)).pictures["body"]
    green = picture["body"][..., 1].astype(int) - picture["body"][..., 2]
    assert (green > 60).sum() > 20  # the start; that of a run which is not held is left out
    assert (alone[..., 1].astype(int) - alone[..., 2] < 20).all()


def test_steps_around_the_painted_one_are_prepared(painter, runs):
    paint(painter, runs, Ink(), step=5)
    held, known = runs.find((1, 1)), []
    modelled = painter._modelled
    painter._modelled = lambda held, step: known.append(step) or modelled(held, step)
    while painter.prepare():
        pass
    assert known == [4, 6, 3, 7, 2, 1, 0] and not painter.prepare()
    assert held.fit.count == 8
    paint(painter, runs, Ink(), step=2)
    assert len(known) == 7  # a scrub only draws


def test_nothing_is_prepared_of_a_run_that_is_gone(painter, runs):
    assert not painter.prepare()  # nothing has been painted
    paint(painter, runs, Ink())
    forgetful = Painter(FakeBackend(0.0), lambda _key: None)
    forgetful._latest = painter._latest
    assert not forgetful.prepare()


def test_another_run_of_the_same_key_is_painted_anew(painter, runs, tmp_path):
    before = paint(painter, runs, Ink(), step=0).pictures["layer"]
    moved = np.roll(blob_photo(), 100, 1)
    Image.fromarray(moved).save(tmp_path / "moved.png")
    other = HeldRuns(FakeBackend(0.0))
    other.begin(Open(1, Run(1), str(tmp_path / "moved.png"))).fit.step()
    other.find((1, 1)).fit.vector[:] = other.find((1, 1)).fit.history[0] = (0.3, 0.3, 0.1)
    command = Paint(1, 1, 0, 640, False, None)
    assert (painter.paint(other.find((1, 1)), command).pictures["layer"] != before).any()
