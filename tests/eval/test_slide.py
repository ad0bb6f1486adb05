"""A patch that slides over a photo, with weights that have learnt nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from core.cli import main
from core.errors import UserError
from core.eval.metrics import mpjpe
from core.eval.occluders import patch_seed
from core.eval.slide import Search, Slide, SlideSettings, patch_occluder
from core.eval.slide_sheet import draw_heat, slide_sheet
from core.fit.photo_joints import photo_points
from core.io.images import load_image
from core.occlusion.fills import Texture
from core.occlusion.occluder import drawn
from tests.fit.test_engine import BOX

SETTINGS = SlideSettings(patch=80, stride=72, steps=4)


@pytest.fixture(scope="module")
def photo():
    return load_image("skimage:camera").pixels


@pytest.fixture(scope="module")
def observation(engine, photo):
    return engine.observe(photo, BOX)


@pytest.fixture(scope="module")
def search(engine, observation):
    return Search.of(engine, observation, SETTINGS)


@pytest.fixture(scope="module")
def states(search):
    return list(search.run())


def test_the_patch_covers_the_persons_part_of_the_photo_evenly(search, observation):
    patches = search.beginning.patches
    assert len(patches) == 9 and len({p.side for p in patches}) == 1
    corners = observation.view.to_photo(256 * np.array([[0.0, 0], [1, 1]]))
    side = (corners[1] - corners[0]).max()
    assert patches[0].side == pytest.approx(80 * side / 224, rel=0.05)
    assert (patches[0].x, patches[0].y) == pytest.approx(corners[0], abs=0.03 * side)
    last = patches[-1]
    assert (last.x + last.side, last.y + last.side) == pytest.approx(corners[1], abs=0.06 * side)


def test_pieces_are_small_and_lead_to_the_same_search(search, states):
    half = states[4]
    pieces = list(search.pieces(half))
    assert [len(p.waiting) for p in pieces[:3]] == [4, 3, 3]  # looked, fitted, looked
    np.testing.assert_array_equal(pieces[-1].joints, states[-1].joints)


def test_each_position_is_a_fit_to_the_photo_with_the_patch(engine, search, states, observation):
    assert [len(s.waiting) for s in states] == [*range(8, -1, -1)]
    slide, index = states[-1], 4
    patch = slide.patches[index]
    texture = Texture(patch_seed(SETTINGS.seed, index))
    corners = [(patch.x, patch.y), (patch.x + patch.side, patch.y + patch.side)]
    covered = engine.observe(
        observation.photo, BOX, occluders=(drawn("rectangle", corners, fill=texture),)
    )
    fit = engine.begin(covered, search.schedule, search.start)
    while not fit.done:
        fit.step()
    assert fit.trace.candidates == ("given",)  # the start of the fit without a patch alone
    body = fit.trace.best(engine.volume)
    joints = engine.volume.joints(body.rotations(), body.betas, body.transl)[0]
    assert torch.equal(torch.from_numpy(slide.joints[index]), joints)
    on_photo = photo_points(torch.from_numpy(slide.reference), observation.view)
    under = patch.covers(on_photo)
    assert under.any() and not slide.scored[index][under].any()
    shown = torch.from_numpy(slide.scored[index])
    reference = torch.from_numpy(slide.reference)
    error = mpjpe(joints[None], reference[None], shown[None])
    assert slide.errors[index] == pytest.approx(float(error)) and float(error) > 1
    assert slide.worst == int(np.nanargmax(slide.errors))


def test_a_stopped_search_goes_on_as_if_it_had_not(search, states, tmp_path):
    states[3].save(tmp_path / "slide.npz")
    before = Slide.load(tmp_path / "slide.npz")
    assert before.waiting == [4, 5, 6, 7, 8]
    rest = list(search.run(before))
    assert len(rest) == 5 and (rest[-1].joints == states[-1].joints).all()
    assert (rest[-1].errors == states[-1].errors).all()


def test_a_search_of_something_else_is_not_gone_on_with(engine, search, observation, states):
    header = replace(states[0].header, settings=replace(SETTINGS, seed=1))
    with pytest.raises(UserError, match="another photo, person or patch"):
        next(search.run(replace(states[0], header=header)))
    covered = engine.observe(
        observation.photo, BOX, occluders=(drawn("ellipse", [(50, 50), (90, 90)]),)
    )
    other = Search.of(engine, covered, SETTINGS)
    with pytest.raises(UserError, match="another photo, person or patch"):
        search.taken_up(other.beginning)
    (seen, _), patch = other.at(0), patch_occluder(other.beginning.patches[0], SETTINGS, 0)
    assert seen.occluders == (*covered.occluders, patch)


def test_errors_may_be_against_the_truth(engine, observation, states):
    truth = torch.from_numpy(states[-1].joints[0])
    search = Search.of(engine, observation, SETTINGS, truth=truth)
    first = next(search.run())
    assert first.errors[0] == pytest.approx(0, abs=1e-3)
    assert first.header.against_truth


def test_the_heat_map_grows(search, states, photo):
    grey = draw_heat(photo, search.beginning)
    assert (grey[..., 0] == grey[..., 1]).all()
    first, last = draw_heat(photo, states[0]), draw_heat(photo, states[-1])
    colored = [(picture[..., 0] != picture[..., 2]).mean() for picture in (first, last)]
    assert 0 < colored[0] < 0.4 * colored[1]
    patch = states[-1].patches[states[-1].worst]
    middle = last[patch.y + patch.side // 2, patch.x + patch.side // 2].astype(int)
    assert middle[0] > middle[2] + 30  # the bright end of the colours
    assert (
        slide_sheet(search, states[-1], "a").shape[1] > slide_sheet(search, states[0], "a").shape[1]
    )


def test_patches_at_a_position_have_their_own_texture(search):
    one, other = (patch_occluder(search.beginning.patches[0], SETTINGS, i) for i in (0, 1))
    assert one.fill != other.fill and one.shape == other.shape


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"patch": 0}, "a patch has 1 to 224"),
        ({"stride": 0}, "a sliding patch needs"),
        ({"steps": 0}, "a sliding patch needs"),
        ({"patch": 1, "stride": 1}, "more than 10000 positions"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(UserError, match=message):
        replace(SETTINGS, **changes)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: replace(s, patches=s.patches[:2]), "array 'joints' is float32"),
        (lambda s: replace(s, reference=s.reference * np.nan), "joints are not finite"),
        (lambda s: replace(s, header=replace(s.header, format="x")), "is not a search"),
        (lambda s: replace(s, header=replace(s.header, version=2)), "this version reads 1"),
    ],
)
def test_damaged_files(search, tmp_path, damage, message, states):
    damage(states[0]).save(tmp_path / "slide.npz")
    with pytest.raises(UserError) as caught:
        Slide.load(tmp_path / "slide.npz")
    assert message in str(caught.value) and "slide.npz" in str(caught.value)


def test_the_command(engine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("core.fit.engine.Engine.load", lambda *_, **__: engine)
    out = tmp_path / "out"
    command = ["occlude", "skimage:camera", "--bbox", "20,60,300,440", "--out", str(out)]
    command += ["--slide", "112", "--stride", "112", "--steps", "2", "--json"]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    slide = Slide.load(out / "slide.npz")
    assert len(said["errors_mm"]) == len(slide.patches) == 4 and not slide.waiting
    assert (out / "slide.png").exists()
    monkeypatch.setattr("core.eval.slide.Search.at", None)  # nothing is left to do
    monkeypatch.setattr(
        "core.eval.slide_sheet.slide_sheet", lambda *_: np.zeros((9, 9, 3), np.uint8)
    )
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out) == said
    before = (out / "slide.npz").read_bytes()
    assert main([*command, "--seed", "3"]) == 2
    assert "another photo, person or patch" in capsys.readouterr().err
    assert (out / "slide.npz").read_bytes() == before
