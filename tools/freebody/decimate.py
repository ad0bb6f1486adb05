"""Edge collapses by quadric error that respect symmetry, texture seams and several bodies at once.

A collapse moves a vertex onto a neighbour, so the remaining vertices are vertices of the input, and
what is known of them (shape, weights, texture) stays valid. The order is that of Garland and
Heckbert (SIGGRAPH 1997), with errors averaged over the shapes of several people.
"""

from __future__ import annotations

import heapq

import numpy as np

from tools.freebody.halfmesh import HalfMesh

_MAX_VALENCE = 11
_MIN_COSINE = 0.3  # between a face's normal before and after
_MIN_AREA = 0.04  # twice a face's area, divided by its longest edge squared
_LENGTH = 1e-9  # breaks ties on flat surfaces: short edges first
_LENGTH_4 = 1e-5 * 50


class Decimator:
    """The state of a decimation.

    Args:
        half: the mesh; it is changed in place.
        shapes: (n, V, 3) the people whose surfaces count; the first two are checked for flips.
        importance: (V,) factor of the error, small where the surface is hidden.
    """

    def __init__(self, half: HalfMesh, shapes: np.ndarray, importance: np.ndarray) -> None:
        self.half = half
        self.faces: dict[int, list[int]] = dict(enumerate(half.faces))
        self.corners: dict[int, list[int]] = dict(enumerate(half.corners))
        self.importance = importance
        self.shapes = shapes
        self.points = half.points
        self.centre = half.centre.tolist()
        self.homogeneous = np.concatenate(
            [shapes.transpose(1, 0, 2), np.ones((len(half.points), len(shapes), 1))], 2
        )
        self.quadrics = _quadrics(np.array(half.faces), shapes) * importance[:, None, None, None]
        self.faces_of: list[set[int]] = [set() for _ in half.points]
        for index, face in self.faces.items():
            for v in face:
                self.faces_of[v].add(index)
        self.heap: list[tuple[float, int, int, int]] = []
        self.stamp = [0] * len(half.points)

    def run(self, target: int) -> None:
        """Collapse until the whole mesh (both halves) has ``target`` vertices.

        Raises:
            ValueError: no legal collapse is left before that.
        """
        alive = [v for v, faces in enumerate(self.faces_of) if faces]
        total = sum(1 if self.centre[v] else 2 for v in alive)
        for v in alive:
            self._push(v)
        while total > target and self.heap:
            _, u, v, stamp = heapq.heappop(self.heap)
            removed = 1 if self.centre[u] else 2
            if stamp != self.stamp[u] or not self.faces_of[v] or total - removed < target:
                continue
            new_corners = self._legal(u, v)
            if new_corners is not None:
                self._collapse(u, v, new_corners)
                total -= removed
        if total != target:
            raise ValueError(f"stuck at {total} vertices, {target} were asked for")
        self.half.faces = list(self.faces.values())
        self.half.corners = [self.corners[index] for index in self.faces]

    def _neighbours(self, v: int) -> set[int]:
        return {x for index in self.faces_of[v] for x in self.faces[index]} - {v}

    def _push(self, u: int) -> None:
        """Queue the collapses of u onto each neighbour; entries of an older stamp are ignored."""
        self.stamp[u] += 1
        for v in self._neighbours(u):
            if self.centre[v] or not self.centre[u]:
                heapq.heappush(self.heap, (self._cost(u, v), u, v, self.stamp[u]))

    def _cost(self, u: int, v: int) -> float:
        """Mean squared distance of v, in place of u, from the planes of both."""
        point, quadric = self.homogeneous[v], self.quadrics[u] + self.quadrics[v]
        error = np.einsum("sa,sab,sb->s", point, quadric, point).mean()
        length = ((self.points[u] - self.points[v]) ** 2).sum()
        spread = _LENGTH_4 * length * length * np.sqrt(self.importance[u])
        return float(error + spread + _LENGTH * length)

    def _legal(self, u: int, v: int) -> dict[int, int] | None:
        """The new corner for each corner of u if u may collapse onto v, else None."""
        shared = [index for index in self.faces_of[u] if v in self.faces[index]]
        if not self._keeps_surface(u, v, len(shared)):
            return None
        new_corners = self._rename_corners(u, v, shared)
        if new_corners is None or any(
            self._degenerates(index, u, v) for index in self.faces_of[u] if index not in shared
        ):
            return None
        return new_corners

    def _keeps_surface(self, u: int, v: int, shared: int) -> bool:
        """Whether the result is a manifold with its boundary in the plane of symmetry."""
        if shared != (1 if self.centre[u] else 2):
            return False
        ring, ring_v = self._neighbours(u), self._neighbours(v)
        if len(ring & ring_v) != shared or (not self.centre[u] and len(ring) < 3):
            return False
        return len(self.faces_of[u]) + len(self.faces_of[v]) - 4 <= _MAX_VALENCE

    def _rename_corners(self, u: int, v: int, shared: list[int]) -> dict[int, int] | None:
        """The corner of v for each corner of u; None if a texture seam would tear."""
        new_corners: dict[int, int] = {}
        for index in shared:
            face, corner = self.faces[index], self.corners[index]
            old, new = corner[face.index(u)], corner[face.index(v)]
            if new_corners.setdefault(old, new) != new:
                return None
        own = {self.corners[index][self.faces[index].index(u)] for index in self.faces_of[u]}
        return new_corners if own <= new_corners.keys() else None

    def _degenerates(self, index: int, u: int, v: int) -> bool:
        """Whether a face of u would flip, become a sliver or lie in the plane of symmetry."""
        old = self.faces[index]
        new = [v if x == u else x for x in old]
        if all(self.centre[x] for x in new):
            return True
        slack = 1 if self.importance[u] > 0.5 else 0.2
        return any(_flips(shape[old], shape[new], slack * _MIN_AREA) for shape in self.shapes[:2])

    def _collapse(self, u: int, v: int, new_corners: dict[int, int]) -> None:
        ring = self._neighbours(u)
        for index in list(self.faces_of[u]):
            face, corner = self.faces[index], self.corners[index]
            if v in face:
                for x in face:
                    self.faces_of[x].discard(index)
                del self.faces[index], self.corners[index]
            else:
                k = face.index(u)
                face[k], corner[k] = v, new_corners[corner[k]]
                self.faces_of[v].add(index)
        self.faces_of[u].clear()
        self.stamp[u] += 1
        self.quadrics[v] += self.quadrics[u]
        for x in ring:
            self._push(x)


