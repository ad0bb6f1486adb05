"""Colour maps of differences: how large they are, and to which side."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

from core.pictures.palette import NOWHERE

HEAT = ((28, 32, 40), (110, 38, 92), (214, 72, 58), (250, 168, 54), (255, 244, 190))
"""None to the largest: each is lighter than the one before."""
LESS, SAME, MORE = (255, 122, 26), (66, 72, 84), (77, 163, 255)
"""-1, 0 and 1. Orange and blue are safe for colour blindness, as in the map of z."""


def heat_colors(shares: Float[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width 3"]:
    """RGB colours of numbers from 0 to 1; others are clipped, NaN is `NOWHERE`."""
    return _colored(shares, np.linspace(0, 1, len(HEAT)), HEAT)


def difference_colors(
    differences: Float[np.ndarray, "height width"],
) -> UInt8[np.ndarray, "height width 3"]:
    """RGB colours of numbers from -1 to 1; others are clipped, NaN is `NOWHERE`."""
    return _colored(differences, np.array([-1.0, 0.0, 1.0]), (LESS, SAME, MORE))


def _colored(
    values: Float[np.ndarray, "height width"],
    stops: Float[np.ndarray, " stops"],
    colors: tuple[tuple[int, int, int], ...],
) -> UInt8[np.ndarray, "height width 3"]:
    """Colours between those at the stops."""
    channels = np.array(colors, np.float64).T
    known = np.nan_to_num(values.astype(np.float64), nan=0.0)
    mixed = np.stack([np.interp(known, stops, channel) for channel in channels], -1)
    result = np.rint(mixed).astype(np.uint8)
    result[np.isnan(values)] = NOWHERE
    return result
