"""The rasteriser in NumPy: the readable specification, and the fallback without a compiler.

Every (triangle, pixel of its bounding box) pair is a candidate; candidates outside the triangle are
dropped, and a sort by (pixel, depth, face id) leaves the winner of each pixel in front.
"""

from __future__ import annotations

import numpy as np

from core.render.raster import Raster

FAR_AWAY = 1e8  # pixels; beyond, bounds would not fit an integer


def rasterize_twin(
    points: np.ndarray,
    faces: np.ndarray,
    focal: float,
    center: tuple[float, float],
    height: int,
    width: int,
    near: float,
    cull: bool,
) -> Raster:
    """`core.render.raster.rasterize` without native code; arguments as there."""
    screen, inverse_z, visible = _project(points, focal, center, near)
    corners = screen[faces]  # (F, 3, 2)
    area = _edge(corners[:, 0], corners[:, 1], corners[:, 2])
    drawn = visible[faces].all(1) & ((area < 0) if cull else (area != 0))
    ids = np.flatnonzero(drawn)
    face, row, column = _candidates(corners[ids], height, width)
    weights = _weights(corners[ids][face], area[ids][face], row, column)
    inside = (weights >= 0).all(1)
    face, row, column, weights = (x[inside] for x in (face, row, column, weights))
    scaled = weights * inverse_z[faces[ids[face]]]
    depth = 1 / scaled.sum(1)
    barycentric = (scaled * depth[:, None]).astype(np.float32)
    return _nearest(
        ids[face], row * width + column, depth.astype(np.float32), barycentric, (height, width)
    )


def _project(
    points: np.ndarray, focal: float, center: tuple[float, float], near: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Screen points (V, 2) px, inverse depths (V,), and which vertices may be drawn (V,)."""
    exact = points.astype(np.float64)
    middle = np.array(center, np.float32).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse_z = 1 / exact[:, 2]
        screen = float(np.float32(focal)) * exact[:, :2] * inverse_z[:, None] + middle
        visible = (points[:, 2] > np.float32(near)) & (np.abs(screen) < FAR_AWAY).all(1)
    return np.where(visible[:, None], screen, 0.0), inverse_z, visible


def _edge(a: np.ndarray, b: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Twice the signed area of triangles (a, b, p), each (..., 2)."""
    return (b[..., 0] - a[..., 0]) * (p[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        p[..., 0] - a[..., 0]
    )


def _candidates(
    corners: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Face index, row and column of every pixel centre in every face's bounding box."""
    size = np.array([width, height])
    first = np.maximum(np.ceil(corners.min(1) - 0.5), 0).astype(np.int64)
    last = np.minimum(np.floor(corners.max(1) - 0.5), size - 1).astype(np.int64)
    columns, rows = np.maximum(last - first + 1, 0).T
    counts = columns * rows
    face = np.repeat(np.arange(len(corners)), counts)
    offset = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    row = first[face, 1] + offset // columns[face]
    column = first[face, 0] + offset % columns[face]
    return face, row, column


def _weights(
    corners: np.ndarray, area: np.ndarray, row: np.ndarray, column: np.ndarray
) -> np.ndarray:
    """Screen-space barycentrics (N, 3) of pixel centres; negative outside."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    pixel = np.stack([column + 0.5, row + 0.5], -1)
    edges = np.stack([_edge(b, c, pixel), _edge(c, a, pixel), _edge(a, b, pixel)], -1)
    return edges * (1 / area)[:, None]


def _nearest(
    face: np.ndarray,
    pixel: np.ndarray,
    depth: np.ndarray,
    barycentric: np.ndarray,
    shape: tuple[int, int],
) -> Raster:
    """Of all hits, the nearest of each pixel; ties go to the smaller face id."""
    order = np.lexsort((face, depth, pixel))
    winners = order[np.unique(pixel[order], return_index=True)[1]]
    seen = pixel[winners]
    ids = np.full(shape[0] * shape[1], -1, np.int32)
    weights = np.zeros((len(ids), 3), np.float32)
    depths = np.full(len(ids), np.inf, np.float32)
    ids[seen], weights[seen], depths[seen] = face[winners], barycentric[winners], depth[winners]
    return Raster(ids.reshape(shape), weights.reshape(*shape, 3), depths.reshape(shape))
