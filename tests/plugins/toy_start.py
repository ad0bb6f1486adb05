"""A start: the regressed body half a metre further away."""

import torch

from core.fit.evidence import RegressedBody
from core.fit.start import STARTS, Candidate, Start
from core.fit.state import BodyState


def propose(problem, model, schedule, before):
    """One candidate, if the network has regressed a body."""
    regressed = problem.find(RegressedBody)
    if regressed is None:
        return []
    body = BodyState.of(regressed.body)
    away = torch.tensor([0.0, 0.0, 0.5])
    return [Candidate("further", BodyState(body.rotations, body.betas, body.transl + away))]


START = Start("toy", 50, propose, "the regressed body half a metre further away")
STARTS.add(START)
