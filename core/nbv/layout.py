"""Positions and sizes of Gaussian kernels on a body's surface, in the rest pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.body.model import Body

NEIGHBOURS = 6  # kernels that determine the size of one; the mean valence of a triangle mesh


@dataclass(frozen=True)
class KernelLayout:
    """Axisymmetric Gaussian ellipsoids on a body's surface, rest pose, mean shape.

    Attributes:
        vertices: the body vertex at which each kernel is.
        axis: unit axis of symmetry, here the surface normal.
        sigma_across: standard deviation in metres perpendicular to the axis.
        sigma_along: standard deviation in metres along the axis.
    """

    vertices: Int[Tensor, " kernels"]
    axis: Float[Tensor, "kernels 3"]
    sigma_across: Float[Tensor, " kernels"]
    sigma_along: Float[Tensor, " kernels"]


def surface_layout(
    body: Body, chosen: Int[np.ndarray, " kernels"], overlap: float, flatness: float
) -> KernelLayout:
    """Kernels at the chosen vertices, flat along the normal (3DNBF, section 3.5).

    Args:
        overlap: standard deviation across the surface, divided by the mean distance to the
            neighbours.
        flatness: standard deviation along the normal, divided by the one across the surface.
    """
    vertices = body.v_template.double().cpu().numpy()
    normals = vertex_normals(vertices, body.faces.cpu().numpy())
    spacing = _neighbour_distance(vertices[chosen], normals[chosen])
    across = torch.as_tensor(overlap * spacing)
    like = body.v_template
    return KernelLayout(
        vertices=torch.as_tensor(chosen, device=like.device),
        axis=torch.as_tensor(normals[chosen]).to(like),
        sigma_across=across.to(like),
        sigma_along=(flatness * across).to(like),
    )


def even_vertices(body: Body, count: int) -> Int[np.ndarray, " count"]:
    """``count`` vertices, evenly spread over a body in its rest pose by farthest-point sampling."""
    return farthest_points(body.v_template.double().cpu().numpy(), count)


def corresponding_vertices(
    body: Body, chosen: Int[np.ndarray, " kernels"], other: Body
) -> Int[np.ndarray, " kernels"]:
    """Vertices of ``other`` that correspond to some vertices of ``body``, both in SMPL's T-pose.

    Positions are compared relative to the joint with the largest blend weight, and only among
    vertices of the same part, so that differences in limb length matter little.
    """
    joints, other_joints = (
        (b.joint_regressor @ b.v_template).double().cpu().numpy() for b in (body, other)
    )
    part, other_part = body.vertex_part.cpu().numpy(), other.vertex_part.cpu().numpy()
    places = body.v_template.double().cpu().numpy()[chosen] - joints[part[chosen]]
    other_places = other.v_template.double().cpu().numpy() - other_joints[other_part]
    distance = np.linalg.norm(places[:, None] - other_places[None], axis=2)
    distance[part[chosen][:, None] != other_part[None]] = np.inf
    return np.asarray(distance.argmin(1))


def farthest_points(points: Float[np.ndarray, "points 3"], count: int) -> Int[np.ndarray, " count"]:
    """Farthest-point sampling: each chosen point is the farthest from all chosen before it.

    The first is the point nearest to the mean, so that the result depends on the points alone.

    Returns:
        Indices of ``count`` points, in the order of choice.
    """
    x, y, z = points.T.copy()  # NumPy is slow along axis 1

    def distances(point: np.ndarray) -> np.ndarray:
        return np.sqrt((x - point[0]) ** 2 + (y - point[1]) ** 2 + (z - point[2]) ** 2)

    chosen = [int(distances(points.mean(0)).argmin())]
    distance = distances(points[chosen[0]])
    for _ in range(count - 1):
        chosen.append(int(distance.argmax()))
        np.minimum(distance, distances(points[chosen[-1]]), out=distance)
    return np.array(chosen)


def vertex_normals(
    vertices: Float[np.ndarray, "vertices 3"], faces: Int[np.ndarray, "faces 3"]
) -> Float[np.ndarray, "vertices 3"]:
    """Area-weighted unit normals, outward for counter-clockwise faces; 0 for unused vertices."""
    corner = vertices[faces]
    face_normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normals = np.zeros_like(vertices)
    for column in range(3):
        np.add.at(normals, faces[:, column], face_normal)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _neighbour_distance(
    points: Float[np.ndarray, "kernels 3"], normals: Float[np.ndarray, "kernels 3"]
) -> Float[np.ndarray, " kernels"]:
    """Mean distance to the nearest kernels that face the same way.

    The other side of a hand or an ear is near in space, but not a neighbour on the surface.
    """
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    distance[normals @ normals.T <= 0] = np.inf
    nearest = np.sort(distance, axis=1)[:, 1 : NEIGHBOURS + 1]
    return np.nanmean(np.where(np.isfinite(nearest), nearest, np.nan), axis=1)
