"""Exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class WeightAverage(Generic[Network]):
    """A copy of a network with averaged parameters and batch-norm statistics.

    ``average += (1 - d) (current - average)`` with ``d = min(decay, (1 + step) / (10 + step))``:
    the average follows faster in the first steps, while the weights change quickly.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network)
        self.network.eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Update the average with ``network`` after its ``step``-th optimiser step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        current = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(current[name], 1 - decay)
            else:
                value.copy_(current[name])
