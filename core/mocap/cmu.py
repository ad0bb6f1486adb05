"""What the two formats of CMU's recordings share: which bones are which, and how far to trust them.

Their collar bones never move, and the two markers of a hand do not fix how it sits on the wrist:
each recording bends all its hands by some constant of up to 50 degrees.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

BONE_OF_JOINT = {
    0: "root",
    1: "lfemur",
    2: "rfemur",
    3: "lowerback",
    4: "ltibia",
    5: "rtibia",
    6: "upperback",
    7: "lfoot",
    8: "rfoot",
    9: "thorax",
    10: "ltoes",
    11: "rtoes",
    12: "lowerneck",
    15: "head",
    16: "lhumerus",
    17: "rhumerus",
    18: "lradius",
    19: "rradius",
    20: "lhand",
    21: "rhand",
}


def centred_hands(
    rotations: dict[str, Float[np.ndarray, "frames 3 3"]],
) -> dict[str, Float[np.ndarray, "frames 3 3"]]:
    """The bones with both hands straight on their wrists on the recording's average."""
    centred = dict(rotations)
    for side in "lr":
        wrist = Rotation.from_matrix(rotations[f"{side}wrist"])
        bend = wrist.inv() * Rotation.from_matrix(rotations[f"{side}hand"])
        centred[f"{side}hand"] = (wrist * bend * bend.mean().inv()).as_matrix()
    return centred
