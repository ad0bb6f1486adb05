"""Are the detectors' sigmas true? Errors of points against what their sigmas promise."""

from __future__ import annotations

from collections.abc import Sequence
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
_MEDIAN = (FREEDOM * (2 ** (2 / FREEDOM) - 1)) ** 0.5  # of the distance, in sigmas
_SIDE, _MARGIN = 420, 60
_RANGE = (0.005, 0.5)  # of the plot, shares of the box


@dataclass(frozen=True)
class CalibrationBin:
    """Points of similar sigma; sigmas and errors are shares of the box's longer side.

    Attributes:
        sigma: median of the sigmas.
        error: median distance from the annotated points.
        observed: standard deviation that the median error speaks for.
        within: shares of the points within 1, 2 and 3 of their sigmas.
        expected: the same if the sigmas were true.
    """

    n: int
    sigma: float
    error: float
    observed: float
    within: tuple[float, ...]
    expected: tuple[float, ...]


def calibrate(
    sigmas: Float[np.ndarray, " points"], errors: Float[np.ndarray, " points"]
) -> list[CalibrationBin]:
    """Points sorted by sigma, in bins of equal numbers.

    Student's t in two dimensions has ``P(distance < k sigma) = 1 - (1 + k^2 / n)^(-n / 2)``.
    """
    order = np.argsort(sigmas, kind="stable")
    expected = tuple(1 - (1 + k * k / FREEDOM) ** (-FREEDOM / 2) for k in SHARES)
    rows = []
    for chosen in np.array_split(order, min(BINS, len(order))):
        ratio, error = errors[chosen] / sigmas[chosen], float(np.median(errors[chosen]))
        rows.append(
            CalibrationBin(
                n=len(chosen),
                sigma=float(np.median(sigmas[chosen])),
                error=error,
                observed=error / _MEDIAN,
                within=tuple(float((ratio < k).mean()) for k in SHARES),
                expected=expected,
            )
        )
    return rows


def calibration_table(rows: Sequence[CalibrationBin]) -> Table:
    """The bins in % of the box's longer side."""
    expected = "/".join(f"{100 * share:.0f}" for share in rows[0].expected) if rows else ""
    table = empty_table(
        "Detected points by their sigmas",
        ("points",),
        ("sigma %", "speaks for %", f"within 1/2/3 sigma % (true: {expected})"),
    )
    for row in rows:
        within = "/".join(f"{100 * share:.0f}" for share in row.within)
        table.add_row(str(row.n), f"{100 * row.sigma:.1f}", f"{100 * row.observed:.1f}", within)
    return table


def draw_calibration(rows: Sequence[CalibrationBin]) -> UInt8[np.ndarray, "side side 3"]:
    """Sigmas (right) against what the errors speak for (up), both logarithmic, on white."""
    picture = np.full((_SIDE, _SIDE, 3), PAPER, np.uint8)
    cv2.rectangle(picture, (_MARGIN, _MARGIN), (_SIDE - _MARGIN, _SIDE - _MARGIN), FRAME)
    cv2.line(picture, _place(*_RANGE[:1] * 2), _place(*_RANGE[1:] * 2), FRAME, 1, cv2.LINE_AA)
    for tick in (0.01, 0.03, 0.1, 0.3):
        for spot, shift in (
            (_place(tick, _RANGE[0]), (-12, 18)),
            (_place(_RANGE[0], tick), (-38, 4)),
        ):
            where = spot[0] + shift[0], spot[1] + shift[1]
            cv2.putText(picture, f"{100 * tick:.0f}%", where, 0, 0.4, INK, 1, cv2.LINE_AA)
    cv2.putText(picture, "sigma of the detector", (150, _SIDE - 22), 0, 0.42, INK, 1, cv2.LINE_AA)
    cv2.putText(picture, "sigma of its errors", (_MARGIN, 46), 0, 0.42, INK, 1, cv2.LINE_AA)
    for row in rows:
        cv2.circle(picture, _place(row.sigma, row.observed), 4, CURVE, -1, cv2.LINE_AA)
    return picture


def _place(across: float, up: float) -> tuple[int, int]:
    """Pixel of a point of the plot."""
    low, high = np.log(_RANGE)
    x, y = (np.clip((np.log(v) - low) / (high - low), 0, 1) for v in (across, up))
    inner = _SIDE - 2 * _MARGIN
    return round(_MARGIN + inner * float(x)), round(_SIDE - _MARGIN - inner * float(y))
