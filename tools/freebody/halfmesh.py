"""One half of a symmetric mesh with texture corners for both halves, and its mirroring.

Decimating the half and mirroring the result keeps the mesh symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

_ON_AXIS = 1e-5  # metres
_OTHER_WINDING = [0, 2, 1]


@dataclass
class HalfMesh:
    """Triangles of the half x >= 0.

    Attributes:
        points: (V, 3) all vertices, of both halves.
        centre: (V,) the vertices on the plane of symmetry.
        faces: three vertices a face.
        corners: three corner ids a face: a vertex has one for each of its places in the texture.
        corner_uv: corner id -> row of the texture coordinates on this half, and on the other.
    """

    points: np.ndarray
    centre: np.ndarray
    faces: list[list[int]]
    corners: list[list[int]]
    corner_uv: list[tuple[int, int]]


@dataclass(frozen=True)
class Mesh:
    """A triangle mesh of both halves.

    Attributes:
        kept: (N,) its vertices, as vertices of the mesh it was made from.
        faces: (F, 3).
        uv: (T, 2).
        uv_faces: (F, 3) rows of ``uv``.
        mirror: (N,) the vertex on the other side.
    """

    kept: np.ndarray
    faces: np.ndarray
    uv: np.ndarray
    uv_faces: np.ndarray
    mirror: np.ndarray

    def reordered(self, order: np.ndarray) -> Mesh:
        """The same mesh; its new vertex i is the old vertex ``order[i]``."""
        place = np.argsort(order)
        return replace(
            self,
            kept=self.kept[order],
            faces=place[self.faces],
            mirror=place[self.mirror[order]],
        )


def volumes(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Volumes (n,) inside closed meshes (n, V, 3), positive if the faces look outwards."""
    a, b, c = (vertices[:, faces[:, k]] for k in range(3))
    return (a * np.cross(b, c)).sum((1, 2)) / 6


def left_half(
    quads: np.ndarray, uv_quads: np.ndarray, points: np.ndarray, mirror: np.ndarray
) -> HalfMesh:
    """One half of a symmetric mesh of quads (Q, 4), which are cut along their short diagonals."""
    centre = np.abs(points[:, 0]) < _ON_AXIS
    left = ((points[:, 0] > 0) | centre)[quads].all(1)
    quad_of = {tuple(sorted(quad)): i for i, quad in enumerate(quads.tolist())}
    half = HalfMesh(points, centre, [], [], [])
    corner_of: dict[tuple[int, int], int] = {}
    for quad, uvs in zip(quads[left].tolist(), uv_quads[left].tolist(), strict=True):
        other = mirror[quad].tolist()
        twin = quad_of[tuple(sorted(other))]
        twin_uv = dict(zip(quads[twin].tolist(), uv_quads[twin].tolist(), strict=True))
        pairs = [(uv, twin_uv[v]) for uv, v in zip(uvs, other, strict=True)]
        ids = [corner_of.setdefault(pair, len(corner_of)) for pair in pairs]
        for triangle in _triangles(points[quad]):
            half.faces.append([quad[k] for k in triangle])
            half.corners.append([ids[k] for k in triangle])
    half.corner_uv.extend(corner_of)
    return half


def _triangles(quad: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    if np.linalg.norm(quad[0] - quad[2]) <= np.linalg.norm(quad[1] - quad[3]):
        return (0, 1, 2), (0, 2, 3)
    return (0, 1, 3), (1, 2, 3)


def both_halves(half: HalfMesh, mirror: np.ndarray, uv: np.ndarray) -> Mesh:
    """The complete mesh, without vertices that no face uses."""
    left = np.array(half.faces)
    used = np.unique(left)
    kept = np.array([v for u in used.tolist() for v in dict.fromkeys((u, int(mirror[u])))])
    place = np.full(len(half.points), -1)
    place[kept] = np.arange(len(kept))
    corner_uv = np.array(half.corner_uv)[np.array(half.corners)]
    uv_rows, uv_faces = np.unique(
        np.concatenate([corner_uv[..., 0], corner_uv[..., 1][:, _OTHER_WINDING]]),
        return_inverse=True,
    )
    return Mesh(
        kept=kept,
        faces=place[np.concatenate([left, mirror[left][:, _OTHER_WINDING]])],
        uv=uv[uv_rows],
        uv_faces=uv_faces.reshape(-1, 3),
        mirror=place[mirror[kept]],
    )
