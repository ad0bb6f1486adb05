"""The focal length that a camera wrote into its photo."""

from __future__ import annotations

import math

from PIL import ExifTags, Image

FILM_DIAGONAL = math.hypot(36.0, 24.0)
"""Diagonal of 35 mm film in mm; equivalent focal lengths are defined by it (CIPA DCG-001)."""
PLAUSIBLE = (0.2, 50.0)
"""Focal lengths in image diagonals that real lenses have: fisheye to telescope."""

_UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0}  # FocalPlaneResolutionUnit
_CROPPED = 0.02  # relative change of the aspect ratio that gives a crop away
_Tags = dict[int, object]


def focal_from_exif(image: Image.Image) -> float | None:
    """Focal length in pixels of the stored picture, None if its EXIF data do not tell.

    The 35 mm equivalent comes first (phones write it), then focal length and sensor resolution.
    A picture that was cropped since the camera wrote its size tells nothing.
    """
    try:
        tags: _Tags = dict(image.getexif().get_ifd(ExifTags.IFD.Exif))
    except Exception:  # damaged metadata tell nothing
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
    """Focal length in mm times pixels per mm, as far as the picture was resized since."""
    focal_mm = _number(tags, ExifTags.Base.FocalLength)
    per_unit = _number(tags, ExifTags.Base.FocalPlaneXResolution)
    unit = _number(tags, ExifTags.Base.FocalPlaneResolutionUnit) or 2
    if focal_mm is None or per_unit is None or int(unit) not in _UNIT_MM:
        return None
    return focal_mm * per_unit / _UNIT_MM[int(unit)] * resized


def _resized(tags: _Tags, width: int, height: int) -> float | None:
    """Present size over the size the camera wrote (1 if it wrote none), None after a crop."""
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
        value = float(tags[tag])  # type: ignore[arg-type]  # whatever the file holds
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return value if math.isfinite(value) and value > 0 else None
