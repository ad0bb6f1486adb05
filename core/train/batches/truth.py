"""Bodies as the regressor's losses want them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.train.batches.batch import Batch
from core.train.batches.supervision import Known

_TENSORS = ("focal", "rotations", "betas", "transl")


@dataclass(frozen=True)
class BodyTruth:
    """Bodies in square crops of ``size`` pixels, in the crop camera's frame."""

    size: int
    focal: Float[Tensor, " n"]
    """Pixels; the principal point is the middle."""
    rotations: Float[Tensor, "n 24 3 3"]
    betas: Float[Tensor, "n 10"]
    transl: Float[Tensor, "n 3"]
    known: Known | None = None
    """What of this is true; None: everything."""

    @staticmethod
    def of(batch: Batch) -> BodyTruth:
        """The bodies of a batch."""
        bodies = (batch.focal, batch.rotations, batch.betas, batch.transl)
        return BodyTruth(batch.size, *bodies, batch.known)

    @staticmethod
    def join(truths: Sequence[BodyTruth]) -> BodyTruth:
        """The bodies of many batches, on the CPU."""
        columns = {
            name: torch.cat([vars(truth)[name].cpu() for truth in truths]) for name in _TENSORS
        }
        known = Known.join([truth.known for truth in truths])
        return BodyTruth(truths[0].size, **columns, known=known)

    def select(self, index: Tensor) -> BodyTruth:
        """The bodies at ``index``."""
        chosen = {name: vars(self)[name][index] for name in _TENSORS}
        known = None if self.known is None else self.known.select(index)
        return BodyTruth(self.size, **chosen, known=known)
