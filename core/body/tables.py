"""Arrays of a body model's file, checked one by one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Lookup = Callable[[str], np.ndarray | None]
"""An array of a file by its key, or None where the file has no such key."""


def found(find: Lookup, key: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """An array whose shape is right where ``shape`` says a number.

    Raises:
        ValueError: missing, or of another shape.
    """
    array = find(key)
    if array is None:
        raise ValueError(f"{key} is missing")
    fits = array.ndim == len(shape) and array.size > 0
    if not fits or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
        wanted = ", ".join("n" if n is None else str(n) for n in shape)
        raise ValueError(f"{key} has the shape {array.shape}, not ({wanted})")
    return array


def numbers(find: Lookup, key: str, shape: tuple[int | None, ...]) -> Tensor:
    """Finite numbers as float32.

    Raises:
        ValueError: missing, of another shape, or not finite numbers.
    """
    array = found(find, key, shape)
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{key} does not hold numbers")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused
        single = np.array(array, np.float32, order="C")
    if not np.isfinite(single).all():
        raise ValueError(f"{key} holds values that are not finite numbers")
    return torch.from_numpy(single)


def optional(find: Lookup, key: str, shape: tuple[int | None, ...]) -> Tensor | None:
    """The same, or None where the file has no such key."""
    return None if find(key) is None else numbers(find, key, shape)


def indices(find: Lookup, key: str, shape: tuple[int | None, ...], count: int) -> Tensor:
    """Integers from 0 to ``count`` - 1 as int64.

    Raises:
        ValueError: missing, of another shape, or other values.
    """
    array = found(find, key, shape)
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= count:
        raise ValueError(f"{key} must hold integers from 0 to {count - 1}")
    return torch.from_numpy(array.astype(np.int64))


def texture(find: Lookup) -> tuple[Tensor, Tensor] | tuple[None, None]:
    """Texture coordinates and the corners of the faces among them, where the file has both."""
    if find("vt") is None or find("ft") is None:
        return None, None
    uv = numbers(find, "vt", (None, 2))
    return uv, indices(find, "ft", (None, 3), len(uv))
