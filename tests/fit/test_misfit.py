"""Fits that doubt themselves."""

from dataclasses import replace

import pytest
import torch

from core.fit.evidence import BodyPoints, FeatureMap
from core.fit.fitter import finish
from core.fit.misfit import LARGEST, doubt, points_misfit
from core.fit.solver import Solver
from tests.fit.test_points import seen
from tests.fit.toy_problem import quick_schedule, toy_model, toy_problem, true_body


@pytest.fixture(scope="module")
def model():
    return toy_model()


def finished(problem, model):
    """A fit that stays at its start."""
    fit = Solver.begin(problem, model, quick_schedule(steps=0), true_body())
    finish(fit)
    return fit


def test_the_misfit_is_the_term_of_the_points(model):
    moved = replace(true_body(), transl=true_body().transl + torch.tensor([[0.1, 0.0, 0.0]]))
    problem = seen(model, moved)
    fit = finished(problem, model)
    misfit = points_misfit(problem, model, true_body())
    assert misfit.item() == pytest.approx(fit.trace.records[0].terms["points"].item(), rel=1e-5)
    assert points_misfit(problem, model, moved).item() == pytest.approx(0, abs=1e-3)
    assert points_misfit(toy_problem(model, moved), model, moved) is None


def test_a_body_at_its_points_is_not_doubted_and_one_far_away_is(model):
    here = seen(model, true_body())
    assert doubt(finished(here, model), here, model) == ""
    beside = here.get(BodyPoints)
    away = here.having(BodyPoints(beside.xy + 30.0, beside.sigma))
    words = doubt(finished(away, model), away, model)
    assert f"at most {LARGEST:g}" in words and "\n" not in words


def test_points_outside_the_photo_do_not_count(model):
    here = seen(model, true_body())
    beside, photo = here.get(BodyPoints), here.get(FeatureMap)
    xy = beside.xy.clone()
    xy[0, 0] += 40.0
    moved = here.having(BodyPoints(xy, beside.sigma))
    assert points_misfit(moved, model, true_body()).item() > 5
    column, row = (xy[0, 0] / photo.stride).long().tolist()
    cut = photo.inside.unflatten(1, photo.size).clone()
    cut[0, row, column] = 0.4
    outside = moved.having(replace(photo, inside=cut.flatten(1)))
    assert points_misfit(outside, model, true_body()).item() == pytest.approx(0, abs=1e-3)
    xy[0, 0] = -3.0
    beyond = here.having(BodyPoints(xy, beside.sigma))
    assert points_misfit(beyond, model, true_body()).item() == pytest.approx(0, abs=1e-3)


def test_nothing_is_doubted_where_nothing_is_detected(model):
    bare = toy_problem(model, true_body())
    assert doubt(finished(bare, model), bare, model) == ""
