"""2D joints with confidences, from whatever finds or reads them."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from core.rows import Rows


@dataclass(frozen=True)
class Keypoints(Rows):
    """2D joints with a confidence; joints that were not looked for have confidence 0."""

    xy: Float[Tensor, "batch joints 2"]
    """Pixels."""
    confidence: Float[Tensor, "batch joints"]
    """0 (not seen) to 1."""
