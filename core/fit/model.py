"""The generative model of a feature map: body volume, feature bank and pose prior."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.errors import UserError
from core.fit.neural_mesh import NeuralMesh
from core.nbv.features import FeatureBank
from core.nbv.volume import NeuralBodyVolume

PriorEnergy = Callable[[Float[Tensor, "batch 21 3 3"]], Float[Tensor, " batch"]]


@dataclass(frozen=True)
class GenerativeModel:
    """Everything that a feature map is generated from.

    Attributes:
        prior: energy of the rotations of body joints 1..21, one number a row.
        mesh: rendered in place of the volume if there is one (on the CPU only).
    """

    volume: NeuralBodyVolume
    bank: FeatureBank
    prior: PriorEnergy
    mesh: NeuralMesh | None = None

    def to(self, device: torch.device) -> GenerativeModel:
        """The same model on another device.

        Raises:
            UserError: it has a mesh, which only the CPU renders.
        """
        if self.volume.means.device == device:
            return self
        if self.mesh is not None:
            raise UserError("a mesh in place of the volume is fitted on the CPU: --backend cpu")
        prior = self.prior
        if isinstance(prior, nn.Module):
            prior = copy.deepcopy(prior).to(device)
        like = self.volume.means.to(device)
        return GenerativeModel(self.volume.to(like), self.bank.to(like), prior)
