"""Batch-norm whose statistics are those of the whole batch, shared by many processes.

PyTorch's own needs a GPU, and is no `BatchNorm2d`, which folding looks for.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.train.distributed import ProcessGroup

_OVER = (0, 2, 3)


class SharedBatchNorm(nn.BatchNorm2d):
    """A batch-norm with the parameters and statistics of another, which it replaces."""

    def __init__(self, norm: nn.BatchNorm2d, group: ProcessGroup) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.group = group

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Normalise; in training by the statistics of all processes' equal shares."""
        if not self.training:
            return super().forward(x)
        wide = x if x.dtype == torch.float64 else x.float()
        y, mean, variance = _Normalise.apply(wide, self.weight, self.bias, self.eps, self.group)
        self._remember(mean, variance, self.group.count * x.numel() // x.shape[1])
        return y.to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, number: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (number / (number - 1)), self.momentum)


class _Normalise(torch.autograd.Function):
    """Normalisation over batch and pixels of all processes; gradients of weight and bias are the
    share of this one's images, as all other parameters' are.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, group: ProcessGroup
    ) -> tuple[Tensor, Tensor, Tensor]:
        number = group.count * x.numel() // x.shape[1]
        mean = group.total(x.sum(_OVER)) / number
        centred = x - mean[:, None, None]
        variance = group.total(centred.square().sum(_OVER)) / number
        scale = (variance + eps).rsqrt()
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.group, ctx.number = group, number
        ctx.mark_non_differentiable(mean, variance)
        y = torch.addcmul(bias[:, None, None], centred, (scale * weight)[:, None, None])
        return y, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, weight, mean, scale = ctx.saved_tensors
        gradient = gradients[0]
        normal = (x - mean[:, None, None]) * scale[:, None, None]
        sums = torch.stack([gradient.sum(_OVER), (gradient * normal).sum(_OVER)])
        plain, aligned = (ctx.group.total(sums) / ctx.number)[:, :, None, None]
        inner = (weight * scale)[:, None, None] * (gradient - plain - normal * aligned)
        return inner, sums[1], sums[0], None, None


def share_batchnorm(network: nn.Module, group: ProcessGroup) -> None:
    """Make every batch-norm of a network one of all processes; parameters stay the same objects."""
    if group.count == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SharedBatchNorm(child, group))
