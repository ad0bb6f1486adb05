"""Answers of the real engine that come piece by piece."""

from __future__ import annotations

from collections.abc import Iterator

from app.protocol import search as asked
from core.eval.slide import Search, SlideSettings, patch_occluder
from core.eval.slide import Slide as SlideState
from core.fit.engine import Engine
from core.fit.fitter import Fit
from core.fit.landscape import Landscape, Survey
from core.fit.observation import Observation
from core.fit.sweep import ROWS, Parameter, Sweep, sweep
from core.fit.visit import Visit

COARSE, FINE = 13, 49
"""Values of a sweep, first and then."""
AT_ONCE = 3 * ROWS
"""Points of a landscape between two answers."""


def pieces(
    engine: Engine, observation: Observation, fit: Fit, step: int, inquiry: asked.Inquiry
) -> Iterator[asked.Findings]:
    """What is known so far, after each piece of work.

    Raises:
        UserError: there is no such parameter, or a setting makes no sense.
    """
    if isinstance(inquiry, asked.Slide):
        settings = SlideSettings(inquiry.patch, inquiry.stride, inquiry.steps)
        slide = Search.of(engine, observation, settings, schedule=fit.schedule)
        yield _heat(slide.beginning)
        yield from map(_heat, slide.pieces())
        return
    visit = Visit.of(fit.problem, fit.model, fit.schedule, fit.trace, step)
    if isinstance(inquiry, asked.Sweep):
        parameter = Parameter.parse(inquiry.parameter)
        for count in (COARSE, FINE):
            yield _curve(sweep(visit, parameter, count=count), count == FINE)
        return
    both = Parameter.parse(inquiry.first), Parameter.parse(inquiry.second)
    survey = Survey.of(visit, fit.trace, both)
    while survey.waiting:
        yield _field(survey.advance(AT_ONCE))


def _curve(found: Sweep, over: bool) -> asked.Curve:
    terms = tuple((name, tuple(values.tolist())) for name, values in found.terms.items())
    return asked.Curve(
        over=over,
        unit=found.parameter.unit,
        here=found.here,
        values=tuple(found.values.tolist()),
        terms=terms,
        total=tuple(found.total.tolist()),
        minima=found.minima,
        mirror=found.mirror,
    )


def _field(found: Landscape) -> asked.Field:
    first, second = found.parameters
    return asked.Field(
        over=found.complete,
        units=(first.unit, second.unit),
        values=(tuple(found.values[0].tolist()), tuple(found.values[1].tolist())),
        total=tuple(tuple(row) for row in found.total.tolist()),
        here=found.here,
        path=tuple((a, b) for _, a, b in found.path),
        minima=found.minima,
    )


def _heat(found: SlideState) -> asked.Heat:
    settings = found.header.settings
    patches = (patch_occluder(patch, settings, i) for i, patch in enumerate(found.patches))
    cell = found.patches[0].side * settings.stride / settings.patch
    errors = tuple(found.errors.tolist())
    return asked.Heat(not found.waiting, tuple(patches), errors, found.worst, cell)
