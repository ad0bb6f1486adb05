"""Parts from outside the package, as a user would write them: see CONTRIBUTING.md."""

from __future__ import annotations

from core.fit.evaluation import Evaluation
from core.fit.term import TERMS, Term


def height(at: Evaluation):
    """Squared height of the pelvis over the camera's axis, metres."""
    return at.posed.joints[:, 0, 1].square()


TERMS.add(
    Term(
        name="toy",
        order=80,
        residual=height,
        weight=2.0,
        unit="m^2",
        explanation="squared height of the pelvis over the camera's axis",
        equation="y_0^2",
    )
)
