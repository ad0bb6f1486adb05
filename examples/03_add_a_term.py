"""Add a term of your own to the objective: here, feet that keep their distance.

python examples/03_add_a_term.py [PHOTO]
"""

import sys

from torch import Tensor

import nbf
from core.fit.evaluation import Evaluation

LEFT_ANKLE, RIGHT_ANKLE = 7, 8


def stride(at: Evaluation) -> Tensor:
    """Squared difference of the distance between the ankles from 0.6 m."""
    ankles = at.posed.joints[:, LEFT_ANKLE] - at.posed.joints[:, RIGHT_ANKLE]
    return (ankles.norm(dim=-1) - 0.6).square()


term = nbf.Term(
    name="stride",
    order=100,
    residual=stride,
    weight=1000.0,
    unit="m^2",
    description="the ankles are 0.6 m apart",
    equation="(|l - r| - 0.6)^2",
)

photo = sys.argv[1] if len(sys.argv) > 1 else "skimage:camera"
observation = nbf.observe(photo)
before = nbf.fit(observation).joints
with nbf.TERMS.added(term):  # `nbf.TERMS.add(term)` keeps it
    after = nbf.fit(observation).joints
for name, joints in (("standard", before), ("with the term", after)):
    gap = ((joints[LEFT_ANKLE] - joints[RIGHT_ANKLE]) ** 2).sum() ** 0.5
    print(f"{name:14} ankles {gap:.2f} m apart")
