"""Does the likelihood put the truth first? Held-out people, their fits, and poses near the truth.

A fit can only end at the truth if the truth is likelier than what is around it: than the fit, and
than the 32 poses of `core.fit.pose_perturbation`. A fit started at the truth shows how far the
objective's minimum is from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Float
from rich.table import Table
from torch import Tensor

from core.body.params import BodyParams
from core.eval.methods import fitted_bodies
from core.eval.metrics import JOINTS_14, mpjpe
from core.eval.occluders import Texture
from core.eval.summary import Estimate, estimate
from core.eval.synthetic import DATASET, PATCHES, SEED, Case, make_case, observe_case, protocol
from core.eval.tables import TableReport, plain_table, shown
from core.fit.engine import Engine
from core.fit.explanation import likelihood_cost
from core.fit.fitter import finish
from core.fit.pose_perturbation import KINDS, perturbed_poses
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.solver import Solver
from core.fit.state import BodyState
from core.nbv.volume import NeuralBodyVolume
from core.synth.sample import Sample

ANGLE = math.radians(30)
READING = (
    "shares of people (below fit, below all) and of poses (the rest) than which the truth has a "
    "smaller negative log-likelihood, %; one limb turned by 30 degrees in the image plane "
    "(lateral) or in depth, or to its mirror image in depth (flip); excess: nats by which the "
    "truth is less likely than the fit; drift: MPJPE of a fit begun at the truth, hidden joints "
    "too; ±: half of the 95% bootstrap interval over people"
)

Values = Float[np.ndarray, " people"]


@dataclass(frozen=True)
class RankScores:
    """One value a person: shares from 0 to 1, nats and millimetres, NaN where there is none.

    The maximum of a likelihood is never less likely than the truth, however good the likelihood:
    a perfect one of n parameters has an excess of n / 2 nats there on average (Wilks). A body has
    85, so that an excess beyond some 40 nats is the likelihood's own error.

    Attributes:
        below_fit: 1 where the truth has a smaller NLL than the fit.
        below_all: 1 where it has a smaller one than all 32 poses around it.
        lateral, depth, flip: share of a kind's poses that the truth is below.
        arms, legs: the same by limb, lateral and depth together.
        excess_nats: NLL of the truth less that of the fit.
        drift_mm: MPJPE of a fit that begins at the truth, all 14 joints, hidden ones too.
    """

    below_fit: Values
    below_all: Values
    lateral: Values
    depth: Values
    flip: Values
    arms: Values
    legs: Values
    excess_nats: Values
    drift_mm: Values


@dataclass(frozen=True)
class RankRow:
    """Means of `RankScores` over people under one protocol, with intervals."""

    protocol: str
    n: int
    below_fit: Estimate
    below_all: Estimate
    lateral: Estimate
    depth: Estimate
    flip: Estimate
    arms: Estimate
    legs: Estimate
    excess_nats: Estimate
    drift_mm: Estimate


@dataclass(frozen=True)
class RankReport(TableReport[RankRow]):
    """A table of `RankRow`."""

    estimate = READING

    def table(self) -> Table:
        """The table: shares in %, excess in nats, drift in mm."""
        table = plain_table(self.title)
        table.add_column("protocol", no_wrap=True)
        table.add_column("n", justify="right")
        shares = [f.name for f in fields(RankScores)][:-2]
        for name in (*shares, "excess nats", "drift mm"):
            table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
        for row in self.rows:
            values = [shown(getattr(row, name), 100, digits=0) for name in shares]
            values += [shown(row.excess_nats), shown(row.drift_mm)]
            table.add_row(row.protocol, str(row.n), *values)
        return table


def rank_people(
    engine: Engine,
    samples: Sequence[Sample],
    people: str,
    texture: Texture,
    protocols: Iterable[str] = ("clean", "occ80"),
    schedule: Schedule | None = None,
    batch: int = 8,
    progress: Callable[[int], object] = lambda _: None,
) -> RankReport:
    """A row for each protocol; see `core.eval.synthetic.score_people` for the arguments."""
    schedule, protocols, done = schedule or Schedule.standard(), list(protocols), 0
    rows: list[RankRow] = []
    for name in protocols:
        parts = []
        for first in range(0, len(samples), batch):
            case = make_case(samples[first : first + batch], first, PATCHES[name], texture)
            parts.append(rank_case(engine, case, schedule))
            done += len(case.samples)
            progress(done)
        columns = [np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(RankScores)]
        rows.append(RankRow(name, len(samples), *(estimate(column) for column in columns)))
    listed = [protocol(name, people) for name in protocols]
    title = f"{DATASET}: does the likelihood put the truth first? {len(samples)} people"
    return RankReport(title, listed, rows, SEED)


def rank_case(engine: Engine, case: Case, schedule: Schedule) -> RankScores:
    """Figures of one batch of people."""
    problem = observe_case(engine, case)
    bodies = fitted_bodies(engine, problem, schedule)
    drift = drift_from_truth(engine, problem, case, schedule)
    state = BodyState.of(case.truth)
    here = nll(engine, problem, state, schedule)
    fitted = nll(engine, problem, BodyState.of(bodies["nbf"]), schedule)
    below: dict[str, list[Tensor]] = {kind: [] for kind in (*KINDS, "arm", "leg")}
    for pose in perturbed_poses(state, engine.volume, ANGLE):
        won = (here < nll(engine, problem, pose.body, schedule)).float()
        below[pose.kind].append(torch.where(pose.exists, won, torch.nan))
        if pose.kind != "flip":
            below[pose.limb[-3:]].append(won)
    shares = {kind: torch.stack(values).nanmean(0).numpy() for kind, values in below.items()}
    return RankScores(
        below_fit=(here < fitted).double().numpy(),
        below_all=((shares["lateral"] == 1) & (shares["depth"] == 1)).astype(np.float64),
        **{kind: shares[kind] for kind in KINDS},
        arms=shares["arm"],
        legs=shares["leg"],
        excess_nats=(here - fitted).double().numpy(),
        drift_mm=drift.numpy(),
    )


def drift_from_truth(
    engine: Engine, problem: Problem, case: Case, schedule: Schedule
) -> Float[Tensor, " people"]:
    """MPJPE in millimetres of fits that begin at the truth, all 14 joints, hidden ones too."""
    start = Solver.begin(problem, engine.model, replace(schedule, starts=("given",)), case.truth)
    finish(start)
    drifted = joints_of(engine.volume, start.trace.best(engine.volume))
    everywhere = torch.zeros(24, dtype=torch.bool)
    everywhere[list(JOINTS_14)] = True
    return mpjpe(drifted, case.joints, everywhere.expand(len(drifted), 24))


@torch.no_grad()
def nll(
    engine: Engine, problem: Problem, body: BodyState, schedule: Schedule
) -> Float[Tensor, " people"]:
    """Negative log-likelihood of bodies."""
    posed = engine.volume.pose(body.rotations, body.betas, body.transl)
    return likelihood_cost(problem, engine.model, body, posed, schedule)


@torch.no_grad()
def joints_of(volume: NeuralBodyVolume, body: BodyParams) -> Float[Tensor, "people 24 3"]:
    """Joints in metres, crop camera."""
    return volume.pose(body.rotations(), body.betas, body.transl).joints
