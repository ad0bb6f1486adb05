"""Ablation of the objective: the same people are fitted with one thing changed at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.table import Table

from core.eval.methods import fitted_bodies
from core.eval.occluders import Texture
from core.eval.ranking import drift_from_truth
from core.eval.summary import Estimate, estimate
from core.eval.synthetic import (
    DATASET,
    PATCHES,
    SEED,
    Case,
    make_case,
    observe_case,
    protocol,
    score_bodies,
)
from core.eval.tables import TableReport, empty_table, shown
from core.fit.engine import Engine
from core.fit.schedule import Schedule
from core.synth.sample import Sample

STANDARD = "standard"
EXPLANATION = (
    "one thing changed at a time; change: PA-MPJPE minus that of the standard fit, paired by "
    "person (above 0: the standard fit is better); drift: MPJPE of a fit that starts at the truth, "
    "occluded joints included; ±: half of the 95% bootstrap interval over people"
)


def _weights(**weights: float) -> Callable[[Schedule], Schedule]:
    return lambda schedule: schedule.with_weights(**weights)


def _likelihood(**values: object) -> Callable[[Schedule], Schedule]:
    return lambda s: replace(s, likelihood=replace(s.likelihood, **values))  # type: ignore[arg-type]


VARIANTS: dict[str, Callable[[Schedule], Schedule]] = {
    STANDARD: lambda schedule: schedule,
    "no features": _weights(nll=0.0),
    "no estimates": _weights(joint_estimate=0.0),
    "no keypoints": _weights(keypoints=0.0),
    "no points": _weights(points=0.0),
    "no 3D points": _weights(foreshortening=0.0),
    "no prior": _weights(prior=0.0),
    "no joint limits": _weights(limits=0.0),
    "no anchor": _weights(anchor=0.0),
    "no z": _likelihood(use_occlusion=False),
    "own variances": _likelihood(equal_variance=False),
    "temper 0.1": _likelihood(temper=0.1),
    "temper 0.02": _likelihood(temper=0.02),
    "one start": lambda schedule: replace(schedule, starts=("regressed",)),
}
"""Name and change of each variant of a schedule."""


def chosen_variants(names: Sequence[str]) -> tuple[str, ...]:
    """The standard fit and these variants; all if none is named."""
    return tuple(dict.fromkeys((STANDARD, *(names or VARIANTS))))


@dataclass(frozen=True)
class AblationRow:
    """Means over people of one variant under one protocol; distances in mm, shares from 0 to 1.

    Attributes:
        pa_change_mm: PA-MPJPE minus that of the standard fit, paired by person.
        drift_mm: MPJPE of a fit that starts at the truth.
    """

    variant: str
    protocol: str
    n: int
    mpjpe_mm: Estimate
    pa_mpjpe_mm: Estimate
    pckh: Estimate
    pa_change_mm: Estimate
    drift_mm: Estimate


@dataclass(frozen=True)
class AblationReport(TableReport[AblationRow]):
    """A table of `AblationRow`."""

    explanation = EXPLANATION

    def table(self) -> Table:
        """One line for each variant; protocols are separated by lines."""
        figures = ("n", "MPJPE", "PA-MPJPE", "change", "PCKh %", "drift mm")
        table = empty_table(self.title, ("protocol", "variant"), figures)
        for row in self.rows:
            table.add_row(
                *(row.protocol, row.variant, str(row.n)),
                *(shown(row.mpjpe_mm), shown(row.pa_mpjpe_mm), shown(row.pa_change_mm, sign="+")),
                *(shown(row.pckh, 100), shown(row.drift_mm)),
                end_section=row.variant == self.rows[-1].variant,
            )
        return table


Values = dict[str, np.ndarray]


def ablate(
    engine: Engine,
    samples: Sequence[Sample],
    people: str,
    texture: Texture,
    protocols: Iterable[str] = ("clean", "occ80"),
    schedule: Schedule | None = None,
    batch: int = 8,
    progress: Callable[[int], object] = lambda _: None,
    variants: Sequence[str] = tuple(VARIANTS),
) -> AblationReport:
    """Fit people with every variant under every protocol.

    The arguments are those of `core.eval.synthetic.score_people`; ``progress`` counts each person
    once for each variant and protocol.
    """
    schedule, protocols, done = schedule or Schedule.standard(), list(protocols), 0
    rows: list[AblationRow] = []
    for name in protocols:
        found: dict[str, list[Values]] = {variant: [] for variant in variants}
        for first in range(0, len(samples), batch):
            case = make_case(samples[first : first + batch], first, PATCHES[name], texture)
            for variant in variants:
                found[variant].append(_measure(engine, case, VARIANTS[variant](schedule)))
                done += len(case.samples)
                progress(done)
        merged = {
            variant: {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
            for variant, parts in found.items()
        }
        rows += [_row(v, name, values, merged.get(STANDARD)) for v, values in merged.items()]
    listed = [protocol(name, people) for name in protocols]
    title = f"{DATASET}: the objective with one thing changed, {len(samples)} people"
    return AblationReport(title, listed, rows, SEED)


def _measure(engine: Engine, case: Case, schedule: Schedule) -> Values:
    """Figures of one batch, one value per person."""
    problem = observe_case(engine, case)
    bodies = fitted_bodies(engine, problem, schedule)
    scores = score_bodies(engine, case, bodies["nbf"])
    drift = drift_from_truth(engine, problem, case, schedule)
    return {
        "mpjpe_mm": scores.mpjpe,
        "pa_mpjpe_mm": scores.pa_mpjpe,
        "pckh": scores.pckh,
        "drift_mm": drift.numpy(),
    }


def _row(variant: str, protocol: str, values: Values, standard: Values | None) -> AblationRow:
    """Means over people with intervals."""
    pa = values["pa_mpjpe_mm"]
    change = np.full(len(pa), np.nan) if standard is None else pa - standard["pa_mpjpe_mm"]
    means = {name: estimate(column) for name, column in values.items()}
    return AblationRow(variant, protocol, len(pa), pa_change_mm=estimate(change), **means)
