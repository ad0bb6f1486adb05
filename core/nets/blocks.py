"""Convolution blocks of the mobile networks, and functions that add or fold their batch-norm.

The published BlazePose weights have batch-norm folded into the convolutions. Training is more
stable with batch-norm, inference is faster without: :func:`add_batchnorm` and
:func:`fold_batchnorm` convert a network and preserve its function in eval mode.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

EPSILON = 1e-3


class EndPaddedConv2d(nn.Conv2d):
    """A convolution of stride 2 with TensorFlow's SAME padding of maps of even size.

    There is a pixel more of padding at the end (bottom, right) than at the start. Zeros before the
    weights have that effect, too, and are cheaper than a padded map.
    """

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h/2 w/2"]:
        """Convolve."""
        weight = F.pad(self.weight, (1, 0, 1, 0))
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, groups=self.groups)


class ConvUnit(nn.Module):
    """Convolution, optional batch-norm, optional activation.

    Args:
        channels_in: channels of the input.
        channels_out: channels of the output.
        kernel: side of the window; the map is padded by half of it on every side.
        stride: 1 or 2.
        groups: of channels.
        active: whether a ReLU follows.
        norm: whether a batch-norm follows the convolution, which then has no bias.
        limit: upper limit of the ReLU.
        same: with stride 2, pad as TensorFlow does, see :class:`EndPaddedConv2d`.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        active: bool = True,
        norm: bool = False,
        limit: float = 6.0,
        same: bool = False,
    ) -> None:
        super().__init__()
        kind = EndPaddedConv2d if same and stride == 2 else nn.Conv2d
        self.conv = kind(
            channels_in, channels_out, kernel, stride, kernel // 2, groups=groups, bias=not norm
        )
        self.norm: nn.Module = nn.BatchNorm2d(channels_out, EPSILON) if norm else nn.Identity()
        self.active = active
        self.limit = limit

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h2 w2"]:
        """Apply the unit."""
        x = self.norm(self.conv(x))
        return F.hardtanh(x, 0.0, self.limit, inplace=True) if self.active else x


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen (1x1), filter each channel (k x k), narrow (1x1)."""

    def __init__(
        self,
        channels_in: int,
        wide: int,
        kernel: int,
        stride: int,
        channels_out: int,
        same: bool = False,
    ) -> None:
        super().__init__()
        self.expand = ConvUnit(channels_in, wide) if wide else nn.Identity()
        self.residual = wide > 0 and stride == 1 and channels_in == channels_out
        wide = wide or channels_in
        self.depthwise = ConvUnit(wide, wide, kernel, stride, groups=wide, same=same)
        self.project = ConvUnit(wide, channels_out, active=False)

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h2 w2"]:
        """Apply the block; the input is added if it was widened and the shapes agree."""
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class InvertedTrunk(nn.Module):
    """A stem and a sequence of inverted residuals.

    Args:
        stem: channels of the stem.
        rows: (widened channels or 0, kernel, stride, output channels) of each block.
        taps: indices of the blocks whose maps are returned.
        same: pad as TensorFlow does, see :class:`EndPaddedConv2d`.
    """

    def __init__(
        self,
        stem: int,
        rows: list[tuple[int, int, int, int]],
        taps: tuple[int, ...],
        same: bool = False,
    ) -> None:
        super().__init__()
        self.stem = ConvUnit(3, stem, 3, 2, same=same)
        outputs = [row[3] for row in rows]
        self.blocks = nn.ModuleList(
            InvertedResidual(channels, *row, same=same)
            for channels, row in zip([stem, *outputs], rows, strict=False)
        )
        self.taps = taps

    def forward(self, image: Float[Tensor, "batch 3 h w"]) -> list[Tensor]:
        """Maps at the tapped strides."""
        x = self.stem(image)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.taps:
                maps.append(x)
        return maps


class Separable(nn.Module):
    """Depthwise 3x3, then 1x1 with a ReLU limited to ``limit``."""

    def __init__(
        self, channels_in: int, channels_out: int, inner_active: bool = True, limit: float = 6.0
    ) -> None:
        super().__init__()
        self.depthwise = ConvUnit(channels_in, channels_in, 3, 1, channels_in, inner_active)
        self.project = ConvUnit(channels_in, channels_out, limit=limit)

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h w"]:
        """Apply the block."""
        return self.project(self.depthwise(x))


class SeparableResidual(nn.Module):
    """A separable convolution with a shortcut, and ReLU6 after the sum.

    With ``stride`` 2 the shortcut is a 2x2 max-pooling; additional channels of it are zero.
    """

    def __init__(
        self,
        channels_in: int,
        stride: int = 1,
        inner_active: bool = True,
        channels_out: int | None = None,
    ) -> None:
        super().__init__()
        channels_out = channels_out or channels_in
        self.depthwise = ConvUnit(
            channels_in, channels_in, 3, stride, channels_in, inner_active, same=True
        )
        self.project = ConvUnit(channels_in, channels_out, active=False)
        self.stride = stride
        self.added = channels_out - channels_in

    def forward(self, x: Float[Tensor, "batch cin h w"]) -> Float[Tensor, "batch cout h2 w2"]:
        """Apply the block."""
        shortcut = x if self.stride == 1 else F.max_pool2d(x, self.stride)
        if self.added:
            shortcut = F.pad(shortcut, (0, 0, 0, 0, 0, self.added))
        return F.relu6(shortcut + self.project(self.depthwise(x)), inplace=True)


@contextmanager
def single_precision(like: Tensor) -> Iterator[Callable[[Tensor], Tensor]]:
    """Outside autocast: what runs in this context keeps the precision of ``like``.

    Yields:
        Converts a tensor that autocast has made to that precision.
    """
    with torch.autocast(like.device.type, enabled=False):
        yield lambda tensor: tensor.to(like.dtype)


@torch.no_grad()
def add_batchnorm(
    network: nn.Module,
    batches: Iterable[Float[Tensor, "batch 3 h w"]],
    momentum: float = 0.1,
    only: Collection[str] | None = None,
) -> None:
    """Add a batch-norm to each :class:`ConvUnit` without one; the function is preserved.

    The running statistics are measured on ``batches`` (a few dozen training images); scale and
    shift undo them. Convolution weights are rescaled so that their outputs have unit variance.

    Args:
        only: names of the units that get one; None: all.
    """
    units = [
        unit
        for name, unit in network.named_modules()
        if isinstance(unit, ConvUnit)
        and isinstance(unit.norm, nn.Identity)
        and (only is None or name in only)
    ]
    moments = _output_moments(network, [unit.conv for unit in units], batches)
    for unit, (mean, variance) in zip(units, moments, strict=True):
        conv = unit.conv
        assert conv.bias is not None
        deviation = (variance + 1e-4).sqrt()  # the floor keeps dead channels from being scaled up
        norm = nn.BatchNorm2d(conv.out_channels, eps=EPSILON, momentum=momentum)
        norm.running_mean = (mean - conv.bias) / deviation
        norm.running_var = variance / deviation**2
        norm.weight.copy_(deviation * (norm.running_var + EPSILON).sqrt())
        norm.bias.copy_(mean)
        conv.weight.div_(deviation[:, None, None, None])
        conv.bias = None
        unit.norm = norm


def _output_moments(
    network: nn.Module, convolutions: list[nn.Conv2d], batches: Iterable[Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance of each convolution's output channels over all batches and pixels."""
    sums = {conv: torch.zeros(3, conv.out_channels, dtype=torch.float64) for conv in convolutions}

    def accumulate(conv: nn.Module, _: object, output: Tensor) -> None:
        flat = output.double().transpose(0, 1).flatten(1)
        count = torch.full_like(flat[:, 0], flat.shape[1])
        sums[conv] += torch.stack([count, flat.sum(1), flat.square().sum(1)])  # type: ignore[index]

    hooks = [conv.register_forward_hook(accumulate) for conv in convolutions]
    for batch in batches:
        network(batch)
    for hook in hooks:
        hook.remove()
    moments = []
    for count, first, second in sums.values():
        mean = first / count
        variance = (second / count - mean.square()).clamp(min=0)
        moments.append((mean.float(), variance.float()))
    return moments


@torch.no_grad()
def fold_batchnorm(network: nn.Module) -> None:
    """Merge the batch-norm of every :class:`ConvUnit` into its convolution, in place."""
    for unit in network.modules():
        if not isinstance(unit, ConvUnit) or not isinstance(unit.norm, nn.BatchNorm2d):
            continue
        conv, norm = unit.conv, unit.norm
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        bias = 0.0 if conv.bias is None else conv.bias
        conv.weight.mul_(scale[:, None, None, None])
        conv.bias = nn.Parameter(norm.bias + (bias - norm.running_mean) * scale)
        unit.norm = nn.Identity()
