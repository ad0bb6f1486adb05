"""Terms are data: what is named is summed, recorded, reported and drawn, and nothing else is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from core.errors import UserError
from core.fit.evaluation import Evaluation
from core.fit.fitter import finish
from core.fit.objective import objective, weighted_sum
from core.fit.parameters import BODY
from core.fit.result import Origin, make_report
from core.fit.schedule import Schedule, Stage, parse_weights
from core.fit.sheet import Sheet
from core.fit.solver import Solver
from core.fit.state import BodyState
from core.fit.term import TERMS, Term
from core.geometry.crop import Box
from core.io.images import load_image
from core.rows import Rows
from tests.fit.toy_problem import (
    perturbed,
    quick_schedule,
    toy_model,
    toy_problem,
    true_body,
)
from tests.untrained import short_schedule, untrained_engine


@dataclass(frozen=True)
class Heights(Rows):
    """Evidence of a kind that the package does not know: how high each pelvis is."""

    metres: Tensor


def height_error(at: Evaluation):
    return (at.posed.joints[:, 0, 1] - at.problem.get(Heights).metres).square()


TOY = Term(
    name="toy",
    order=80,
    residual=height_error,
    weight=1000.0,
    unit="m^2",
    description="squared error of the pelvis's height",
    equation="(y_0 - h)^2",
    needs=(Heights,),
)


@pytest.fixture(scope="module")
def model():
    return toy_model()


def at(model, problem, schedule=None):
    body = BodyState.of(perturbed(true_body(len(problem))))
    vector = torch.zeros(len(problem), BODY.size)
    return Evaluation.at(problem, model, body, vector, schedule or quick_schedule())


def test_the_package_has_these_terms():
    names = ["nll", "keypoints", "points", "wishes", "joint_estimate", "foreshortening"]
    assert list(TERMS.all()) == [*names, "prior", "limits", "shape", "anchor"]
    for term in TERMS.all().values():
        assert term.description and term.equation and term.weight > 0


def test_a_misspelt_weight_is_refused():
    with pytest.raises(UserError, match="no term 'pior'; there are nll, keypoints"):
        Schedule.standard().with_weights(pior=3.0)
    with pytest.raises(UserError, match="no parameter 'pose'; there are global_orient"):
        Stage("all", 5, ("pose",), {"nll": 1.0})


@pytest.mark.parametrize("text", ["prior", "prior=", "prior=much", "prior=-1", "prior=nan", "=1"])
def test_weights_of_the_command_line_are_checked(text):
    with pytest.raises(UserError, match=r"NAME=VALUE|no term"):
        parse_weights((text,))
    assert parse_weights(("prior=2", "anchor=0")) == {"prior": 2.0, "anchor": 0.0}


def test_the_objective_is_the_weighted_sum_of_the_named_terms(model):
    schedule = quick_schedule()
    here = at(model, toy_problem(model, true_body(2)), schedule)
    costs = objective(here, schedule.terms)
    standard = [name for name, term in TERMS.all().items() if term.standard]
    assert list(costs) == standard and "wishes" not in standard
    total = weighted_sum(costs, {"prior": 2.0, "shape": 3.0})
    assert torch.allclose(total, 2 * costs["prior"] + 3 * costs["shape"])
    alone = replace(schedule, stages=(Stage("one", 2, BODY.names, {"nll": 1.0}),))
    assert list(alone.terms) == ["nll"]


def test_a_term_whose_evidence_is_missing_is_zero(model):
    problem = toy_problem(model, true_body())
    with TERMS.added(TOY):
        assert TOY.cost(at(model, problem)) == 0
        seen = problem.having(Heights(torch.tensor([1.5])))
        assert TOY.cost(at(model, seen)) > 1


def test_a_term_from_outside_is_in_objective_and_trace(model):
    start = perturbed(true_body())
    problem = toy_problem(model, true_body()).having(Heights(torch.tensor([0.4])))
    with TERMS.added(TOY):
        trace = finish(Solver.begin(problem, model, quick_schedule(40), start))
    errors = trace.losses("toy")
    assert trace.terms[-1] == "toy" and errors[-1] < 0.2 * errors[0]  # it pulls


def test_a_term_from_outside_is_in_report_and_plot():
    engine = untrained_engine()
    photo = load_image("skimage:camera").pixels
    observation = engine.observe(photo, Box(20, 60, 300, 440))
    seen = replace(observation, problem=observation.problem.having(Heights(torch.tensor([0.4]))))
    with TERMS.added(TOY):
        fit = engine.begin(seen, short_schedule())
        finish(fit)
        sheet = Sheet.of(engine, seen, fit)
        report = make_report(seen, fit, Origin("a", "given", "lite", "cpu", 0), sheet.maps(0), {})
        assert report.loss["toy"].start > 0
        assert "toy" in sheet.curves()


def test_two_terms_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two terms called 'nll'"):
        TERMS.add(replace(TOY, name="nll"))
    assert TERMS.get("nll").unit == "nats"
