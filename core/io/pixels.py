"""Arrays that callers hand over as pictures, brought to upright 8-bit RGB."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import UInt8

from core.errors import UserError


def as_rgb(picture: np.ndarray) -> UInt8[np.ndarray, "height width 3"]:
    """A contiguous, writable RGB picture: the array itself where it is one already.

    Args:
        picture: (height, width), or with 1, 3 (RGB) or 4 (RGBA, alpha is dropped) channels; uint8,
            uint16 (its high byte counts), bool, or floating-point values in 0..1.

    Raises:
        UserError: another shape or type, values that are not finite or outside 0..1.
    """
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise UserError(
            f"a picture is height x width (x 1, 3 or 4 channels), not {np.shape(picture)}"
        )
    array = _as_bytes(array[..., :3])
    if array.shape[2] == 1:
        array = np.repeat(array, 3, 2)
    return np.require(array, requirements=["C", "W"])  # PyTorch wants to be able to write


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """The same values as uint8."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)  # of big-endian files
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if not np.issubdtype(array.dtype, np.floating):
        raise UserError(f"a picture is uint8, uint16, bool or float in 0..1, not {array.dtype}")
    if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
        raise UserError("a floating-point picture holds finite values in 0..1; divide bytes by 255")
    return np.round(array * 255).astype(np.uint8)


def digest(picture: UInt8[np.ndarray, "height width 3"]) -> str:
    """SHA-256 of a picture's size and pixels, whatever file they came from."""
    height, width = picture.shape[:2]
    hashed = hashlib.sha256(f"{width}x{height} RGB\n".encode())
    hashed.update(np.ascontiguousarray(picture).data)
    return hashed.hexdigest()
