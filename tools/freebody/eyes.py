"""Closed eyes for MakeHuman's empty sockets: a surface over the rim, bulged as an eyeball.

MakeHuman's eyes are separate meshes, which a body of one mesh cannot have.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tools.freebody.source import Source

_EYEBALL = 0.0155  # metres; smallest radius of the bulge
_LID = 0.001  # metres by which the bulge is behind the rim


@dataclass(frozen=True)
class EyeCap:
    """The vertices of one socket as a function of its rim.

    Attributes:
        inner, rim: (I,) and (R,) vertices of the base mesh.
        fill: (I, R) the harmonic surface over the rim; rows are affine weights.
        bulge: (I, 3) added to it, metres.
    """

    inner: np.ndarray
    rim: np.ndarray
    fill: np.ndarray
    bulge: np.ndarray

    def close(self, vertices: np.ndarray) -> None:
        """Move the socket's vertices of people (n, V, 3), in place."""
        filled = np.einsum("cr,nrx->ncx", self.fill, vertices[:, self.rim])
        vertices[:, self.inner] = filled + self.bulge


def eye_caps(source: Source, adult: np.ndarray, heads: np.ndarray) -> tuple[EyeCap, ...]:
    """The caps of both eyes, measured on the base mesh (V, 3) and bone heads (B, 3) of an adult."""
    points = adult[source.skin]
    neighbours = _neighbours(source.quads, len(points))
    eyes = (heads[source.bones.index(f"eye.{side}")] for side in "LR")
    caps = (_cap(source.inside, points, neighbours, eye) for eye in eyes)
    return tuple(
        replace(cap, inner=source.skin[cap.inner], rim=source.skin[cap.rim]) for cap in caps
    )


def _neighbours(quads: np.ndarray, count: int) -> list[set[int]]:
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for quad in quads.tolist():
        for a, b in zip(quad, quad[-1:] + quad[:-1], strict=True):
            neighbours[a].add(b)
            neighbours[b].add(a)
    return neighbours


def _cap(
    inside: np.ndarray, points: np.ndarray, neighbours: list[set[int]], eye: np.ndarray
) -> EyeCap:
    """The cap of the socket at ``eye``: the inner vertices connected to the nearest one."""
    distance = np.linalg.norm(points - eye, axis=1)
    found = _connected(int(np.where(inside, distance, np.inf).argmin()), inside, neighbours)
    inner = np.array(sorted(found))
    rim = np.array(sorted({u for v in found for u in neighbours[v] if not inside[u]}))
    fill = _harmonic(inner, rim, neighbours)
    flat = fill @ points[rim] - eye
    radius = max(np.linalg.norm(points[rim] - eye, axis=1).mean() - _LID, _EYEBALL)
    bulge = flat / np.linalg.norm(flat, axis=1, keepdims=True) * radius - flat
    bulge[:, 2] = np.maximum(bulge[:, 2], 0)
    return EyeCap(inner, rim, fill, bulge)


def _connected(seed: int, allowed: np.ndarray, neighbours: list[set[int]]) -> set[int]:
    found, waiting = {seed}, [seed]
    while waiting:
        fresh = {u for u in neighbours[waiting.pop()] if allowed[u]} - found
        found |= fresh
        waiting.extend(fresh)
    return found


def _harmonic(inner: np.ndarray, rim: np.ndarray, neighbours: list[set[int]]) -> np.ndarray:
    """Weights that put every inner vertex at the mean of its neighbours."""
    row = {v: i for i, v in enumerate(inner.tolist())}
    column = {v: i for i, v in enumerate(rim.tolist())}
    laplacian = np.zeros((len(inner), len(inner)))
    border = np.zeros((len(inner), len(rim)))
    for v, i in row.items():
        laplacian[i, i] = len(neighbours[v])
        for u in neighbours[v]:
            if u in row:
                laplacian[i, row[u]] -= 1
            else:
                border[i, column[u]] += 1
    return np.linalg.solve(laplacian, border)
