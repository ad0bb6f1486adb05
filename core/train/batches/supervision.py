"""Which labels of a batch are ground truth, and which are placeholders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Supervision:
    """Masks of the labels that are known; all other labels are finite placeholders.

    `core.datasets.training_sample.SampleSupervision` is the same for one sample.

    Attributes:
        pose, shape, place: rotations, betas, transl.
        parts: parts and depth. Rows of `Batch.parts` without labels are also `UNKNOWN_PART`.
        occluder: `Batch.occluder` holds everything that hides the body.
        joints3d: x, y, z in metres and a confidence from 0 to 1. Positions may be true only
            relative to each other.
        joints2d: x, y in pixels of the crop and a confidence from 0 to 1.
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
        """People for whom the position and the visibility of every kernel are known."""
        return self.pose & self.place & self.parts & self.occluder

    def to(self, device: str) -> Supervision:
        """A copy on a device."""
        return Supervision(**{name: value.to(device) for name, value in vars(self).items()})

    def select(self, index: Tensor) -> Supervision:
        """The rows at ``index``."""
        return Supervision(**{name: value[index] for name, value in vars(self).items()})

    @staticmethod
    def concatenate(batches: Sequence[Supervision | None]) -> Supervision | None:
        """The supervision of several batches, on the CPU; None if all are fully labelled.

        Raises:
            ValueError: only some of the batches have a supervision.
        """
        found = [supervision for supervision in batches if supervision is not None]
        if not found:
            return None
        if len(found) < len(batches):
            raise ValueError("some batches have a supervision and others have none")
        names = vars(found[0])
        return Supervision(**{n: torch.cat([vars(one)[n].cpu() for one in found]) for n in names})
