"""Ground-truth bodies in the form that the regressor's losses take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.train.batches.batch import Batch
from core.train.batches.supervision import Supervision

_TENSORS = ("focal", "rotations", "betas", "transl")


@dataclass(frozen=True)
class BodyTruth:
    """Bodies in square crops of ``size`` pixels, in the crop camera's frame."""

    size: int
    focal: Float[Tensor, " n"]
    """Pixels; the principal point is the middle of the crop."""
    rotations: Float[Tensor, "n 24 3 3"]
    betas: Float[Tensor, "n 10"]
    transl: Float[Tensor, "n 3"]
    """Metres."""
    supervision: Supervision | None = None
    """Which of these values are known; None if all are."""

    @staticmethod
    def of(batch: Batch) -> BodyTruth:
        """The bodies of a batch."""
        bodies = (batch.focal, batch.rotations, batch.betas, batch.transl)
        return BodyTruth(batch.size, *bodies, batch.supervision)

    @staticmethod
    def concatenate(truths: Sequence[BodyTruth]) -> BodyTruth:
        """The bodies of several batches, on the CPU."""
        columns = {
            name: torch.cat([vars(truth)[name].cpu() for truth in truths]) for name in _TENSORS
        }
        supervision = Supervision.concatenate([truth.supervision for truth in truths])
        return BodyTruth(truths[0].size, **columns, supervision=supervision)

    def select(self, index: Tensor) -> BodyTruth:
        """The bodies at ``index``."""
        chosen = {name: vars(self)[name][index] for name in _TENSORS}
        supervision = None if self.supervision is None else self.supervision.select(index)
        return BodyTruth(self.size, **chosen, supervision=supervision)
