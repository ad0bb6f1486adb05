"""Fitting of a garment to the T-posed free body, with its own shape basis and blend weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from core.io.npz import read_npz
from tools.wardrobe.mhclo import Binding

SKIN_VERTICES = 13380  # the first of the base mesh; helper geometry and joint cubes follow
CLEARANCE = 0.004  # metres between cloth and skin in the rest pose


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's complete base mesh in the shape space of the free body.

    Attributes:
        vertices: (N, 3) T-posed mean shape, metres.
        shapedirs: (N, 3, 10).
        weights: (N, 24).
        apose: (N, 3) a mean adult in MakeHuman's own rest pose, in which .mhclo offsets are given.
    """

    vertices: np.ndarray
    shapedirs: np.ndarray
    weights: np.ndarray
    apose: np.ndarray

    @staticmethod
    def load(path: Path) -> BaseMesh:
        """Read the file that ``tools.freebody`` writes to the cache.

        Raises:
            UserError: the file is missing or damaged.
        """
        names = ("vertices", "shapedirs", "weights", "apose")
        found = read_npz(path, "base mesh", "build it: python -m tools.freebody", names)
        return BaseMesh(**found)


@dataclass(frozen=True)
class Fitted:
    """Garment vertices on the T-posed body: positions, shape basis, blend weights."""

    vertices: np.ndarray
    shapedirs: np.ndarray
    weights: np.ndarray


def fit(binding: Binding, base: BaseMesh) -> Fitted:
    """Garment vertices: linear in base-mesh vertices, plus an offset rotated into the T-pose."""
    mix = binding.barycentric
    shapedirs = np.einsum("nk,nkcb->ncb", mix, base.shapedirs[binding.corners])
    weights = np.einsum("nk,nkj->nj", mix.clip(0), base.weights[binding.corners])
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-6)
    rotation = np.einsum("nj,jab->nab", weights, rotations_to_tpose(base))
    offsets = binding.offsets * _scales(binding, base)
    vertices = np.einsum("nk,nkc->nc", mix, base.vertices[binding.corners])
    vertices = vertices + np.einsum("nab,nb->na", rotation, offsets)
    return Fitted(*(x.astype(np.float32) for x in (vertices, shapedirs, weights)))


def _scales(binding: Binding, base: BaseMesh) -> np.ndarray:
    """Metres per offset unit along each axis."""
    scales = np.full(3, 0.1)
    for axis, (first, second, distance) in binding.scales.items():
        column = "xyz".index(axis)
        span = base.apose[first, column] - base.apose[second, column]
        scales[column] = abs(span) / distance
    return scales


def rotations_to_tpose(base: BaseMesh) -> np.ndarray:
    """The rotation of each joint's skin from MakeHuman's rest pose to the T-pose, (24, 3, 3)."""
    rotations = np.tile(np.eye(3), (24, 1, 1))
    skin = slice(0, SKIN_VERTICES)
    for joint in range(24):
        own = base.weights[skin, joint] > 0.6
        if own.sum() < 8:
            continue
        source, target = base.apose[skin][own], base.vertices[skin][own]
        moment = (target - target.mean(0)).T @ (source - source.mean(0))
        left, _, right = np.linalg.svd(moment)
        sign = np.diag([1, 1, np.linalg.det(left @ right)])
        rotations[joint] = left @ sign @ right
    return rotations


def push_out_of_skin(fitted: Fitted, body_vertices: np.ndarray, body_normals: np.ndarray) -> Fitted:
    """Push garment vertices in or on the skin out of it."""
    _, nearest = cKDTree(body_vertices).query(fitted.vertices, k=3)
    gap = fitted.vertices[:, None] - body_vertices[nearest]
    height = (gap * body_normals[nearest]).sum(-1).mean(1)
    normal = body_normals[nearest].mean(1)
    lift = np.clip(CLEARANCE - height, 0, 0.02)[:, None] * normal
    return Fitted((fitted.vertices + lift).astype(np.float32), fitted.shapedirs, fitted.weights)


def hidden_faces(
    deleted: np.ndarray, body_vertices: np.ndarray, body_faces: np.ndarray, base: BaseMesh
) -> np.ndarray:
    """Body faces with all corners nearest to base-mesh vertices that the garment hides."""
    _, nearest = cKDTree(base.vertices[:SKIN_VERTICES]).query(body_vertices)
    hidden = np.isin(nearest, deleted)
    return np.flatnonzero(hidden[body_faces].all(1)).astype(np.int32)
