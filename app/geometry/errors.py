"""How far the joints of a body are from the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from app.geometry.plane import Point

Place = tuple[float, float, float]


def errors_mm(body: Sequence[Place], truth: Sequence[Place]) -> Float[np.ndarray, " joints"]:
    """Distances in millimetres once the first joints lie upon each other, as in MPJPE."""
    ours, theirs = (np.array(places, np.float64).reshape(-1, 3) for places in (body, truth))
    return 1000 * np.linalg.norm((ours - ours[:1]) - (theirs - theirs[:1]), axis=1)


def errors_px(body: Sequence[Point], truth: Sequence[Point]) -> Float[np.ndarray, " joints"]:
    """Distances on the image in pixels."""
    ours, theirs = (np.array(places, np.float64).reshape(-1, 2) for places in (body, truth))
    return np.linalg.norm(ours - theirs, axis=1)
