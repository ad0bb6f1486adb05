"""The solver finds a known answer, keeps people apart, and replays bit by bit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.fit.evidence import FeatureMap
from core.fit.fitter import finish
from core.fit.schedule import Schedule
from core.fit.solver import Solver
from core.fit.state import BodyState
from core.fit.term import TERMS, Term
from core.fit.trace import Trace
from core.geometry.rotations import rotate_180_about_y
from core.native import load_native
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


@pytest.fixture(scope="module")
def finished(model):
    problem = toy_problem(model, true_body())
    solver = Solver.begin(problem, model, quick_schedule(), perturbed(true_body()))
    finish(solver)
    return solver


def joint_error(model, params) -> float:
    def joints(body):
        return model.volume.pose(body.rotations(), body.betas, body.transl).joints

    return (joints(params) - joints(true_body(len(params)))).norm(dim=-1).mean().item()


@pytest.mark.slow
def test_fit_recovers_the_pose_that_drew_the_map(model):
    start = perturbed(true_body())
    solver = Solver.begin(toy_problem(model, true_body()), model, quick_schedule(40), start)
    finish(solver)
    before, after = joint_error(model, start), joint_error(model, solver.trace.best(model.volume))
    assert before > 0.06 and after < 0.4 * before


def test_records_cover_start_steps_and_end(finished):
    trace = finished.trace
    assert len(trace) == 21 and finished.done and finished.reason == "the schedule is over"
    assert trace.records[0].vector.abs().max() == 0
    assert [r.stage for r in trace.records[:11]] == [0] * 10 + [1]
    assert trace.losses("nll")[-1] < trace.losses("nll")[0]


def test_only_the_stage_parameters_move(finished):
    at_end_of_place = finished.trace.records[10].vector
    assert at_end_of_place[:, :82].abs().max() == 0
    assert at_end_of_place[:, 82:].abs().min() > 0
    assert finished.trace.records[-1].vector[:, 3:72].abs().max() > 0.01


def test_the_same_start_gives_the_same_bits(model, finished):
    again = Solver.begin(finished.problem, model, quick_schedule(), perturbed(true_body()))
    finish(again)
    for first, second in zip(finished.trace.records, again.trace.records, strict=True):
        assert torch.equal(first.vector, second.vector)
        assert torch.equal(first.total, second.total)


@pytest.mark.parametrize("cut", [1, 6, 10, 11, 17])
def test_resuming_from_any_step_replays_the_rest(model, finished, cut):
    trace = finished.trace
    loaded = Trace.of_arrays(trace.arrays(), trace.candidates).upto(cut)
    resumed = Solver.resume(finished.problem, model, quick_schedule(), loaded)
    finish(resumed)
    assert len(resumed.trace) == len(finished.trace)
    for first, second in zip(finished.trace.records, resumed.trace.records, strict=True):
        assert torch.equal(first.vector, second.vector)
        assert torch.equal(first.moments, second.moments)


def negative(array):
    return array - 2


def infinite(array):
    return array + np.float32(np.inf)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("winner", negative, "'winner' names a start"),
        ("winner", lambda array: array + 9, "'winner' names a start"),
        ("moment_steps", negative, "negative"),
        ("start/transl", infinite, "start/transl must hold finite"),
        ("vector", lambda array: array[:, :, :80], "'vector' is torch.float32 of"),
        ("total", lambda array: array.astype(np.float64), "'total' is torch.float64"),
    ],
)
def test_arrays_that_are_no_trace_are_refused(finished, name, change, message):
    arrays = finished.trace.arrays()
    with pytest.raises(ValueError, match=message):
        Trace.of_arrays(arrays | {name: change(arrays[name])}, finished.trace.candidates)


@pytest.mark.parametrize("backend", ["torch", "cpu"])
def test_every_backend_replays_bit_by_bit(model, backend):
    if backend == "cpu" and load_native() is None:
        pytest.skip("no native library is built")
    schedule = quick_schedule(3).with_backend(backend)
    problem, start = toy_problem(model, true_body()), perturbed(true_body())
    whole = Solver.begin(problem, model, schedule, start)
    finish(whole)
    resumed = Solver.resume(problem, model, schedule, whole.trace.upto(4))
    finish(resumed)
    for first, second in zip(whole.trace.records, resumed.trace.records, strict=True):
        assert torch.equal(first.vector, second.vector)
        assert torch.equal(first.total, second.total)


def test_backends_take_the_same_way(model):
    if load_native() is None:
        pytest.skip("no native library is built")
    problem, start = toy_problem(model, true_body()), perturbed(true_body())
    ends = []
    for backend in ("torch", "cpu"):
        solver = Solver.begin(problem, model, quick_schedule(3).with_backend(backend), start)
        *_, last = solver.run()
        ends.append(last)
    assert torch.allclose(ends[0].total, ends[1].total, rtol=1e-3)
    assert torch.allclose(ends[0].vector, ends[1].vector, atol=5e-3)


def test_the_turned_start_is_recognised(model):
    problem = toy_problem(model, true_body())
    body = BodyState.of(true_body())
    rotations = body.rotations.clone()
    rotations[:, 0] = rotate_180_about_y(rotations[:, 0])
    backwards = BodyState(rotations, body.betas, body.transl).params()
    two = Solver.begin(problem, model, quick_schedule(), backwards)
    assert two.trace.winner.tolist() == [1]
    assert torch.allclose(two.trace.start.rotations(), body.rotations, atol=1e-5)
    one = Solver.begin(problem, model, replace(quick_schedule(), starts=("given",)), backwards)
    assert one.trace.winner.tolist() == [0] and one.trace.candidates == ("given",)
    assert Solver.begin(problem, model, quick_schedule(), true_body()).trace.winner.item() == 0


def test_a_turn_needs_a_clear_margin(model):
    problem = toy_problem(model, true_body())
    body = BodyState.of(true_body())
    rotations = body.rotations.clone()
    rotations[:, 0] = rotate_180_about_y(rotations[:, 0])
    backwards = BodyState(rotations, body.betas, body.transl).params()
    free = Solver.begin(problem, model, quick_schedule(), backwards)
    gain = float(free.trace.scores[0] - free.trace.scores[1])
    assert free.trace.winner.item() == 1
    strict = replace(quick_schedule(), turn_margin=gain + 1)
    assert Solver.begin(problem, model, strict, backwards).trace.winner.item() == 0


def test_people_in_a_batch_do_not_influence_each_other(model):
    start = perturbed(true_body(2))
    schedule = quick_schedule(4)
    both = Solver.begin(toy_problem(model, true_body(2)), model, schedule, start)
    alone = Solver.begin(toy_problem(model, true_body()), model, schedule, start.select(1))
    for _ in zip(both.run(), alone.run(), strict=True):
        pass
    moved = both.trace.records[-1].vector
    assert torch.allclose(moved[1], alone.trace.records[-1].vector[0], atol=1e-4)
    assert (moved[0] - moved[1]).abs().max() > 1e-3


def broken_problem(model):
    """Two people; the features of the first are not finite where the body is."""
    problem = toy_problem(model, true_body(2))
    observed = problem.get(FeatureMap)
    features = observed.features.clone()
    features[0, 500:700] = torch.nan
    return problem.having(replace(observed, features=features))


def test_a_person_without_finite_loss_stays_and_is_named(model):
    solver = Solver.begin(broken_problem(model), model, quick_schedule(3), perturbed(true_body(2)))
    finish(solver)
    assert solver.alive.tolist() == [False, True]
    assert solver.vector.isfinite().all()
    assert solver.trace.records[-1].vector[1].abs().max() > 0


def failing_from(step: int) -> Term:
    """A term that is not finite for the first person from some step on."""
    count = iter(range(1000))

    def residual(at):
        first = torch.tensor([1.0, 0.0]) if next(count) >= step else torch.zeros(2)
        return torch.where(first.bool(), torch.nan, at.vector.square().sum(1))

    return Term("failing", 200, residual, 1.0, "", "", "")


@pytest.mark.parametrize("step", [0, 2, 3])
def test_a_person_who_stayed_stays_after_resuming(model, step):
    problem, start = toy_problem(model, true_body(2)), perturbed(true_body(2))
    with TERMS.added(failing_from(step)):
        schedule = quick_schedule(3).with_weights(failing=1.0)
        whole = Solver.begin(problem, model, schedule, start)
        finish(whole)
        assert whole.alive.tolist() == [False, True]
    with TERMS.added(failing_from(1000)):  # finite again, which does not bring anyone back
        resumed = Solver.resume(problem, model, schedule, whole.trace.upto(step + 2))
        finish(resumed)
    assert resumed.alive.tolist() == [False, True]
    assert torch.equal(resumed.vector[0], whole.vector[0])
    assert not torch.equal(resumed.vector[1], whole.trace.records[step + 1].vector[1])


def test_the_best_step_is_finite_where_any_is(model):
    problem, start = toy_problem(model, true_body(2)), perturbed(true_body(2))
    with TERMS.added(failing_from(3)):  # from the first step of the second stage on
        schedule = quick_schedule(3).with_weights(failing=1.0)
        trace = finish(Solver.begin(problem, model, schedule, start))
    first, second = trace.best_steps().tolist()
    assert first in (0, 1, 2) and trace.records[first].total[0].isfinite()
    assert second >= 3
    broken = Solver.begin(broken_problem(model), model, quick_schedule(3), start)
    assert finish(broken).best_steps()[0] == 0


def test_a_term_of_weight_zero_does_not_count(model):
    with TERMS.added(failing_from(0)):
        schedule = quick_schedule(2).with_weights(failing=0.0)
        solver = Solver.begin(toy_problem(model, true_body(2)), model, schedule, true_body(2))
        finish(solver)
    assert solver.alive.all() and solver.trace.losses("failing")[0, 0] != 0
    nothing = quick_schedule(1).with_weights(**dict.fromkeys(schedule_terms(), 0.0))
    still = Solver.begin(toy_problem(model, true_body()), model, nothing, true_body())
    finish(still)
    assert still.vector.abs().max() == 0


def schedule_terms():
    return quick_schedule().terms


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"prior": float("nan")}}, "'prior' cannot have the weight nan"),
        ({"weights": {"prior": -1.0}}, "'prior' cannot have the weight -1"),
        ({"weights": {"odd": 1.0}}, "no term 'odd'"),
        ({"parameters": ("hands",)}, "no parameter 'hands'"),
        ({"steps": -3}, "-3 steps"),
        ({"learning_rate": float("inf")}, "learning rate of inf"),
    ],
)
def test_a_stage_that_makes_no_sense_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        replace(Schedule.standard().stages[0], **change)


def test_a_schedule_without_stages_or_terms_is_refused():
    bare = replace(Schedule.standard().stages[0], weights={})
    for stages in ((), (bare,)):
        with pytest.raises(UserError, match="a stage that gives a term a weight"):
            Schedule(stages=stages)
    with pytest.raises(UserError, match="no parameter 'hands'"):
        replace(Schedule.standard(), shared=("hands",))


def test_keypoints_pull_joints_to_their_pixels(model):
    weights = {"nll": 0.0, "keypoints": 1.0, "prior": 0.0, "anchor": 0.0}
    schedule = quick_schedule(25).with_weights(**weights)
    problem = toy_problem(model, true_body(), keypoints=True)
    solver = Solver.begin(problem, model, schedule, perturbed(true_body()))
    finish(solver)
    errors = solver.trace.losses("keypoints")
    assert errors[-1] < 0.05 * errors[0]


def test_schedule_knows_its_stages():
    schedule = Schedule.standard()
    assert schedule.steps == 120
    assert [schedule.stage_of(i) for i in (0, 29, 30, 119, 120)] == [0, 0, 1, 1, 1]
    changed = schedule.with_weights(prior=7.0)
    assert all(stage.weights["prior"] == 7.0 for stage in changed.stages)
    assert schedule.stages[1].weights["prior"] != 7.0
