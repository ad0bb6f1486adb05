"""Blend weights and the joint regressor of the decimated body."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from core.body.names import JOINT_FLIP, JOINT_NAMES, PARENTS
from tools.freebody.people import People
from tools.freebody.skeleton import mirror_weights

_INFLUENCES = 4
_LEAST_WEIGHT = 1e-3
_SUM = 30.0  # weight of the condition that a row sums to one, metres
_RIDGE = 0.15  # metres; regularisation that spreads a row over many vertices
_NEAREST = 400  # number of vertices of a row without a radius
_RADIUS = {"hip": 0.20, "pelvis": 0.22, "spine1": 0.2, "spine2": 0.2, "spine3": 0.26}


def prune_weights(weights: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """The strongest four of the blend weights (V, 24), symmetric, of sum one."""
    weights = mirror_weights(weights, mirror)
    fourth = np.sort(weights, 1)[:, -_INFLUENCES][:, None]
    weights[weights < np.maximum(fourth, _LEAST_WEIGHT)] = 0
    weights /= weights.sum(1, keepdims=True)
    return mirror_weights(weights, mirror)


def joint_regressor(
    people: People, people_used: np.ndarray, weights: np.ndarray, mirror: np.ndarray
) -> np.ndarray:
    """Non-negative rows (24, V) of sum one that find people's joints from their vertices.

    Args:
        people: their mean determines which vertices are near a joint.
        people_used: indices of the people to whom the regressor is fitted.
        weights: (V, 24) blend weights; a joint is regressed from the skin of itself and its
            neighbours.
        mirror: (V,).
    """
    mean, places = people.vertices.mean(0), people.joints.mean(0)
    regressor = np.zeros((len(JOINT_NAMES), len(mean)))
    for joint, other in enumerate(JOINT_FLIP):
        if other < joint:
            continue
        chosen = _candidates(joint, np.linalg.norm(mean - places[joint], axis=1), weights)
        if other == joint:
            chosen = np.unique(np.concatenate([chosen, mirror[chosen]]))
        row = np.zeros(len(mean))
        skin = people.vertices[np.ix_(people_used, chosen)]
        row[chosen] = _row(skin - people.joints[people_used, joint][:, None])
        regressor[joint] = 0.5 * (row + row[mirror]) if other == joint else row
        regressor[other] = regressor[joint][mirror]
    return regressor


def _candidates(joint: int, distance: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Vertices near a joint with most of their blend weight on it, its parent or its children."""
    children = [child for child, parent in enumerate(PARENTS) if parent == joint]
    family = [joint, max(PARENTS[joint], 0), *children]
    distance = np.where(weights[:, family].sum(1) > 0.5, distance, distance + 1)
    radius = _RADIUS.get(JOINT_NAMES[joint].split("_")[-1])
    if radius is None:
        radius = np.sort(distance)[min(_NEAREST, len(distance) - 1)]
    return np.where(distance < radius)[0]


def _row(offsets: np.ndarray) -> np.ndarray:
    """Weights w >= 0 of sum one whose weighted offsets (n, c, 3) vanish, by least squares."""
    count = offsets.shape[1]
    matrix = np.concatenate(
        [
            offsets.transpose(0, 2, 1).reshape(-1, count),
            _SUM * np.ones((1, count)),
            _RIDGE * np.eye(count),
        ]
    )
    right = np.concatenate([np.zeros(3 * len(offsets)), [_SUM], np.zeros(count)])
    root = np.linalg.cholesky(matrix.T @ matrix + 1e-10 * np.eye(count))
    row, _ = nnls(root.T, np.linalg.solve(root, matrix.T @ right), maxiter=20 * count)
    row[row < 1e-4 * row.max()] = 0
    return row / row.sum()
