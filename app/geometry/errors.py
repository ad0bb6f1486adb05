"""How far the joints of a body are from the true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from app.geometry.plane import Point

HIPS = slice(1, 3)
Place = tuple[float, float, float]


def errors_mm(body: Sequence[Place], truth: Sequence[Place]) -> Float[np.ndarray, " joints"]:
    """Distances in millimetres once the roots lie upon each other, as in MPJPE.

    The root is the first joint, or the middle of the hips where the true one is not known. NaN for
    joints that are not known.
    """
    ours, theirs = (np.array(places, np.float64).reshape(-1, 3) for places in (body, truth))
    known = bool(np.isfinite(theirs[:1]).all())
    roots = slice(0, 1) if known else HIPS
    ours, theirs = (places - places[roots].mean(0) for places in (ours, theirs))
    return 1000 * np.linalg.norm(ours - theirs, axis=1)


def errors_px(body: Sequence[Point], truth: Sequence[Point]) -> Float[np.ndarray, " joints"]:
    """Distances on the image in pixels; NaN for joints that are not known."""
    ours, theirs = (np.array(places, np.float64).reshape(-1, 2) for places in (body, truth))
    return np.linalg.norm(ours - theirs, axis=1)
