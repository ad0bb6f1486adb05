"""Detectors: sources of evidence that look at a crop, such as networks that find 2D joints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from core.geometry.crop import PADDING
from core.registry import Registry
from core.rows import Rows


@dataclass(frozen=True)
class Crops(Rows):
    """What detectors look at: the engine's crops, perhaps in a finer resolution.

    Attributes:
        images: upright RGB, 0..1.
        box: of the person who is meant: left, top, right, bottom, in pixels of the crop.
        size: side of the crop in the pixels that evidence is in.
    """

    images: Float[Tensor, "batch 3 side side"]
    box: Float[Tensor, "batch 4"]
    size: int

    @property
    def pixels(self) -> Float[Tensor, "batch 4"]:
        """The boxes in pixels of the images."""
        return self.box * (self.images.shape[-1] / self.size)

    @staticmethod
    def centered(images: Float[Tensor, "batch 3 size size"]) -> Crops:
        """Crops whose person fills them but for the usual padding."""
        size = images.shape[-1]
        margin = size * (1 - 1 / PADDING) / 2
        box = images.new_tensor([margin, margin, size - margin, size - margin])
        return Crops(images, box.expand(len(images), 4), size)


class Detect(Protocol):
    """A loaded detector."""

    def __call__(self, crops: Crops) -> Sequence[Rows]:
        """Evidence about the person in each crop, one of each class that `Detector` names."""


@dataclass(frozen=True)
class Detector:
    """A source of evidence, by name.

    Attributes:
        needs: its input.
        gives: classes of the evidence it returns, one row a crop.
        unit: of what it returns.
        confidence: meaning of its confidences or sigmas.
        description: one line with the network and its source.
        load: loads its weights; called once for each engine.
    """

    name: str
    order: int
    needs: str
    gives: tuple[type[Rows], ...]
    unit: str
    confidence: str
    description: str
    load: Callable[[], Detect]


DETECTORS: Registry[Detector] = Registry(
    "detector", "core.fit.detectors", "DETECTOR", "nbf.detectors"
)
"""All detectors; another package adds its own as `core.registry` describes."""
