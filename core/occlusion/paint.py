"""Photos with occluders in front, and masks of where these are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, UInt8

from core.occlusion.occluder import Occluders

HIDDEN = 0.5  # opacity of all occluders together from which a pixel counts as hidden


def apply_occluders(
    photo: UInt8[np.ndarray, "height width 3"], occluders: Occluders
) -> UInt8[np.ndarray, "height width 3"]:
    """The photo with the occluders painted over it, the first at the bottom.

    Edges are antialiased. The photo itself is returned where nothing is painted.
    """
    painted = photo
    for occluder in occluders:
        place = occluder.place(photo.shape[1], photo.shape[0])
        if place is None:
            continue
        painted = photo.copy() if painted is photo else painted
        over = occluder.fill.colors(painted, place)
        here = painted[place.rows_columns]
        alpha = (place.covered * occluder.fill.alpha(place))[..., None]
        here[:] = np.rint(here + alpha * (over.astype(np.float32) - here))
    return painted


def occluder_mask(
    width: int, height: int, occluders: Occluders
) -> Bool[np.ndarray, "height width"]:
    """True where the occluders hide a photo of this size by half or more."""
    clear = np.ones((height, width), np.float32)
    for occluder in occluders:
        place = occluder.place(width, height)
        if place is not None:
            clear[place.rows_columns] *= 1 - place.covered * occluder.fill.alpha(place)
    return clear <= 1 - HIDDEN
