"""Focal length from a photo's EXIF metadata."""

from __future__ import annotations

import math

from PIL import ExifTags, Image

FILM_DIAGONAL = math.hypot(36.0, 24.0)
"""Diagonal of 35 mm film in mm; equivalent focal lengths are defined by it (CIPA DCG-001)."""
PLAUSIBLE = (0.2, 50.0)
"""Range of focal lengths of real lenses in image diagonals, from fisheye to telescope."""

_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0}  # FocalPlaneResolutionUnit
_CROPPED = 0.02  # a larger relative change of the aspect ratio means a crop
_Tags = dict[int, object]


def focal_from_exif(image: Image.Image) -> float | None:
    """Focal length of the stored picture in pixels, or None if its EXIF data do not state it.

    The 35 mm equivalent is preferred, since phones write it; otherwise the focal length and the
    sensor resolution are used. A picture that was cropped after the camera wrote its size has a
    changed field of view and gives None.
    """
    try:
        tags: _Tags = dict(image.getexif().get_ifd(ExifTags.IFD.Exif))
    except Exception:  # damaged metadata
        return None
    resized = _resized(tags, *image.size)
    if resized is None:
        return None
    diagonal = math.hypot(*image.size)
    focal = _from_equivalent(tags, diagonal) or _from_sensor(tags, resized)
    if focal is None or not PLAUSIBLE[0] * diagonal < focal < PLAUSIBLE[1] * diagonal:
        return None
    return focal


def _from_equivalent(tags: _Tags, diagonal: float) -> float | None:
    equivalent = _number(tags, ExifTags.Base.FocalLengthIn35mmFilm)
    return None if equivalent is None else equivalent / FILM_DIAGONAL * diagonal


def _from_sensor(tags: _Tags, resized: float) -> float | None:
    """Focal length in mm times sensor pixels per mm, times the factor of later resizing."""
    focal_mm = _number(tags, ExifTags.Base.FocalLength)
    per_unit = _number(tags, ExifTags.Base.FocalPlaneXResolution)
    unit = _number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2
    if focal_mm is None or per_unit is None or int(unit) not in _UNIT_MM:
        return None
    return focal_mm * per_unit / _UNIT_MM[int(unit)] * resized


def _resized(tags: _Tags, width: int, height: int) -> float | None:
    """Current size over the size that the camera wrote (1 if it wrote none); None after a crop."""
    original = _number(tags, ExifTags.Base.ExifImageWidth)
    original_height = _number(tags, ExifTags.Base.ExifImageHeight)
    if original is None or original_height is None:
        return 1.0
    long, short = max(original, original_height), min(original, original_height)
    aspect = max(width, height) / min(width, height)
    if abs(aspect * short / long - 1) > _CROPPED:
        return None
    return max(width, height) / long


def _number(tags: _Tags, tag: int) -> float | None:
    """A positive finite tag value; cameras also write zeros, text and zero denominators."""
    try:
        value = float(tags[tag])  # type: ignore[arg-type]  # any type
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return value if math.isfinite(value) and value > 0 else None
