"""Starts: any number of candidates from any source, the best of which is fitted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.errors import UserError
from core.fit.evidence import GivenBody, RegressedBody
from core.fit.solver import Solver
from core.fit.start import STARTS, Candidate, Start, choose_start
from core.fit.starts.turned import turned
from core.fit.state import BodyState
from tests.fit.toy_problem import (
    perturbed,
    quick_schedule,
    toy_model,
    toy_problem,
    true_body,
)


@pytest.fixture(scope="module")
def model():
    return toy_model()


def backwards(batch=1):
    return turned(BodyState.of(true_body(batch))).params()


def test_a_given_body_replaces_the_regressed_one(model):
    problem = toy_problem(model, true_body()).having(RegressedBody(backwards()))
    regressed = choose_start(problem, model, quick_schedule())
    assert regressed.names == ("regressed", "turned") and regressed.winner.tolist() == [1]
    given = choose_start(problem.having(GivenBody(true_body())), model, quick_schedule())
    assert given.names == ("given", "turned") and given.winner.tolist() == [0]


def test_each_row_chooses_for_itself(model):
    bodies = [true_body(), backwards()]
    mixed = RegressedBody(type(bodies[0]).stack(bodies))
    problem = toy_problem(model, true_body(2)).having(mixed)
    choice = choose_start(problem, model, quick_schedule())
    assert choice.winner.tolist() == [0, 1]
    truth = BodyState.of(true_body(2))
    assert torch.allclose(choice.body.rotations, truth.rotations, atol=1e-5)


def test_a_start_from_outside_competes_and_is_recorded(model):
    def propose(problem, _model, _schedule, _before):
        return [Candidate("truth", BodyState.of(true_body(len(problem))))]

    start = Start("oracle", 50, propose, "the truth")
    far = perturbed(true_body(), seed=3, scale=0.4)
    problem = toy_problem(model, true_body()).having(RegressedBody(far))
    with STARTS.added(start):
        schedule = replace(quick_schedule(), starts=("regressed", "turned", "oracle"))
        trace = Solver.begin(problem, model, schedule).trace
    assert trace.candidates == ("regressed", "turned", "truth")
    assert trace.winner.tolist() == [2] and trace.scores[2] < trace.scores[:2].min()
    assert torch.allclose(trace.start.rotations(), true_body().rotations(), atol=1e-5)


def test_a_candidate_without_finite_likelihood_loses(model, monkeypatch):
    scores = iter([torch.tensor([torch.nan, 1.0]), torch.tensor([3.0, torch.nan])])
    monkeypatch.setattr("core.fit.start.score", lambda *_: next(scores))
    problem = toy_problem(model, true_body(2)).having(RegressedBody(backwards(2)))
    assert choose_start(problem, model, quick_schedule()).winner.tolist() == [1, 0]


def test_nothing_to_start_from_is_said(model):
    with pytest.raises(UserError, match="no body to start from"):
        choose_start(toy_problem(model, true_body()), model, quick_schedule())
    unknown = replace(quick_schedule(), starts=("guess",))
    with pytest.raises(
        UserError, match="no start 'guess'; there are given, placed, lifted, regressed, turned"
    ):
        choose_start(toy_problem(model, true_body()), model, unknown)
