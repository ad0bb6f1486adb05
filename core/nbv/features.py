"""The learnt features of a volume: those of its kernels, and those of the background."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from core.nbv.orientation import CONCENTRATION, orientation_weights
from core.nbv.volume import NeuralBodyVolume, PosedKernels


@dataclass(frozen=True)
class FeatureBank:
    """Feature vectors per kernel and orientation, and the background's distribution.

    Attributes:
        phi: mean feature of kernel k in orientation bin o.
        background: mean feature of everything that is not this person.
        variance_foreground, variance_background: expected squared distance of a feature from its
            mean, summed over the D dimensions (scalars).
    """

    phi: Float[Tensor, "kernels bins dim"]
    background: Float[Tensor, " dim"]
    variance_foreground: Float[Tensor, ""]
    variance_background: Float[Tensor, ""]

    @property
    def bins(self) -> int:
        """Number of orientation bins O."""
        return self.phi.shape[1]

    @cached_property
    def variances(self) -> tuple[float, float]:
        """Both variances as plain numbers."""
        return float(self.variance_foreground), float(self.variance_background)

    def to(self, like: Tensor) -> FeatureBank:
        """The same bank with the device and floating type of ``like``."""
        return FeatureBank(**{f.name: getattr(self, f.name).to(like) for f in fields(self)})


def expected_features(
    bank: FeatureBank,
    volume: NeuralBodyVolume,
    posed: PosedKernels,
    concentration: float = CONCENTRATION,
) -> Float[Tensor, "batch kernels dim"]:
    """E[phi_k | pose]: what each kernel emits in this pose (3DNBF, end of section 3.4)."""
    weights = orientation_weights(posed.limb_directions, bank.bins, concentration)
    return torch.einsum("bko,kod->bkd", weights[:, volume.limb], bank.phi)
