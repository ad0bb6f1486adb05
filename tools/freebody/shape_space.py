"""Ten shape components, learnt from many people by principal component analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

COMPONENTS = 10
# The sign of each component of freebody-1, relative to the one that makes its largest displacement
# along y or z positive. (Along x both sides of a symmetric body move equally far apart.)
_SIGNS = np.array([-1, -1, -1, -1, 1, 1, 1, 1, -1, 1])


@dataclass(frozen=True)
class ShapeSpace:
    """Principal components of people's vertices.

    Attributes:
        mean: (V, 3) metres.
        shapedirs: (V, 3, 10) displacement of one standard deviation.
        betas: (n, 10) of the people it was learned from: of mean 0 and standard deviation 1.
    """

    mean: np.ndarray
    shapedirs: np.ndarray
    betas: np.ndarray

    @staticmethod
    def of(vertices: np.ndarray) -> ShapeSpace:
        """Learn from people (n, V, 3)."""
        count, mean = len(vertices), vertices.mean(0)
        centred = (vertices - mean).reshape(count, -1)
        values, vectors = np.linalg.eigh(centred @ centred.T)
        values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
        lengths = np.sqrt(np.maximum(values, 0))
        axes = (vectors.T @ centred) / lengths[:, None]
        axes *= _sign(axes)[:, None]
        spread = lengths / np.sqrt(count - 1)
        shapedirs = (axes * spread[:, None]).reshape(COMPONENTS, -1, 3).transpose(1, 2, 0)
        return ShapeSpace(mean, shapedirs, centred @ axes.T / spread)


def _sign(axes: np.ndarray) -> np.ndarray:
    """Factors that make the signs, which are arbitrary in an eigensolver, those of freebody-1."""
    upright = axes.reshape(len(axes), -1, 3)[..., 1:].reshape(len(axes), -1)
    largest = np.abs(upright).argmax(1)
    return np.sign(upright[np.arange(len(axes)), largest]) * _SIGNS


def regress(vertices: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (P, 3) and shape basis (P, 3, 10) of other points (n, P, 3) on the same people.

    On the vertices that the shape space was learned from, this gives that space again.
    """
    mean = vertices.mean(0)
    basis = np.einsum("nb,npc->pcb", betas, vertices, optimize=True) / (len(betas) - 1)
    return mean, basis
