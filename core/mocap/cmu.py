"""What both formats of CMU's recordings share: the names of bones, and the correction of hands.

The two markers of a hand do not determine its rotation on the wrist: each recording bends all its
hands by a constant of up to 50 degrees. Collar bones never move and are not used.
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
    """The bones, with each hand rotated so that it is straight on average over the recording."""
    centred = dict(rotations)
    for side in "lr":
        wrist = Rotation.from_matrix(rotations[f"{side}wrist"])
        bend = wrist.inv() * Rotation.from_matrix(rotations[f"{side}hand"])
        centred[f"{side}hand"] = (wrist * bend * bend.mean().inv()).as_matrix()
    return centred
