"""What a person does to a body by hand, as data: it can be stored, shown and done again.

A *move* changes the body at once: a run that branches with moves begins at the moved body. A *wish*
is soft: a place in the photo where a joint should be, with a sigma; it is evidence like a detected
point (`core.fit.terms.wishes`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.body.names import JOINT_NAMES
from core.errors import UserError
from core.fit.branch import cut
from core.fit.evaluation import Evaluation
from core.fit.evidence import WishedJoints
from core.fit.model import GenerativeModel
from core.fit.objective import weighted_sum
from core.fit.observation import Observation
from core.fit.problem import Problem
from core.fit.reach import Goal, reach
from core.fit.schedule import Schedule
from core.fit.state import BodyState, Chart
from core.fit.sweep import Parameter
from core.fit.term import TERMS
from core.fit.trace import Trace
from core.geometry.crop import CropView

MAX_MOVES = 64
FARTHEST = 1e5  # pixels or metres
SIGMAS = 0.5, 500.0
"""Least and largest sigma of a wish, pixels of the photo."""


@dataclass(frozen=True)
class Drag:
    """A joint is brought to a pixel of the photo, see `core.fit.reach`.

    Raises:
        UserError: there is no such joint, or the place makes no sense.
    """

    joint: str
    x: float
    y: float
    kind: Literal["drag"] = "drag"

    def __post_init__(self) -> None:
        _check_place(self.joint, self.x, self.y)

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.joint} to {self.x:.0f},{self.y:.0f}"


@dataclass(frozen=True)
class Pull:
    """A joint is brought to a place in the frame of the photo's camera, metres.

    Raises:
        UserError: there is no such joint, or the place makes no sense.
    """

    joint: str
    x: float
    y: float
    z: float
    kind: Literal["pull"] = "pull"

    def __post_init__(self) -> None:
        _check_place(self.joint, self.x, self.y, self.z)

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.joint} to {self.x:.2f}, {self.y:.2f}, {self.z:.2f} m"


@dataclass(frozen=True)
class Value:
    """A parameter of `core.fit.sweep` gets another value; angles count from where they are.

    Raises:
        UserError: there is no such parameter, or the value makes no sense.
    """

    parameter: str
    value: float
    kind: Literal["value"] = "value"

    def __post_init__(self) -> None:
        parameter = Parameter.parse(self.parameter)
        behind = parameter.name == "depth" and self.value <= 0
        if not abs(self.value) <= FARTHEST or behind:
            raise UserError(f"{self.parameter} cannot be {self.value:g}")

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.parameter} {self.value:.3g}"


Move = Drag | Pull | Value
Moves = tuple[Move, ...]


@dataclass(frozen=True)
class Wish:
    """A joint should be at a pixel of the photo, give or take a sigma in pixels.

    Raises:
        UserError: there is no such joint, or the place or the sigma makes no sense.
    """

    joint: str
    x: float
    y: float
    sigma: float

    def __post_init__(self) -> None:
        _check_place(self.joint, self.x, self.y)
        if not SIGMAS[0] <= self.sigma <= SIGMAS[1]:
            raise UserError(
                f"the sigma of {self.joint} is {self.sigma:g} px, not {SIGMAS[0]:g} "
                f"to {SIGMAS[1]:g}"
            )

    @property
    def text(self) -> str:
        """In words."""
        return f"{self.joint} at {self.x:.0f},{self.y:.0f} ± {self.sigma:.3g}"


Wishes = tuple[Wish, ...]


def check_by_hand(moves: Moves, wishes: Wishes) -> None:
    """Refuse more than a run can have.

    Raises:
        UserError: there are too many moves, or two wishes for one joint.
    """
    if len(moves) > MAX_MOVES:
        raise UserError(f"a run begins with up to {MAX_MOVES} moves, not {len(moves)}")
    if len({wish.joint for wish in wishes}) < len(wishes):
        raise UserError("two wishes are about one joint")


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
    term = TERMS.get("wishes")
    if not wishes or term.name in schedule.terms:
        return schedule
    return schedule.with_weights(**{term.name: term.weight})


def _wished(wishes: Wishes, view: CropView) -> WishedJoints:
    """Wishes in pixels of the crop; a sigma is scaled as areas are, there."""
    xy, sigma = torch.zeros(1, 24, 2), torch.full((1, 24), torch.inf)
    for wish in wishes:
        at = np.array([[wish.x, wish.y], [wish.x + 1, wish.y], [wish.x, wish.y + 1]])
        place, right, down = view.to_crop(at)
        scale = math.sqrt(abs(np.linalg.det(np.stack([right - place, down - place]))))
        joint = JOINT_NAMES.index(wish.joint)
        xy[0, joint] = torch.as_tensor(place)
        sigma[0, joint] = wish.sigma * scale
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
    kept = completed(kept, observation.problem, model, after, "wishes")
    if not moves:
        return kept
    chart = Chart.around(BodyState.of(kept.start), model.volume)
    body = chart.body(kept.records[-1].vector)
    return begun_at(kept, moved(body, moves, model, observation), model)


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


def completed(
    trace: Trace, problem: Problem, model: GenerativeModel, schedule: Schedule, name: str
) -> Trace:
    """A trace with a term that was not recorded, so that its totals can be compared with new ones.

    Args:
        name: of the term, which must be in the schedule.
    """
    records = trace.records
    if not records or name not in schedule.terms or not records[0].terms[name].isnan().any():
        return trace
    vector = torch.cat([record.vector for record in records])
    rows = torch.zeros(len(vector), dtype=torch.long)
    start = BodyState.of(trace.start).select(rows)
    with torch.no_grad():
        body = Chart.around(start, model.volume).body(vector)
        at = Evaluation.at(problem.select(rows), model, body, vector, schedule)
        values: Float[Tensor, " rows"] = schedule.terms[name].cost(at)
    filled = trace.upto(0)
    for record, value in zip(records, values, strict=True):
        terms = {**record.terms, name: value[None]}
        total = weighted_sum(terms, schedule.stages[record.stage].weights)
        filled.records.append(replace(record, terms=terms, total=total))
    return filled


def _check_place(joint: str, *place: float) -> None:
    if joint not in JOINT_NAMES:
        raise UserError(f"no joint {joint!r}; there are {', '.join(JOINT_NAMES)}")
    if not all(abs(value) <= FARTHEST for value in place):
        raise UserError(f"{joint} cannot be brought to {', '.join(f'{v:g}' for v in place)}")