def _quadrics(faces: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """Squared distance to the planes about each vertex, (V, n, 4, 4), weighted by area."""
    quadrics = np.zeros((shapes.shape[1], len(shapes), 4, 4))
    for k, shape in enumerate(shapes):
        a, b, c = (shape[column] for column in faces.T)
        normal = np.cross(b - a, c - a)
        area = np.linalg.norm(normal, axis=1)
        normal /= np.maximum(area, 1e-12)[:, None]
        plane = np.concatenate([normal, -(normal * a).sum(1, keepdims=True)], 1)
        outer = plane[:, :, None] * plane[:, None, :] * area[:, None, None]
        for column in faces.T:
            np.add.at(quadrics[:, k], column, outer)
    return quadrics


def _flips(old: np.ndarray, new: np.ndarray, least: float) -> bool:
    """Whether a triangle (3, 3) flips, rotates too far, or becomes too thin."""
    before = np.cross(old[1] - old[0], old[2] - old[0])
    after = np.cross(new[1] - new[0], new[2] - new[0])
    size_before, size_after = np.linalg.norm(before), np.linalg.norm(after)
    if size_after < 1e-9 or before @ after < _MIN_COSINE * size_before * size_after:
        return True
    longest = ((new - np.roll(new, -1, 0)) ** 2).sum(1).max()
    return bool(size_after / longest < least)
