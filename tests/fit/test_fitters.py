"""Fitters, detectors and shared parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from core.errors import UserError
from core.fit.detector import DETECTORS, Detector
from core.fit.fitter import FITTERS, Fitter, finish
from core.fit.parameters import BODY, ParameterLayout, tie
from core.fit.solver import Solver
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
from tests.untrained import short_schedule

BOX = Box(20, 60, 300, 440)


@pytest.fixture(scope="module")
def photo():
    return load_image("skimage:camera").pixels


@dataclass(frozen=True)
class Brightness(Rows):
    mean: Tensor


def test_a_detector_from_outside_adds_its_evidence(engine, photo):
    toy = Detector(
        name="toy",
        order=50,
        needs="a crop",
        gives=(Brightness,),
        unit="0..1",
        confidence="none",
        description="the crop's mean",
        load=lambda: lambda crops: (Brightness(crops.images.flatten(1).mean(1)),),
    )
    with DETECTORS.added(toy):
        both = replace(engine, detectors={**engine.detectors, "toy": toy.load()})
        seen = both.observe(photo, BOX)
    assert seen.problem.get(Brightness).mean.item() == pytest.approx(seen.crop.mean() / 255, 1e-2)
    assert engine.observe(photo, BOX).problem.find(Brightness) is None


def test_a_fitter_from_outside_is_used_by_name(engine, photo):
    class Still(Solver):
        """Evaluates the start and stops."""

        done = property(lambda self: len(self.trace.records) > 0)
        reason = "it never moves"

    toy = Fitter("still", 50, "the start as it is", BODY, Still.begin, Still.resume)
    observation = engine.observe(photo, BOX)
    with FITTERS.added(toy):
        fit = engine.begin(observation, short_schedule(), method="still")
        assert len(finish(fit)) == 1 and fit.reason == "it never moves"
    with pytest.raises(UserError, match="no method 'still'; there are nbf"):
        engine.begin(observation, short_schedule(), method="still")


def test_layout_names_slices():
    layout = ParameterLayout({"a": 2, "b": 3})
    assert layout.size == 5 and layout.slice("b") == slice(2, 5)
    assert layout.mask(["b"], torch.zeros(())).tolist() == [0, 0, 1, 1, 1]
    with pytest.raises(UserError, match="no parameter 'c'; there are a, b"):
        layout.check(["c"])
    assert BODY.size == 85 and BODY.slice("transl") == slice(82, 85)


def test_tied_gradients_are_sums_over_a_persons_rows():
    gradient = torch.arange(6.0).view(3, 2)
    tied = tie(gradient, torch.tensor([0.0, 1.0]), torch.tensor([7, 4, 7]))
    assert tied.tolist() == [[0, 6], [2, 3], [4, 6]]


def test_the_frames_of_a_person_keep_one_shape():
    model = toy_model()
    start, problem = perturbed(true_body(3)), toy_problem(model, true_body(3))
    person = torch.tensor([0, 1, 0])
    problem = replace(problem, person=person, frame=torch.tensor([0, 0, 1]))
    shared = replace(quick_schedule(5), shared=("betas",))
    tied, free = (
        BODY.get(finish(Solver.begin(problem, model, schedule, start)).records[-1].vector, "betas")
        for schedule in (shared, quick_schedule(5))
    )
    assert torch.equal(tied[0], tied[2]) and not torch.equal(tied[0], tied[1])
    assert not torch.equal(free[0], free[2])
