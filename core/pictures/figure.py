"""The figure that pictures show: the body in a plain suit, without anatomical detail.

Chest, groin and buttocks are replaced by the smoothest surface through what is around them, the one
whose Laplacian is least in the sum of squares (with cotangent weights; a thin plate). That is
linear in the rest shape, so it is solved once, for the mean shape and for each shape coefficient.
Joints, kernels and exports keep the body's own surface.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int

from core.body.model import Body
from core.body.names import JOINT_NAMES

Points = Float[np.ndarray, "vertices 3"]
Replaced = Bool[np.ndarray, " vertices"]
Faces = Int[np.ndarray, "faces 3"]

_LARGEST_COTANGENT = 10.0
_FRONT = 0.02  # metres before the spine from which a vertex of the trunk is in front
_BELOW_COLLAR = 0.02  # metres
_BETWEEN = 1.0  # of the distance from the middle to a hip joint
_ABOVE_HIP, _BELOW_HIP = 0.1, 0.1  # metres
_TRUNK = [
    JOINT_NAMES.index(name)
    for name in ("pelvis", "spine1", "spine2", "spine3", "l_collar", "r_collar")
]
_PELVIS = [JOINT_NAMES.index(name) for name in ("pelvis", "l_hip", "r_hip")]


def neutral_figure(body: Body) -> Body:
    """The same body with a smoother rest surface, for `Body.pose`'s ``surface``.

    Its own joints are of no use: they follow from the surface.
    """
    template, faces = body.v_template.double().numpy(), body.faces.numpy()
    replaced = _chest(body, template) | _hips(body, template)
    smooth = smoothest(template, template, faces, replaced)  # whose weights fit the result
    columns = torch.cat([body.v_template[:, :, None], body.shapedirs], 2).double().numpy()
    flat = smoothest(columns.reshape(len(template), -1), smooth, faces, replaced)
    result = torch.from_numpy(flat.reshape(columns.shape)).to(body.v_template)
    return replace(body, v_template=result[..., 0], shapedirs=result[..., 1:])


def smoothest(
    values: Float[np.ndarray, "vertices n"], surface: Points, faces: Faces, replaced: Replaced
) -> Float[np.ndarray, "vertices n"]:
    """Values with the least squared Laplacian over a surface, given those that stay.

    Args:
        replaced: vertices whose values are found; those of all others stay.
    """
    near = _with_neighbours(replaced, faces)  # their Laplacians depend on replaced values
    around = _with_neighbours(near, faces)
    laplacian = _laplacian(surface[around], _renumbered(faces, around))[near[around]]
    free = replaced[around]
    result = values.copy()
    known = laplacian[:, ~free] @ values[around & ~replaced]
    inner = torch.from_numpy(laplacian[:, free])
    factor = torch.linalg.cholesky(inner.T @ inner)
    right = -inner.T @ torch.from_numpy(known)
    result[replaced] = torch.cholesky_solve(right, factor).numpy()
    return result


def _with_neighbours(chosen: Replaced, faces: Faces) -> Replaced:
    grown = chosen.copy()
    grown[faces[chosen[faces].any(1)]] = True
    return grown


def _renumbered(faces: Faces, kept: Replaced) -> Int[np.ndarray, "inner 3"]:
    """Faces between kept vertices, which are numbered anew."""
    return (np.cumsum(kept) - 1)[faces[kept[faces].all(1)]]


def _laplacian(vertices: Points, faces: Faces) -> Float[np.ndarray, "vertices vertices"]:
    """The Laplacian with cotangent weights, each row divided by the square root of its area."""
    count = len(vertices)
    weights, area = np.zeros((count, count)), np.zeros(count)
    for corner in range(3):
        at, one, other = (faces[:, (corner + k) % 3] for k in range(3))
        a, b = vertices[one] - vertices[at], vertices[other] - vertices[at]
        double = np.linalg.norm(np.cross(a, b), axis=1).clip(1e-12)
        cotangent = np.clip((a * b).sum(1) / double, 0, _LARGEST_COTANGENT) / 2
        np.add.at(weights, (one, other), cotangent)
        np.add.at(area, at, double / 6)
    weights += weights.T
    return (np.diag(weights.sum(1)) - weights) / np.sqrt(area.clip(1e-12))[:, None]


def _chest(body: Body, template: Points) -> Replaced:
    """The front of the trunk between collar bones and hips."""
    joint = _joints(body, template)
    x, y, z = template.T
    weight = body.weights[:, _TRUNK].sum(1).numpy()
    high = (y < joint["l_collar"][1] - _BELOW_COLLAR) & (y > joint["pelvis"][1])
    front = z > joint["spine3"][2] + _FRONT
    return (weight > 0.5) & high & front & (np.abs(x) < joint["l_shoulder"][0])


def _hips(body: Body, template: Points) -> Replaced:
    """Between the legs, in front and behind."""
    hip = _joints(body, template)["l_hip"]
    x, y, _ = template.T
    weight = body.weights[:, _PELVIS].sum(1).numpy()
    high = (y < hip[1] + _ABOVE_HIP) & (y > hip[1] - _BELOW_HIP)
    return (weight > 0.5) & high & (np.abs(x) < _BETWEEN * hip[0])


def _joints(body: Body, template: Points) -> dict[str, Float[np.ndarray, "3"]]:
    joints = body.joint_regressor.double().numpy() @ template
    return dict(zip(JOINT_NAMES, joints, strict=True))
