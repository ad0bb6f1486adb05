"""Detectors: sources of evidence that look at a crop, such as networks that find 2D joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from core.registry import Registry
from core.rows import Rows


class Detect(Protocol):
    """A loaded detector."""

    def __call__(self, images: Float[Tensor, "batch 3 size size"]) -> Rows:
        """Evidence about the person in each crop."""


@dataclass(frozen=True)
class Detector:
    """A source of evidence, by name.

    Attributes:
        needs: its input.
        gives: class of the evidence it returns, one row a crop.
        unit: of what it returns.
        confidence: meaning of its confidences.
        description: one line with the network and its source.
        load: loads its weights; called once for each engine.
    """

    name: str
    order: int
    needs: str
    gives: type[Rows]
    unit: str
    confidence: str
    description: str
    load: Callable[[], Detect]


DETECTORS: Registry[Detector] = Registry(
    "detector", "core.fit.detectors", "DETECTOR", "nbf.detectors"
)
"""All detectors; another package adds its own as `core.registry` describes."""
