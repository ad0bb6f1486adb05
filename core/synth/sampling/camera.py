"""Cameras for synthetic people: heading, pitch, roll, lens, and the person's place in the crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

FLIP = np.diag([1.0, -1.0, -1.0])  # y up, z towards the viewer -> y down, z forward
DIAGONAL_MM = 43.27  # of a 36 x 24 mm frame, to which 35 mm equivalents refer
MIN_DISTANCE = 0.5  # metres between the camera and the nearest point of the person

# Body parts of the box by which a person is framed.
LOWER_LEGS = [4, 5, 7, 8, 10, 11]
LEGS = [1, 2, *LOWER_LEGS]
FOOT = 10
BOXES: dict[str, list[int]] = {
    "whole": list(range(24)),
    "no lower legs": [j for j in range(24) if j not in LOWER_LEGS],
    "no legs": [j for j in range(24) if j not in LEGS],
    "chest up": [9, 12, 13, 14, 15, 16, 17],
    "legs": [0, 3, *LEGS],
}
FRAMINGS: dict[str, dict[str, float]] = {
    "train": dict(zip(BOXES, (0.52, 0.17, 0.19, 0.07, 0.05), strict=True)),
    "test": dict(zip(BOXES, (0.75, 0.10, 0.09, 0.03, 0.03), strict=True)),
}
"""Probability of each box, by split. In training all of a person is in the box as often as in
COCO's boxes; the test people stay as they are, so that their figures can be compared."""


@dataclass(frozen=True)
class Framing:
    """Camera of a crop and the place of the person in it.

    Attributes:
        focal: pixels of the crop.
        transl: metres; places the body in front of the camera.
        truncated: the box was drawn around a part of the body.
        cut: row of the crop below which the body is outside the box, pixels; None if the box
            contains the feet.
    """

    focal: float
    transl: Float[np.ndarray, "3"]
    truncated: bool
    cut: float | None = None


def random_orientation(rng: np.random.Generator) -> Float[np.ndarray, "3 3"]:
    """Camera-from-world rotation: any heading, mostly level, nearly upright.

    World axes are y up; a positive pitch looks down on the person.
    """
    usual = rng.random() < 0.85
    pitch = np.clip(rng.normal(8, 11), -25, 45) if usual else rng.uniform(-40, 60)
    heading, roll = rng.uniform(0, 360), rng.normal(0, 5)
    turn = Rotation.from_euler("ZXY", [roll, pitch, heading], degrees=True)
    return FLIP @ turn.as_matrix()


def random_distance(height: float, rng: np.random.Generator) -> float:
    """Distance in metres to a person of ``height`` metres for a lens of 24-200 mm."""
    lens = np.exp(rng.uniform(np.log(24), np.log(200)))
    photo_diagonal = rng.uniform(1.2, 1.8)  # in photo heights
    share = rng.uniform(0.3, 1.1)  # of the photo's height that the person takes
    return float(np.clip(lens / DIAGONAL_MM * photo_diagonal * height / share, 1.2, 40))


def frame_person(
    vertices: Float[np.ndarray, "vertices 3"],
    vertex_part: np.ndarray,
    size: int,
    rng: np.random.Generator,
    split: str = "train",
) -> Framing:
    """Place a person so that their box fills the crop as a detector's padded box would.

    Args:
        vertices: metres, in the camera's orientation, around the origin.
        vertex_part: joint that each vertex belongs to.
        split: "train" or "test", see `FRAMINGS`.
    """
    parts = _random_parts(split, rng)
    boxed = vertices[np.isin(np.arange(24), parts)[vertex_part]]
    low, high = bounds(vertices)
    depth = max(random_distance(float((high - low).max()), rng), MIN_DISTANCE - float(low[2]))
    transl = np.array([0.0, 0.0, depth])
    for _ in range(2):  # the perspective, and so the box, changes slightly with the position
        low, high = _screen_box(boxed + transl)
        transl[:2] -= (low + high) / 2 * depth
    low, high = _screen_box(boxed + transl)
    share = np.clip(rng.normal(0.78, 0.09), 0.5, 0.98)
    focal = share * size / float((high - low).max())
    jitter = np.clip(rng.normal(0, 0.04, 2), -0.1, 0.1)
    transl[:2] += jitter * depth * size / focal
    bottom = size / 2 + float(_screen_box(boxed + transl)[1][1]) * focal
    return Framing(focal, transl, len(parts) < 24, None if FOOT in parts else bottom)


def bounds(points: Float[np.ndarray, "points dim"]) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of the points' box; transposed, since NumPy is slow along axis 0."""
    columns = np.ascontiguousarray(points.T)
    return columns.min(1), columns.max(1)


def _random_parts(split: str, rng: np.random.Generator) -> list[int]:
    """The body parts that the box contains."""
    names, probabilities = zip(*FRAMINGS[split].items(), strict=True)
    return BOXES[names[rng.choice(len(names), p=probabilities)]]


def _screen_box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper corner of projected points, for focal length 1."""
    return bounds(points[:, :2] / points[:, 2:])
