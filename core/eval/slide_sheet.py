"""The picture of a search with a sliding patch: where an occluder hurts the fit."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from core.eval.slide import Search, Slide
from core.fit.pictures import draw_overlay
from core.pictures.panels import Panel, compose_panels, shrink

TILE = (560, 560)
LONGEST_SIDE = 1280
STRENGTH = 0.65
"""Share of the colour over the grey photo."""

Picture = UInt8[np.ndarray, "height width 3"]


def draw_heat(photo: Picture, slide: Slide) -> Picture:
    """The photo in grey with the error of each position in colour, from dark (0) to bright (worst).

    A position colours the cell around the middle of its patch; those that have not been fitted yet
    are left grey.

    Args:
        photo: in the size that the search was made in.
    """
    grey = cv2.cvtColor(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    heat, known = _cells(photo.shape[1], photo.shape[0], slide)
    scaled = (255 * heat / max(float(heat.max()), 1e-6)).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(scaled, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    mixed = grey * (1 - STRENGTH * known) + colors * (STRENGTH * known)
    return mixed.astype(np.uint8)


def slide_sheet(search: Search, slide: Slide, title: str) -> Picture:
    """The photo and the heat map; once the search is over, also the fit at the worst position."""
    seen, worst = search.observation.seen, slide.worst
    heat = shrink(draw_heat(seen, slide), LONGEST_SIDE)
    panels = [
        Panel("photo", shrink(seen, LONGEST_SIDE), "{} x {} px".format(*slide.header.size)),
        Panel("error with the patch here", heat, _caption(slide)),
    ]
    if worst is not None and not slide.waiting:
        covered, body = search.at(worst)
        fitted = draw_overlay(search.engine, covered, body, shrink(covered.seen, LONGEST_SIDE))
        panels.append(Panel("the worst position", fitted, f"{slide.errors[worst]:.0f} mm"))
    return compose_panels(panels, title=title, columns=len(panels), tile=TILE)


def _caption(slide: Slide) -> str:
    """How far the search is, and what it has found."""
    count = len(slide.patches)
    words = f"{count - len(slide.waiting)} of {count} positions"
    if slide.worst is None:
        return words
    mean, most = np.nanmean(slide.errors), slide.errors[slide.worst]
    return f"{words}, mean {mean:.0f} mm, up to {most:.0f} mm"


def _cells(
    width: int, height: int, slide: Slide
) -> tuple[Float32[np.ndarray, "height width"], Float32[np.ndarray, "height width 1"]]:
    """Error of the position whose cell a pixel is in, and 1 where there is one."""
    heat, known = np.zeros((height, width), np.float32), np.zeros((height, width, 1), np.float32)
    settings = slide.header.settings
    for patch, error in zip(slide.patches, slide.errors.tolist(), strict=True):
        if np.isfinite(error):
            half = 0.5 * patch.side * settings.stride / settings.patch
            middle = np.array([patch.x, patch.y]) + patch.side / 2
            low = np.floor(middle - half).astype(int).clip(0)
            high = np.ceil(middle + half).astype(int).clip(0)
            here = slice(low[1], high[1]), slice(low[0], high[0])
            heat[here], known[here] = error, 1
    return heat, known
