"""The evaluation's protocols on a few procedural people, with untrained weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.body.load import load_body
from core.eval.scores import surface_scores
from core.eval.synthetic import PATCHES, SEED, make_case, score_people, tabulate
from core.fit.fitter import FITTERS
from core.synth.people import PeopleSampler
from tests.untrained import short_schedule, untrained_engine


@pytest.fixture(scope="module")
def sampler():
    return PeopleSampler(SEED, None, "test")


@pytest.fixture(scope="module")
def samples(sampler):
    return [sampler.sample(index) for index in range(3)]


def test_clean_people_stay_as_they_are(sampler, samples):
    case = make_case(samples, 0, PATCHES["clean"], sampler.materials.patch)
    assert np.array_equal(case.images[1], samples[1].image)
    assert np.array_equal(case.occluder[2], samples[2].occluder)
    assert case.scored.any()


def test_patches_hide_and_what_they_hide_does_not_count(sampler, samples):
    clean = make_case(samples, 0, 0, sampler.materials.patch)
    case = make_case(samples, 0, PATCHES["occ80"], sampler.materials.patch)
    side = round(80 * 256 / 224)
    for index in range(len(samples)):
        added = case.occluder[index] & ~clean.occluder[index]
        assert 0 < added.sum() <= side * side
        changed = (case.images[index] != samples[index].image).any(-1)
        assert changed.sum() <= side * side
    assert (case.scored & ~clean.scored).sum() == 0
    assert case.scored.sum() < clean.scored.sum()


def test_the_same_patch_whatever_the_batch(sampler, samples):
    together = make_case(samples, 0, 80, sampler.materials.patch)
    alone = make_case(samples[2:], 2, 80, sampler.materials.patch)
    assert np.array_equal(together.images[2], alone.images[0])


def test_errors_of_the_surface(sampler, samples):
    """The pelvis is aligned, a pose is not a shape, and a shape has its own error."""
    truth = make_case(samples, 0, 0, sampler.materials.patch).truth
    body = load_body()
    moved = replace(truth, transl=truth.transl + torch.tensor([0.1, 0.0, 1.0]))
    assert np.stack(surface_scores(body, moved, truth)).max() < 1e-2
    turned = replace(truth, global_orient=truth.global_orient + torch.tensor([0.0, 0.0, 0.3]))
    pve, pa_pve, pve_t_sc = surface_scores(body, turned, truth)
    assert pve.min() > 10 and pa_pve.max() < 1e-2 and pve_t_sc.max() < 1e-2
    wider = replace(truth, betas=truth.betas + torch.eye(10)[0])
    assert np.stack(surface_scores(body, wider, truth)).min() > 0.5


def test_both_methods_get_rows_under_every_protocol(sampler, samples):
    scores = score_people(
        untrained_engine(), samples[:2], sampler.materials.patch, schedule=short_schedule(), batch=2
    )
    report = tabulate(scores, "two people")
    assert [(row.protocol, row.method) for row in report.rows] == [
        *(("clean", "init"), ("clean", "start"), ("clean", "nbf")),
        *(("occ80", "init"), ("occ80", "start"), ("occ80", "nbf")),
    ]
    for row in report.rows:
        assert row.n == 2 and row.mpjpe_mm.value > row.pa_mpjpe_mm.value > 0
        assert row.pve_mm.value > row.pa_pve_mm.value > 0 and row.pve_t_sc_mm.value > 0
    assert report.rows[0].pa_change_mm.value is None
    assert report.rows[1].pa_change_mm.value is not None
    assert [protocol.name for protocol in report.protocols] == ["clean", "occ80"]
    fits = tabulate(scores, "two people", ["nbf"])
    assert fits.rows == [row for row in report.rows if row.method == "nbf"]


def test_any_fitter_is_evaluated_by_name(sampler, samples):
    twin = replace(FITTERS.get("nbf"), name="twin")
    with FITTERS.added(twin):
        scores = score_people(
            untrained_engine(),
            samples[:1],
            sampler.materials.patch,
            ("clean",),
            short_schedule(),
            methods=("nbf", "twin"),
        )
    assert [method for _, method in scores] == ["init", "nbf", "twin"]
    assert scores["clean", "twin"].mpjpe == scores["clean", "nbf"].mpjpe
    assert scores["clean", "twin"].mpjpe != scores["clean", "init"].mpjpe
