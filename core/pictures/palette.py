"""Colours of all figures, RGB from 0 to 255."""

from __future__ import annotations

Color = tuple[int, int, int]

BACKGROUND: Color = (15, 17, 21)
SURFACE: Color = (23, 26, 32)
WELL: Color = (17, 19, 24)
"""Behind pictures and curves."""
NOWHERE: Color = (24, 24, 24)
"""Pixels of a map without a value."""
SEEN: Color = (77, 163, 255)
"""p(z = 1) = 1: the pixel shows the body."""
OCCLUDED: Color = (255, 122, 26)
"""p(z = 1) = 0: an object occludes the body. Blue and orange are safe for colour blindness."""
ALIKE: Color = (60, 70, 90)
UNLIKE: Color = (255, 232, 92)
"""Observed and rendered feature have the same direction, or nothing in common."""
LINE: Color = (44, 49, 58)
TEXT: Color = (214, 220, 228)
DIM: Color = (140, 150, 164)
"""Secondary text."""

SERIES: tuple[Color, ...] = (
    (236, 239, 244),
    (86, 182, 255),
    (255, 184, 76),
    (126, 214, 143),
    (240, 128, 176),
    (178, 148, 255),
    (94, 214, 208),
    (222, 122, 92),
    (206, 220, 96),
    (150, 164, 190),
    (186, 140, 96),
)
"""Curves on a dark background: the total's, the brightest, and those of the terms."""
LIMBS: tuple[Color, ...] = (
    (255, 150, 90),
    (90, 220, 160),
    (255, 205, 120),
    (120, 200, 230),
    (232, 100, 110),
    (60, 160, 130),
    (240, 150, 190),
    (110, 140, 240),
    (186, 194, 206),
)
"""Limbs in the order of `core.body.names.LIMBS`: warm at the left, cool at the right."""
BEST: Color = (188, 196, 206)
"""Mark of the best step."""

PAPER: Color = (255, 255, 255)
FRAME: Color = (210, 210, 210)
INK: Color = (0, 0, 0)
"""Background, frames and text of figures on white."""
CURVE: Color = (20, 90, 160)
CURVE_RAW: Color = (180, 205, 225)
"""A curve on white, and the noisy values that it smooths."""
