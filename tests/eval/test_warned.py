"""Warnings of fits against their errors."""

import numpy as np
import pytest

from core.eval.warned import WarnedReport
from core.fit.misfit import LARGEST

NAN = float("nan")
FAR, NEAR = 2 * LARGEST, LARGEST / 2


def test_warnings_are_counted_among_those_who_are_known():
    misfit = np.array([FAR, FAR, NEAR, NEAR, NEAR, NAN, FAR])
    wrong = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 1.0, NAN])
    report = WarnedReport.of(misfit, wrong)
    assert (report.n, report.wrong, report.warned, report.warned_wrong) == (5, 2, 2, 1)
    assert report.auroc == pytest.approx((2.5 + 1.0) / 6)


def test_without_anybody_there_is_no_report():
    assert WarnedReport.of(np.array([NAN]), np.array([1.0])) is None


def test_where_nobody_is_wrong_there_is_no_ranking():
    assert WarnedReport.of(np.array([NEAR, FAR]), np.array([0.0, 0.0])).auroc is None
