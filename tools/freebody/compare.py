"""Comparison of a built body with the shipped one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.io.npz import read_npz

_ROUNDING = 1e-5
"""Largest difference that another linear-algebra library explains (metres, or weights)."""


def compare(built: Path, shipped: Path) -> tuple[bool, str]:
    """Whether both bodies are the same up to rounding, and one line about the difference."""
    if built.read_bytes() == shipped.read_bytes():
        return True, "byte-identical to the shipped body"
    ours, theirs = (read_npz(path, "body", "build it again") for path in (built, shipped))
    if list(ours) != list(theirs):
        return False, "not the shipped body: the files hold other arrays"
    errors = {name: _difference(ours[name], theirs[name]) for name in ours}
    worst = max(errors, key=errors.__getitem__)
    if errors[worst] == 0:
        return True, "every array equals the shipped body's; the files are compressed differently"
    if errors[worst] <= _ROUNDING:
        return True, f"the shipped body within rounding: at most {errors[worst]:.1e}, in {worst}"
    return False, f"not the shipped body: {worst} differs by {errors[worst]:.3g}"


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest difference of float32 arrays; infinite if arrays of another type differ at all."""
    if ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.float32:
        return float(np.abs(ours - theirs).max())
    same = ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    return 0.0 if same else float("inf")
