"""What presentation pictures show: the fitted body, its start, the photo and its camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8


@dataclass(frozen=True)
class FittedScene:
    """One fitted person, in the photo's camera frame (x right, y down, z forward).

    Attributes:
        vertices: the figure of the fitted body (`core.pictures.figure`), metres.
        start: that of the body that the fit began with, metres.
        joints: SMPL's joints of the fitted body, metres.
        faces: counter-clockwise seen from outside.
        photo: RGB.
        focal: pixels of ``photo``, whose middle is the principal point.
    """

    vertices: Float32[np.ndarray, "vertices 3"]
    start: Float32[np.ndarray, "vertices 3"]
    joints: Float32[np.ndarray, "24 3"]
    faces: Int32[np.ndarray, "faces 3"]
    photo: UInt8[np.ndarray, "height width 3"]
    focal: float
