"""2D joints with confidences."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from core.rows import Rows


@dataclass(frozen=True)
class Keypoints(Rows):
    """2D joints with confidences; joints that a detector does not look for have confidence 0."""

    xy: Float[Tensor, "batch joints 2"]
    """Pixels."""
    confidence: Float[Tensor, "batch joints"]
    """0 (not detected) to 1."""
