"""Synchronised batch-norm: statistics over the batch of all processes.

PyTorch's `SyncBatchNorm` needs a GPU, and is no `BatchNorm2d`, which `fold_batchnorm` looks for.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.train.distributed import ProcessGroup

_OVER = (0, 2, 3)


class SharedBatchNorm(nn.BatchNorm2d):
    """Replaces a batch-norm and shares its parameters and running statistics."""

    def __init__(self, norm: nn.BatchNorm2d, group: ProcessGroup) -> None:
        super().__init__(norm.num_features, norm.eps, norm.momentum)
        self.weight, self.bias = norm.weight, norm.bias
        self.running_mean, self.running_var = norm.running_mean, norm.running_var
        self.num_batches_tracked = norm.num_batches_tracked
        self.group = group

    def forward(self, x: Float[Tensor, "batch c h w"]) -> Float[Tensor, "batch c h w"]:
        """Normalise; in training by statistics over all processes, which have equal shares."""
        if not self.training:
            return super().forward(x)
        wide = x if x.dtype == torch.float64 else x.float()
        y, mean, variance = _Normalise.apply(wide, self.weight, self.bias, self.eps, self.group)
        self._update_statistics(mean, variance, self.group.world_size * x.numel() // x.shape[1])
        return y.to(x.dtype)

    @torch.no_grad()
    def _update_statistics(self, mean: Tensor, variance: Tensor, number: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (number / (number - 1)), self.momentum)


class _Normalise(torch.autograd.Function):
    """Normalisation over batch and pixels of all processes.

    Gradients of weight and bias are those of this process's images, as for all other parameters;
    `ProcessGroup.sum_gradients` adds them up.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float, group: ProcessGroup
    ) -> tuple[Tensor, Tensor, Tensor]:
        number = group.world_size * x.numel() // x.shape[1]
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
    """Replace every batch-norm by a `SharedBatchNorm`; parameters stay the same objects."""
    if group.world_size == 1:
        return
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, SharedBatchNorm(child, group))
