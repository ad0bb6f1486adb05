"""What is optimised when, with which weights: data, never code."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

from core.errors import UserError
from core.fit.parameters import BODY
from core.fit.settings import FitSettings
from core.fit.term import TERMS, Term


@dataclass(frozen=True)
class Stage:
    """A run of optimiser steps on some parameters.

    Attributes:
        name: shown in the debugger and in reports.
        steps: number of steps; the optimiser's moments start afresh in each stage.
        parameters: which parameters of `core.fit.parameters.BODY` may move.
        weights: weight of each term; a term that is not named has weight 0.
        learning_rate: Adam's, in radians, metres (translation) and standard deviations (shape).

    Raises:
        UserError: a term or a parameter does not exist; or a weight, the learning rate or the
            number of steps is negative or not finite.
    """

    name: str
    steps: int
    parameters: tuple[str, ...]
    weights: Mapping[str, float]
    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        BODY.check(self.parameters)
        if self.steps < 0 or not 0 <= self.learning_rate < math.inf:
            numbers = f"{self.steps} steps and a learning rate of {self.learning_rate}"
            raise UserError(f"stage {self.name!r} cannot have {numbers}")
        for name, weight in self.weights.items():
            if not 0 <= weight < math.inf:
                raise UserError(f"term {TERMS.get(name).name!r} cannot have the weight {weight}")
            TERMS.get(name)


@dataclass(frozen=True, kw_only=True)
class Schedule(FitSettings):
    """All stages of a fit and everything else that decides its course.

    Attributes:
        starts: sources of candidates to begin at, tried in this order (`core.fit.start`); the
            candidate with the smallest objective is kept. Empty: all sources.
        turn_margin: by how much the turned start's objective must be smaller than any other's: a
            network that sees the whole picture is more often right about front and back than one
            comparison of objectives.
        beta_moments: Adam's decay rates.
        shared: parameters of which the rows of one person have one value (see `Problem.person`).

    Raises:
        UserError: there is no stage, no term has a weight, or a shared parameter does not exist.
    """

    stages: tuple[Stage, ...]
    starts: tuple[str, ...] = ()
    turn_margin: float = 20.0
    beta_moments: tuple[float, float] = (0.9, 0.99)
    shared: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        BODY.check(self.shared)
        if not any(stage.weights for stage in self.stages):
            raise UserError("a schedule needs a stage that gives a term a weight")

    @property
    def steps(self) -> int:
        """Optimiser steps of all stages together."""
        return sum(stage.steps for stage in self.stages)

    @property
    def terms(self) -> dict[str, Term]:
        """The terms that any stage weighs, in the order in which they are summed."""
        weighed = {name for stage in self.stages for name in stage.weights}
        return {name: term for name, term in TERMS.all().items() if name in weighed}

    @property
    def spans(self) -> Iterator[tuple[Stage, range]]:
        """Each stage with its records' numbers; the last has one more, after its last step."""
        first = 0
        for index, stage in enumerate(self.stages):
            stop = first + stage.steps + (index == len(self.stages) - 1)
            yield stage, range(first, stop)
            first = stop

    def stage_of(self, step: int) -> int:
        """Index of the stage that record number ``step`` belongs to."""
        for index, (_, span) in enumerate(self.spans):
            if step in span:
                return index
        return len(self.stages) - 1

    def with_weights(self, **weights: float) -> Schedule:
        """The same schedule with some weights changed in every stage.

        Raises:
            UserError: there is no such term.
        """
        stages = tuple(replace(s, weights={**s.weights, **weights}) for s in self.stages)
        return replace(self, stages=stages)

    def reweighed(self, weights: Mapping[str, float], learning_rate: float = 1.0) -> Schedule:
        """The same schedule with other weights in the stages that weigh a term, and other steps.

        Args:
            learning_rate: factor on that of each stage.

        Raises:
            UserError: no stage weighs one of the terms, or a number makes no sense.
        """
        if unknown := [name for name in weights if name not in self.terms]:
            raise UserError(
                f"this schedule has no term {unknown[0]!r}; it has {', '.join(self.terms)}"
            )
        stages = tuple(
            replace(
                s,
                weights={name: weights.get(name, old) for name, old in s.weights.items()},
                learning_rate=s.learning_rate * learning_rate,
            )
            for s in self.stages
        )
        return replace(self, stages=stages)

    def with_backend(self, backend: str) -> Schedule:
        """The same schedule rendered by another of `core.render.backends.BACKENDS`."""
        return replace(self, render=replace(self.render, backend=backend))

    def shortened(self, steps: int) -> Schedule:
        """The same schedule in fewer steps (or more), shared among its stages as before.

        Raises:
            UserError: the number is negative, or the schedule has no step to be shared.
        """
        if steps < 0 or self.steps == 0:
            raise UserError(f"a schedule of {self.steps} steps cannot be one of {steps}")
        ends = [0, *(round(steps * (span.start + s.steps) / self.steps) for s, span in self.spans)]
        pairs = zip(self.stages, pairwise(ends), strict=True)
        stages = tuple(replace(stage, steps=stop - start) for stage, (start, stop) in pairs)
        return replace(self, stages=stages)

    @staticmethod
    def standard() -> Schedule:
        """120 steps as in 3DNBF's release, first on the translation alone, then on everything.

        The release first rotates and moves the root for 40 steps. Here that turns bodies whose
        limbs are still wrong until these cover the right pixels. The terms' default weights belong
        to our scale of the likelihood.
        """

        def weights(stage: str) -> dict[str, float]:
            terms = [term for term in TERMS.all().values() if term.standard]
            return {t.name: t.weight for t in terms if not t.stages or stage in t.stages}

        place = Stage("place", 30, ("transl",), weights("place"))
        pose = Stage("pose", 90, BODY.names, weights("pose"))
        return Schedule(stages=(place, pose))


def parse_weights(settings: tuple[str, ...]) -> dict[str, float]:
    """Weights given as ``NAME=VALUE``.

    Raises:
        UserError: one of them is not of this form, or names no term.
    """
    weights = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        try:
            if not equals:
                raise ValueError(setting)
            weights[TERMS.get(name).name] = _weight(value)
        except ValueError:
            raise UserError(f"--weights {setting!r}: write NAME=VALUE, e.g. prior=15") from None
    return weights


def _weight(text: str) -> float:
    """A finite number that is not negative."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError(text)
    return value
