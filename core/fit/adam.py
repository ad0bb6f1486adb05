"""Adam on one tensor, by PyTorch's function.

The class `torch.optim.Adam` imports PyTorch's compiler when it is made, which takes a second; the
function that does its arithmetic does not, and gives the same bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adam import adam

EPSILON = 1e-8
"""`torch.optim.Adam`'s."""


@dataclass
class Adam:
    """A leaf of the graph with its moments.

    Attributes:
        leaf: what is optimised; its gradient is used by `step`.
        first, second: moments.
        count: steps behind them, a tensor as PyTorch wants it.
        betas: decay rates of the moments.
    """

    leaf: Float[Tensor, "batch size"]
    first: Float[Tensor, "batch size"]
    second: Float[Tensor, "batch size"]
    count: Float[Tensor, ""]
    betas: tuple[float, float]

    @staticmethod
    def of(
        vector: Float[Tensor, "batch size"],
        moments: Float[Tensor, "2 batch size"],
        count: int,
        betas: tuple[float, float],
    ) -> Adam:
        """Adam at a vector, with copies of the moments after ``count`` steps."""
        leaf, steps = vector.clone().requires_grad_(), torch.tensor(float(count))
        return Adam(leaf, moments[0].clone(), moments[1].clone(), steps, betas)

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the leaf by one step with a learning rate, and forget its gradient."""
        assert self.leaf.grad is not None
        adam(
            [self.leaf],
            [self.leaf.grad],
            [self.first],
            [self.second],
            [],
            [self.count],
            foreach=False,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
        self.leaf.grad = None
