"""Foreshortenings of limbs in photographs against 3D labels: what says them, and how sure it is.

Of each limb bone the network and the detector's 3D points estimate the share of its length along
the camera's axis. In the fit they are terms of their own; the start ``lifted`` takes their mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from rich.table import Table
from torch import Tensor

from core.body.names import JOINT_NAMES
from core.body.points import LIMB_BONES, foreshortening, limb_foreshortening
from core.eval.calibration import FORESHORTENING_ERRORS, SHARES, CalibrationBin, calibrate
from core.eval.tables import empty_table
from core.fit.evidence import WorldPoints
from core.fit.problem import Problem
from core.fit.starts.lifted import fused_foreshortenings
from core.nets.joint_estimate import JointEstimate

NETWORK, POINTS_3D, BOTH = "network", "3D points", "both"
_FIRST, _LAST = ([JOINT_NAMES.index(bone[end]) for bone in LIMB_BONES] for end in (0, 1))


@dataclass(frozen=True)
class LimbErrors:
    """Errors of one person's `LIMB_BONES` by source, and their sigmas; NaN without labels.

    Attributes:
        sigmas: of the sources that say how sure they are.
    """

    errors: Mapping[str, Float[np.ndarray, " bones"]]
    sigmas: Mapping[str, Float[np.ndarray, " bones"]]

    @staticmethod
    def of(
        problem: Problem,
        labels: Float[np.ndarray, "24 4"] | None,
        bodies: Mapping[str, Float[Tensor, "24 3"]],
    ) -> LimbErrors | None:
        """Compare what is known about a person, and bodies, with the person's 3D labels.

        Args:
            labels: x, y, z, confidence of joints, crop camera.
            bodies: joints by method, crop camera.

        Returns:
            None without labels or without one of the sources.
        """
        world, estimate = problem.find(WorldPoints), problem.find(JointEstimate)
        if labels is None or world is None or estimate is None:
            return None
        truth = torch.from_numpy(labels)
        known = ((truth[_FIRST, 3] > 0) & (truth[_LAST, 3] > 0)).numpy()
        mean, sigma = fused_foreshortenings(world, estimate)
        said = {
            NETWORK: estimate.foreshortening[:, _LAST],
            POINTS_3D: limb_foreshortening(world.xyz),
            BOTH: mean,
        }
        sigmas = {
            NETWORK: torch.exp(estimate.log_sigma_foreshortening[:, _LAST]),
            POINTS_3D: world.foreshortening_sigma,
            BOTH: sigma,
        }
        said |= {name: _of_joints(joints)[None] for name, joints in bodies.items()}
        true = _of_joints(truth[:, :3])
        return LimbErrors(
            {name: _known((value[0] - true).numpy(), known) for name, value in said.items()},
            {name: _known(value[0].numpy(), known) for name, value in sigmas.items()},
        )


def _of_joints(joints: Float[Tensor, "24 3"]) -> Float[Tensor, " bones"]:
    return foreshortening(joints[_LAST] - joints[_FIRST])


def _known(
    values: Float[np.ndarray, " bones"], known: Bool[np.ndarray, " bones"]
) -> Float[np.ndarray, " bones"]:
    return np.where(known, values, np.nan)


@dataclass(frozen=True)
class ForeshorteningRow:
    """One source over the bones of all people.

    Attributes:
        error: root mean square.
        sigma: root mean square of the sigmas; None if the source has none.
        within: shares of the errors within 1, 2 and 3 sigmas.
    """

    source: str
    n: int
    error: float
    sigma: float | None
    within: tuple[float, ...]


@dataclass(frozen=True)
class ForeshorteningReport:
    """All sources, and whether the sigmas of both together hold.

    Attributes:
        correlation: of the errors of network and 3D points.
        bins: of the mean of both.
    """

    rows: list[ForeshorteningRow]
    correlation: float
    bins: list[CalibrationBin]

    @staticmethod
    def of(people: Sequence[LimbErrors]) -> ForeshorteningReport | None:
        """Summarise people; None if no bone is labelled."""
        if not people:
            return None
        errors = {n: np.concatenate([p.errors[n] for p in people]) for n in people[0].errors}
        sigmas = {n: np.concatenate([p.sigmas[n] for p in people]) for n in people[0].sigmas}
        known = np.isfinite(errors[BOTH])
        if not known.any():
            return None
        errors = {name: values[known] for name, values in errors.items()}
        sigmas = {name: values[known] for name, values in sigmas.items()}
        return ForeshorteningReport(
            [_row(name, values, sigmas.get(name)) for name, values in errors.items()],
            float(np.corrcoef(errors[NETWORK], errors[POINTS_3D])[0, 1]),
            calibrate(sigmas[BOTH], np.abs(errors[BOTH]), FORESHORTENING_ERRORS),
        )

    def table(self) -> Table:
        """A line for each source."""
        true = "/".join(f"{100 * FORESHORTENING_ERRORS.within(k):.0f}" for k in SHARES)
        title = "Foreshortening of limbs; errors of network and 3D points correlate by "
        table = empty_table(
            f"{title}{self.correlation:.2f}",
            ("source",),
            ("limbs", "RMS error", "RMS sigma", f"within 1/2/3 sigma % (true: {true})"),
        )
        for row in self.rows:
            sigma = "-" if row.sigma is None else f"{row.sigma:.3f}"
            within = "/".join(f"{100 * share:.0f}" for share in row.within) or "-"
            table.add_row(row.source, str(row.n), f"{row.error:.3f}", sigma, within)
        return table


def _row(
    source: str,
    errors: Float[np.ndarray, " limbs"],
    sigmas: Float[np.ndarray, " limbs"] | None,
) -> ForeshorteningRow:
    error = float(np.sqrt(np.mean(errors**2)))
    if sigmas is None:
        return ForeshorteningRow(source, len(errors), error, None, ())
    within = tuple(float((np.abs(errors) < k * sigmas).mean()) for k in SHARES)
    return ForeshorteningRow(source, len(errors), error, float(np.sqrt(np.mean(sigmas**2))), within)
