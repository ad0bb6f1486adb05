"""A fit with moves and wishes (`core.body.moves`): it begins at the moved body, and hears them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.moves import Drag, Move, Moves, Value, Wishes
from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.fit.branch import cut
from core.fit.evaluation import Evaluation
from core.fit.evidence import WishedJoints
from core.fit.model import GenerativeModel
from core.fit.objective import weighted_sum
from core.fit.observation import Observation
from core.fit.photo_joints import photo_scale
from core.fit.problem import Problem
from core.fit.reach import Goal, reach
from core.fit.schedule import Schedule
from core.fit.state import BodyState, Chart
from core.fit.sweep import Parameter
from core.fit.term import Term
from core.fit.terms.anchor import TERM as ANCHOR
from core.fit.terms.wishes import TERM as WISHED
from core.fit.trace import Trace
from core.geometry.crop import CropView

WISHES = WISHED.name


def moved(
    body: BodyState, moves: Sequence[Move], model: GenerativeModel, observation: Observation
) -> BodyState:
    """A body after moves, one after the other.

    Args:
        body: one row, in the frame of the crop's camera.

    Raises:
        UserError: a move takes the body behind the camera, or to no body at all.
    """
    with torch.no_grad():
        for move in moves:
            body = _moved(body, move, model, observation)
    if not all(bool(value.isfinite().all()) for value in vars(body).values()):
        raise UserError("these moves lead to no body; take the last one back")
    return body


def _moved(
    body: BodyState, move: Move, model: GenerativeModel, observation: Observation
) -> BodyState:
    """A body after one move."""
    volume, view = model.volume, observation.view
    if isinstance(move, Value):
        parameter = Parameter.parse(move.parameter)
        return parameter.applied(body, volume, body.transl.new_tensor([move.value]))
    joint = JOINT_NAMES.index(move.joint)
    if isinstance(move, Drag):
        pixel = view.to_crop(np.array([[move.x, move.y]]))[0]
        goal = Goal(joint, pixel=torch.as_tensor(pixel).to(body.transl))
    else:
        place = view.rotation.T @ np.array([move.x, move.y, move.z])
        goal = Goal(joint, place=torch.as_tensor(place).to(body.transl))
    return reach(body, model, observation.problem.camera.to(body.transl.device), goal)


def with_wishes(observation: Observation, wishes: Wishes) -> Observation:
    """The observation with wishes as evidence, or without them if there are none."""
    problem = observation.problem
    if wishes:
        problem = problem.having(_wished(wishes, observation.view))
    elif problem.find(WishedJoints) is not None:
        problem = problem.without(WishedJoints)
    return replace(observation, problem=problem)


def wishing(schedule: Schedule, wishes: Wishes) -> Schedule:
    """The schedule with the term of wishes, if there are any and it has none."""
    if not wishes or WISHES in schedule.terms:
        return schedule
    return schedule.with_weights(**{WISHES: WISHED.weight})


def _wished(wishes: Wishes, view: CropView) -> WishedJoints:
    """Wishes in pixels of the crop; a sigma is scaled as areas are, there."""
    xy, sigma = torch.zeros(1, 24, 2), torch.full((1, 24), torch.inf)
    for wish in wishes:
        place = view.to_crop(np.array([[wish.x, wish.y]]))
        joint = JOINT_NAMES.index(wish.joint)
        xy[0, joint] = torch.as_tensor(place[0])
        sigma[0, joint] = wish.sigma / float(photo_scale(place, view)[0])
    return WishedJoints(xy, sigma)


def branched(
    observation: Observation,
    model: GenerativeModel,
    trace: Trace,
    step: int,
    before: Schedule,
    after: Schedule,
    moves: Moves = (),
) -> Trace:
    """`core.fit.branch.cut`, with wishes counted in the steps before and moves done at the last.

    Args:
        observation: with the wishes of the new run.

    Raises:
        UserError: the trace or the new schedule has no such step, or a move makes no sense.
    """
    kept = cut(trace, step, before, after)
    if WISHES in after.terms:
        kept = evaluated(kept, observation.problem, model, after, WISHED)
    if not moves:
        return kept
    chart = Chart.around(BodyState.of(kept.start), model.volume)
    body = chart.body(kept.records[-1].vector)
    begun = begun_at(kept, moved(body, moves, model, observation), model)
    anchored = ANCHOR.name in after.terms  # to another origin than before
    return evaluated(begun, observation.problem, model, after, ANCHOR) if anchored else begun


def begun_at(trace: Trace, body: BodyState, model: GenerativeModel) -> Trace:
    """A trace whose last step is at another body, which becomes the origin of its coordinates.

    So the anchor holds what a hand has placed. The steps before keep their bodies, up to rounding.
    Momentum belongs to the body before: it is gone.

    Args:
        trace: one person's, cut at the step from which a run goes on.
    """
    volume = model.volume
    start = body.params()
    old = Chart.around(BodyState.of(trace.start), volume)
    new = Chart.around(BodyState.of(start), volume)
    begun = Trace(start, trace.candidates, trace.winner, trace.scores)
    for record in trace.records:
        begun.records.append(replace(record, vector=new.vector(old.body(record.vector))))
    last = begun.records[-1]
    begun.records[-1] = replace(
        last,
        vector=torch.zeros_like(last.vector),
        moments=torch.zeros_like(last.moments),
        moment_steps=0,
    )
    return begun


def evaluated(
    trace: Trace, problem: Problem, model: GenerativeModel, schedule: Schedule, term: Term
) -> Trace:
    """A trace with a term evaluated again, so that its totals can be compared with new ones.

    Args:
        trace: of one person and of some steps.
    """
    vector = torch.cat([record.vector for record in trace.records])
    rows = torch.zeros(len(vector), dtype=torch.long)
    start = BodyState.of(trace.start).select(rows)
    with torch.no_grad():
        body = Chart.around(start, model.volume).body(vector)
        at = Evaluation.at(problem.select(rows), model, body, vector, schedule)
        values: Float[Tensor, " rows"] = term.cost(at)
    again = trace.upto(0)
    for record, value in zip(trace.records, values, strict=True):
        terms = {**record.terms, term.name: value[None]}
        total = weighted_sum(terms, schedule.stages[record.stage].weights)
        again.records.append(replace(record, terms=terms, total=total))
    return again
