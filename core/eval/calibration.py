"""Are sigmas true? Errors of points and of foreshortenings against what their sigmas promise."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from rich.table import Table

from core.eval.tables import empty_table
from core.pictures.palette import CURVE, FRAME, INK, PAPER

SHARES = (1.0, 2.0, 3.0)
"""Distances in sigmas within which points are counted."""
FREEDOM = 3.0
"""Degrees of freedom of the distribution that the fit assumes (`core.fit.terms.points`)."""
BINS = 8
_SIDE, _MARGIN = 420, 60


@dataclass(frozen=True)
class ErrorModel:
    """How errors are distributed if their sigmas are true.

    Attributes:
        noun: what has the errors, plural.
        unit: of sigmas in tables and plots.
        scale: from sigmas to that unit.
        median: of the errors' sizes, in sigmas.
        within: probability of an error below k sigmas.
        shown: smallest and largest sigma of the plot.
        ticks: sigmas that the plot names.
    """

    noun: str
    unit: str
    scale: float
    median: float
    within: Callable[[float], float]
    shown: tuple[float, float]
    ticks: tuple[float, ...]


POINT_ERRORS = ErrorModel(
    noun="points",
    unit=" %",
    scale=100.0,
    median=(FREEDOM * (2 ** (2 / FREEDOM) - 1)) ** 0.5,
    within=lambda k: 1 - (1 + k * k / FREEDOM) ** (-FREEDOM / 2),
    shown=(0.005, 0.5),
    ticks=(0.01, 0.03, 0.1, 0.3),
)
"""Distances under Student's t in two dimensions, in shares of the box's longer side."""
FORESHORTENING_ERRORS = ErrorModel(
    noun="foreshortenings",
    unit="",
    scale=1.0,
    median=0.6745,
    within=lambda k: math.erf(k / 2**0.5),
    shown=(0.05, 0.8),
    ticks=(0.1, 0.2, 0.4),
)
"""Normal errors of the share of a bone's length along the camera's axis."""


@dataclass(frozen=True)
class CalibrationBin:
    """Values of similar sigma, in the unit of their `ErrorModel`.

    Attributes:
        sigma: median of the sigmas.
        error: median size of the errors.
        observed: standard deviation that the median error speaks for.
        within: shares of the values within 1, 2 and 3 of their sigmas.
        expected: the same if the sigmas were true.
    """

    n: int
    sigma: float
    error: float
    observed: float
    within: tuple[float, ...]
    expected: tuple[float, ...]


def calibrate(
    sigmas: Float[np.ndarray, " values"],
    errors: Float[np.ndarray, " values"],
    model: ErrorModel = POINT_ERRORS,
) -> list[CalibrationBin]:
    """Values sorted by sigma, in bins of equal numbers.

    Args:
        errors: their sizes.
    """
    order = np.argsort(sigmas, kind="stable")
    expected = tuple(map(model.within, SHARES))
    rows = []
    for chosen in np.array_split(order, min(BINS, len(order))):
        ratio, error = errors[chosen] / sigmas[chosen], float(np.median(errors[chosen]))
        rows.append(
            CalibrationBin(
                n=len(chosen),
                sigma=float(np.median(sigmas[chosen])),
                error=error,
                observed=error / model.median,
                within=tuple(float((ratio < k).mean()) for k in SHARES),
                expected=expected,
            )
        )
    return rows


def calibration_table(
    title: str, rows: Sequence[CalibrationBin], model: ErrorModel = POINT_ERRORS
) -> Table:
    """The bins, a line each."""
    expected = "/".join(f"{100 * model.within(k):.0f}" for k in SHARES)
    within = f"within 1/2/3 sigma % (true: {expected})"
    figures = (f"sigma{model.unit}", f"speaks for{model.unit}", within)
    table = empty_table(title, (model.noun,), figures)
    digits = 1 if model.scale > 1 else 2
    for row in rows:
        within = "/".join(f"{100 * share:.0f}" for share in row.within)
        sigma, observed = (f"{model.scale * v:.{digits}f}" for v in (row.sigma, row.observed))
        table.add_row(str(row.n), sigma, observed, within)
    return table


def draw_calibration(
    rows: Sequence[CalibrationBin], model: ErrorModel = POINT_ERRORS
) -> UInt8[np.ndarray, "side side 3"]:
    """Sigmas (right) against what the errors speak for (up), both logarithmic, on white."""
    picture = np.full((_SIDE, _SIDE, 3), PAPER, np.uint8)
    low, high = model.shown
    cv2.rectangle(picture, (_MARGIN, _MARGIN), (_SIDE - _MARGIN, _SIDE - _MARGIN), FRAME)
    ends = _place(low, low, model), _place(high, high, model)
    cv2.line(picture, *ends, FRAME, 1, cv2.LINE_AA)
    for tick in model.ticks:
        text = f"{model.scale * tick:g}{model.unit.strip()}"
        for spot, shift in (
            (_place(tick, low, model), (-12, 18)),
            (_place(low, tick, model), (-38, 4)),
        ):
            where = spot[0] + shift[0], spot[1] + shift[1]
            cv2.putText(picture, text, where, 0, 0.4, INK, 1, cv2.LINE_AA)
    cv2.putText(picture, "sigma as said", (165, _SIDE - 22), 0, 0.42, INK, 1, cv2.LINE_AA)
    cv2.putText(picture, "sigma of the errors", (_MARGIN, 46), 0, 0.42, INK, 1, cv2.LINE_AA)
    for row in rows:
        spot = _place(row.sigma, row.observed, model)
        cv2.circle(picture, spot, 4, CURVE, -1, cv2.LINE_AA)
    return picture


def _place(across: float, up: float, model: ErrorModel) -> tuple[int, int]:
    """Pixel of a point of the plot."""
    low, high = np.log(model.shown)
    x, y = (np.clip((np.log(v) - low) / (high - low), 0, 1) for v in (across, up))
    inner = _SIDE - 2 * _MARGIN
    return round(_MARGIN + inner * float(x)), round(_SIDE - _MARGIN - inner * float(y))
