"""Ranking by the likelihood: is the truth more likely than the fit and than poses near the truth?

A fit can end at the truth only if the truth is more likely than the fit, and than the 32 poses of
`core.fit.pose_perturbation`. A fit that starts at the truth shows how far the objective's minimum
is from it.
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
from core.eval.summary import Estimate, Values, estimate
from core.eval.synthetic import DATASET, PATCHES, SEED, Case, make_case, observe_case, protocol
from core.eval.tables import TableReport, empty_table, shown
from core.fit.comparison import likelihood_cost
from core.fit.engine import Engine
from core.fit.fitter import finish
from core.fit.pose_perturbation import KINDS, perturbed_poses
from core.fit.problem import Problem
from core.fit.schedule import Schedule
from core.fit.solver import Solver
from core.fit.state import BodyState
from core.nbv.volume import NeuralBodyVolume
from core.synth.sample import Sample

ANGLE = math.radians(30)
EXPLANATION = (
    "%: how often the truth has a smaller negative log-likelihood (NLL) than the fit (below fit), "
    "than all 32 perturbed poses (below all), than poses with one limb rotated by 30 degrees in "
    "the image plane (lateral), in depth, or mirrored in depth (flip); excess: NLL of the truth "
    "minus that of the fit; drift: MPJPE of a fit that starts at the truth, occluded joints "
    "included; ±: half of the 95% bootstrap interval over people"
)


@dataclass(frozen=True)
class RankScores:
    """One value per person: shares from 0 to 1, nats, millimetres; NaN if there is none.

    Even for a perfect likelihood the truth is less likely than the maximum: with n parameters by
    n / 2 nats on average (Wilks' theorem). A body has 85 parameters, so an excess above 42.5 nats
    on average is due to errors of the likelihood.

    Attributes:
        below_fit: 1 if the truth has a smaller NLL than the fit, else 0.
        below_all: 1 if the truth has a smaller NLL than all 32 perturbed poses, else 0.
        lateral, depth, flip: share of the perturbed poses of a kind with a larger NLL.
        arms, legs: the same by limb, for lateral and depth together.
        excess_nats: NLL of the truth minus that of the fit.
        drift_mm: MPJPE of a fit that starts at the truth, over all 14 joints, occluded ones
            included.
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

    explanation = EXPLANATION

    def table(self) -> Table:
        """One line for each protocol: shares in %, excess in nats, drift in mm."""
        shares = [f.name for f in fields(RankScores)][:-2]
        names = [name.replace("_", " ") for name in shares]
        table = empty_table(self.title, ("protocol",), ("n", *names, "excess nats", "drift mm"))
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
    """A row for each protocol; the arguments are those of `core.eval.synthetic.score_people`."""
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
    title = f"{DATASET}: ranking of the truth by the likelihood, {len(samples)} people"
    return RankReport(title, listed, rows, SEED)


def rank_case(engine: Engine, case: Case, schedule: Schedule) -> RankScores:
    """Figures of one batch of people."""
    problem = observe_case(engine, case)
    bodies = fitted_bodies(engine, problem, schedule)
    drift = drift_from_truth(engine, problem, case, schedule)
    state = BodyState.of(case.truth)
    true_nll = nll(engine, problem, state, schedule)
    fitted = nll(engine, problem, BodyState.of(bodies["nbf"]), schedule)
    below: dict[str, list[Tensor]] = {kind: [] for kind in (*KINDS, "arm", "leg")}
    for pose in perturbed_poses(state, engine.volume, ANGLE):
        smaller = (true_nll < nll(engine, problem, pose.body, schedule)).float()
        below[pose.kind].append(torch.where(pose.exists, smaller, torch.nan))
        if pose.kind != "flip":
            below[pose.limb[-3:]].append(smaller)
    shares = {kind: torch.stack(values).nanmean(0).numpy() for kind, values in below.items()}
    return RankScores(
        below_fit=(true_nll < fitted).double().numpy(),
        below_all=((shares["lateral"] == 1) & (shares["depth"] == 1)).astype(np.float64),
        **{kind: shares[kind] for kind in KINDS},
        arms=shares["arm"],
        legs=shares["leg"],
        excess_nats=(true_nll - fitted).double().numpy(),
        drift_mm=drift.numpy(),
    )


def drift_from_truth(
    engine: Engine, problem: Problem, case: Case, schedule: Schedule
) -> Float[Tensor, " people"]:
    """MPJPE (mm) of fits that start at the truth, over all 14 joints, occluded ones included."""
    start = Solver.begin(problem, engine.model, replace(schedule, starts=("given",)), case.truth)
    finish(start)
    drifted = joints_of(engine.volume, start.trace.best(engine.volume))
    scored = torch.zeros(24, dtype=torch.bool)
    scored[list(JOINTS_14)] = True
    return mpjpe(drifted, case.joints, scored.expand(len(drifted), 24))


@torch.no_grad()
def nll(
    engine: Engine, problem: Problem, body: BodyState, schedule: Schedule
) -> Float[Tensor, " people"]:
    """Negative log-likelihood of bodies, nats."""
    posed = engine.volume.pose(body.rotations, body.betas, body.transl)
    return likelihood_cost(problem, engine.model, body, posed, schedule)


@torch.no_grad()
def joints_of(volume: NeuralBodyVolume, body: BodyParams) -> Float[Tensor, "people 24 3"]:
    """Joints in metres, crop camera."""
    return volume.pose(body.rotations(), body.betas, body.transl).joints
