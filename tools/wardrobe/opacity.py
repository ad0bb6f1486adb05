"""Removal of transparent faces: hair is textured cards, and the rasteriser draws opaque faces."""

from __future__ import annotations

import numpy as np

SOLID = 0.5  # smallest mean alpha of a face that is kept
ROUNDS = 2  # subdivisions of partly transparent faces


def keep_opaque(
    columns: np.ndarray, faces: np.ndarray, corner_uv: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Subdivide partly transparent faces, then drop the transparent ones.

    Args:
        columns: (N, C) quantities linear in the vertices: positions, shape basis, weights.
        faces: (F, 3).
        corner_uv: (F, 3, 2).
        alpha: picture of opacity, row 0 is v = 1.
    """
    for _ in range(ROUNDS):
        cover = _cover(corner_uv, alpha)
        mixed = (cover.max(1) >= SOLID) & (cover.min(1) < SOLID)
        columns, fine_faces, fine_uv = _quarter(columns, faces[mixed], corner_uv[mixed])
        faces = np.concatenate([faces[~mixed], fine_faces])
        corner_uv = np.concatenate([corner_uv[~mixed], fine_uv])
    solid = _cover(corner_uv, alpha).mean(1) >= SOLID
    faces, corner_uv = faces[solid], corner_uv[solid]
    used, faces = np.unique(faces, return_inverse=True)
    return columns[used], faces.reshape(-1, 3).astype(np.int32), corner_uv


def _cover(corner_uv: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Alpha at seven points of each face, (F, 7)."""
    mix = np.array(
        [[1, 1, 1], [4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 0.2], [0.2, 2, 2], [2, 0.2, 2]]
    )
    uv = np.einsum("sk,fkc->fsc", mix / mix.sum(1, keepdims=True), corner_uv)
    rows, columns = alpha.shape
    row = ((1 - uv[..., 1] % 1) * rows).astype(int).clip(0, rows - 1)
    column = ((uv[..., 0] % 1) * columns).astype(int).clip(0, columns - 1)
    return alpha[row, column]


def _quarter(
    columns: np.ndarray, faces: np.ndarray, corner_uv: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each face, subdivided into four at its edges' midpoints."""
    count = len(faces)
    first, second = faces, np.roll(faces, -1, 1)
    pairs = np.sort(np.stack([first, second], -1).reshape(-1, 2), 1)
    edges, index = np.unique(pairs, axis=0, return_inverse=True)
    middle = index.reshape(count, 3) + len(columns)
    columns = np.concatenate([columns, columns[edges].mean(1)])
    middle_uv = 0.5 * (corner_uv + np.roll(corner_uv, -1, 1))
    points = np.concatenate([faces, middle], 1)  # corners 0 1 2, middles 01 12 20
    uv = np.concatenate([corner_uv, middle_uv], 1)
    parts = np.array([[0, 3, 5], [3, 1, 4], [5, 4, 2], [3, 4, 5]])
    return columns, points[:, parts].reshape(-1, 3), uv[:, parts].reshape(-1, 3, 2)
