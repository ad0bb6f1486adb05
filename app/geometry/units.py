"""Lengths on screen: constants are pixels at 96 dots an inch, and grow with the display's scale."""

from __future__ import annotations

_scale = 1.0


def use_scale(scale: float) -> None:
    """Draw everything ``scale`` times as large.

    Call it before the modules that draw are imported: they take their lengths then.
    """
    global _scale
    _scale = scale


def scale() -> float:
    """Pixels of the display for a pixel at 96 dots an inch."""
    return _scale


def px(length: float) -> int:
    """A length in whole pixels of the display."""
    return round(length * _scale)
