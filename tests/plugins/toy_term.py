"""A term: the pelvis should be at the height of the camera."""

from jaxtyping import Float
from torch import Tensor

from core.fit.evaluation import Evaluation
from core.fit.term import TERMS, Term


def height(at: Evaluation) -> Float[Tensor, " batch"]:
    """Squared height of the pelvis over the camera's axis, one number a row."""
    return at.posed.joints[:, 0, 1].square()


TERM = Term(
    name="toy",
    order=80,
    residual=height,
    weight=2.0,
    unit="m^2",
    description="squared height of the pelvis over the camera's axis",
    equation="y_0^2",
)
TERMS.add(TERM)
