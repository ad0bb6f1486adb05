"""What is known about the people of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Known:
    """Which truth of a crop is known; the rest is a finite stand-in (see `Has`).

    Attributes:
        pose, shape, place: rotations, betas, transl.
        parts: and depth. Rows of `Batch.parts` that are not known are `UNKNOWN_PART`, too.
        occluder: nothing hides the body but what `Batch.occluder` tells.
        joints3d: x, y, z in metres and confidence; maybe only relative to each other.
        joints2d: x, y in pixels of the crop and confidence.
    """

    pose: Bool[Tensor, " batch"]
    shape: Bool[Tensor, " batch"]
    place: Bool[Tensor, " batch"]
    parts: Bool[Tensor, " batch"]
    occluder: Bool[Tensor, " batch"]
    joints3d: Float[Tensor, "batch 24 4"]
    joints2d: Float[Tensor, "batch 24 3"]

    @property
    def kernels(self) -> Bool[Tensor, " batch"]:
        """Bodies of which it is known where kernels are, and which of them are seen."""
        return self.pose & self.place & self.parts & self.occluder

    def to(self, device: str) -> Known:
        """The same on a device."""
        return Known(**{name: value.to(device) for name, value in vars(self).items()})

    def select(self, index: Tensor) -> Known:
        """The people at ``index``."""
        return Known(**{name: value[index] for name, value in vars(self).items()})

    @staticmethod
    def join(batches: Sequence[Known | None]) -> Known | None:
        """The people of many batches, on the CPU; None if everything of all is known."""
        found = [known for known in batches if known is not None]
        if not found:
            return None
        if len(found) < len(batches):
            raise ValueError("batches of which everything is known do not say so")
        names = vars(found[0])
        return Known(**{n: torch.cat([vars(known)[n].cpu() for known in found]) for n in names})
