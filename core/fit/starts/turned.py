"""The first candidate, turned by 180 degrees: front and back are easily confused."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from core.fit.model import GenerativeModel
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.start import Candidate, Start
from core.fit.state import BodyState
from core.geometry.rotations import rotate_180_about_y


def propose(
    _problem: Problem, _model: GenerativeModel, schedule: Schedule, before: Sequence[Candidate]
) -> list[Candidate]:
    """The first of the candidates before, turned about its own vertical axis."""
    return [Candidate("turned", turned(before[0].body), schedule.turn_margin)] if before else []


def turned(body: BodyState) -> BodyState:
    """A body turned by 180 degrees about its vertical axis, through the pelvis."""
    root = rotate_180_about_y(body.rotations[:, :1])
    return BodyState(torch.cat([root, body.rotations[:, 1:]], 1), body.betas, body.transl)


START = Start("turned", 90, propose, "the first candidate, turned by 180 degrees")
