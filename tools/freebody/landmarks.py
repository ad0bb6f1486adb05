"""Nose, eyes, ears, toes, heels and fingertips, at SMPL's vertex numbers for them.

Code that reads SMPL's landmark vertices by number, such as smplx, then finds the right points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.freebody.skeleton import JOINT

VERTEX_NUMBERS = {
    "nose": 332, "leye": 2800, "reye": 6260, "lear": 583, "rear": 4071,
    "LBigToe": 3216, "LSmallToe": 3226, "LHeel": 3387,
    "RBigToe": 6617, "RSmallToe": 6624, "RHeel": 6787,
    "lthumb": 2746, "lindex": 2319, "lmiddle": 2445, "lring": 2556, "lpinky": 2673,
    "rthumb": 6191, "rindex": 5782, "rmiddle": 5905, "rring": 6016, "rpinky": 6133,
}  # fmt: skip
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_THUMB = np.array([0.6, -0.2, 0.7])  # where the left thumb points in the T-pose
_LID = np.array([0, 0, 0.012])  # from the eye's centre


@dataclass(frozen=True)
class LandmarkInput:
    """The input of the search for landmarks.

    Attributes:
        mean: (V, 3) the mean body.
        weights: (V, 24).
        mirror: (V,).
        inside: (V,) vertices in the mouth or an eye socket.
        moved_by: returns the (V,) blend weights of a MakeHuman bone by its name.
        head: (3,) the head joint.
        left_eye: (3,) the eyeball's centre.
    """

    mean: np.ndarray
    weights: np.ndarray
    mirror: np.ndarray
    inside: np.ndarray
    moved_by: Callable[[str], np.ndarray]
    head: np.ndarray
    left_eye: np.ndarray


def find_landmarks(surface: LandmarkInput) -> dict[str, int]:
    """Landmark -> vertex."""
    found = _face(surface) | _left_foot(surface) | _left_fingers(surface)
    other = {name: ("r" if name[0] == "l" else "R") + name[1:] for name in found if name != "nose"}
    return found | {right: int(surface.mirror[found[left]]) for left, right in other.items()}


def _face(surface: LandmarkInput) -> dict[str, int]:
    points, eye = surface.mean, surface.left_eye
    head = surface.weights[:, JOINT["head"]] > 0.5
    profile = head & (np.abs(points[:, 0]) < 1e-4) & (points[:, 1] > surface.head[1])
    side = head & (points[:, 2] < eye[2] - 0.03) & (np.abs(points[:, 1] - eye[1]) < 0.06)
    lid = np.linalg.norm(points - (eye + _LID), axis=1)
    return {
        "nose": _furthest(points, profile, np.array([0, 0, 1])),
        "leye": int(np.where(head & ~surface.inside, lid, np.inf).argmin()),
        "lear": _furthest(points, side, np.array([1, 0, 0])),
    }


def _left_foot(surface: LandmarkInput) -> dict[str, int]:
    points, ahead = surface.mean, np.array([0, 0, 1])
    heel = surface.weights[:, JOINT["l_ankle"]] > 0.6
    return {
        "LBigToe": _furthest(points, surface.moved_by("toe1-2.L") > 0.4, ahead),
        "LSmallToe": _furthest(points, surface.moved_by("toe5-3.L") > 0.4, ahead),
        "LHeel": _furthest(points, heel, -ahead),
    }


def _left_fingers(surface: LandmarkInput) -> dict[str, int]:
    along = [_THUMB] + [np.array([1, 0, 0])] * 4
    tips = (surface.moved_by(f"finger{i}-3.L") > 0.5 for i in range(1, 6))
    return {
        f"l{name}": _furthest(surface.mean, tip, axis)
        for name, tip, axis in zip(_FINGERS, tips, along, strict=True)
    }


def _furthest(points: np.ndarray, allowed: np.ndarray, direction: np.ndarray) -> int:
    rows = np.where(allowed)[0]
    return int(rows[(points[rows] @ direction).argmax()])


def order_for_landmarks(landmarks: dict[str, int], count: int) -> np.ndarray:
    """The old vertex at each new number, such that each landmark has its number.

    The vertex that had this number takes the landmark's old one.

    Raises:
        ValueError: two landmarks are one vertex.
    """
    if len(set(landmarks.values())) != len(landmarks):
        raise ValueError(f"landmarks coincide: {landmarks}")
    old_at, new_of = np.arange(count), np.arange(count)
    for name, old in landmarks.items():
        target, current, other = VERTEX_NUMBERS[name], new_of[old], old_at[VERTEX_NUMBERS[name]]
        old_at[target], old_at[current] = old, other
        new_of[old], new_of[other] = target, current
    return old_at
