"""Estimation of the feature bank: momentum averages during training, exact means for export."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.nbv.features import FeatureBank
from core.train.distributed import SINGLE_PROCESS, ProcessGroup

_REFERENCE_COUNT = 8.0  # samples of an entry that make one step of momentum: about a batch of 64
_PRIOR_COUNT = 10.0  # pseudo-samples at the kernel's mean, for orientations that are seen rarely
_VARIANCE_MOMENTUM = 0.02


@dataclass(frozen=True)
class ObservedFeatures:
    """Features of one batch at the projected kernels and in the background."""

    features: Float[Tensor, "batch kernels dim"]
    """Unit features sampled at every kernel's projection."""
    weights: Float[Tensor, "batch kernels bins"]
    """p(o | limb) if the kernel is visible, else 0."""
    map: Float[Tensor, "batch dim h w"]
    """The whole feature map."""
    background: Bool[Tensor, "batch h w"]
    """Pixels that do not show the body."""


class MomentumBank(torch.nn.Module):
    """Exponential moving averages of kernel and background features (3DNBF, section 3.5).

    An entry with ``n`` samples in a step moves by ``1 - momentum ** (n / 8)`` towards their mean;
    young entries are the plain mean of all samples so far. Orientations of a kernel without samples
    in a step move by the kernel's mean displacement. The network changes during training, and the
    contrastive loss could otherwise tell an entry that was not updated by its age instead of by its
    orientation (docs/decisions.md, "Orientations must be told by evidence").
    """

    phi: Tensor
    background: Tensor
    variance_foreground: Tensor
    variance_background: Tensor
    count: Tensor

    def __init__(self, kernels: int, bins: int, dim: int, momentum: float = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("phi", torch.zeros(kernels, bins, dim))
        self.register_buffer("count", torch.zeros(kernels, bins))
        self.register_buffer("background", torch.zeros(dim))
        self.register_buffer("variance_foreground", torch.ones(()))
        self.register_buffer("variance_background", torch.ones(()))

    @torch.no_grad()
    def update(self, seen: ObservedFeatures, group: ProcessGroup = SINGLE_PROCESS) -> None:
        """Update the averages with one batch, summed over all processes."""
        sums, count = (group.total(value) for value in _sums(seen))
        self.count += count
        rate = self._rate(count, self.count)
        drift, kernel_rate = self._drift(sums, count)
        self.phi.lerp_(sums / count.clamp(min=1e-6)[..., None], rate[..., None])
        not_updated = 1 - rate / kernel_rate.clamp(min=1e-6)[:, None]
        self.phi += not_updated[..., None] * drift[:, None]
        pixels = _background_pixels(seen)
        number = group.total_number(len(pixels))
        if number:
            self.background.lerp_(group.total(pixels.sum(0)) / number, 1 - self.momentum)
        foreground, background = _squared_distances(seen, self.phi, self.background)
        for value, (distance, weight) in (
            (self.variance_foreground, foreground),
            (self.variance_background, background),
        ):
            weight = group.total(weight)
            if weight > 0:
                value.lerp_(group.total(distance) / weight, _VARIANCE_MOMENTUM)

    def _drift(
        self, sums: Float[Tensor, "kernels bins dim"], count: Float[Tensor, "kernels bins"]
    ) -> tuple[Float[Tensor, "kernels dim"], Float[Tensor, " kernels"]]:
        """Displacement of each kernel's mean over all its orientations, and its update rate."""
        number = count.sum(1)
        residual = (sums - count[..., None] * self.phi).sum(1) / number.clamp(min=1e-6)[:, None]
        rate = self._rate(number, self.count.sum(1))
        return rate[:, None] * residual, rate

    def _rate(self, count: Tensor, total: Tensor) -> Tensor:
        """Update rate of entries with ``count`` new of ``total`` samples; at least a mean's."""
        momentum = 1 - self.momentum ** (count / _REFERENCE_COUNT)
        return torch.maximum(momentum, count / total.clamp(min=1e-6))

    @property
    def frequency(self) -> Float[Tensor, "kernels bins"]:
        """Frequency of each orientation of a kernel, smoothed; sums to 1 over the bins."""
        # An orientation never seen has a logarithm all the same.
        count = self.count + _PRIOR_COUNT
        return count / count.sum(1, keepdim=True)

    def snapshot(self) -> FeatureBank:
        """A copy of the current bank."""
        names = ("phi", "background", "variance_foreground", "variance_background")
        return FeatureBank(**{name: getattr(self, name).clone() for name in names})


@torch.no_grad()
def estimate_bank(batches: Iterable[ObservedFeatures]) -> FeatureBank:
    """Maximum-likelihood bank over many images, in one pass with sums in double precision.

    Means are smoothed with `_PRIOR_COUNT` samples at the kernel's mean. Features have length 1, so
    the mean squared distance is the average of ``1 - 2 f . phi + |phi|^2`` and needs only sums.

    Raises:
        ValueError: there is no batch.
    """
    totals: _Totals | None = None
    for seen in batches:
        totals = _Totals.of(seen) if totals is None else totals + _Totals.of(seen)
    if totals is None:
        raise ValueError("no batch to estimate the bank from")
    return totals.bank()


@dataclass(frozen=True)
class _Totals:
    """Sufficient statistics of bank and variances, summed over images."""

    sums: Float[Tensor, "kernels bins dim"]
    count: Float[Tensor, "kernels bins"]
    pairs: Float[Tensor, "kernels bins bins"]
    """Sum over visible samples of ``w_o w_p``, the products of orientation weights."""
    visible: Float[Tensor, " kernels"]
    background: Float[Tensor, " dim"]
    pixels: Tensor

    @staticmethod
    def of(seen: ObservedFeatures) -> _Totals:
        sums, count = _sums(seen)
        pixels = _background_pixels(seen)
        return _Totals(
            # Sums over many images: float32 would round single samples away.
            sums=sums.double(),
            count=count.double(),
            pairs=torch.einsum("bko,bkp->kop", seen.weights, seen.weights).double(),
            visible=seen.weights.sum(-1).sum(0).double(),
            background=pixels.double().sum(0),
            pixels=torch.tensor(float(len(pixels)), dtype=torch.float64),
        )

    def __add__(self, other: _Totals) -> _Totals:
        return _Totals(**{name: value + vars(other)[name] for name, value in vars(self).items()})

    def bank(self) -> FeatureBank:
        kernel_mean = self.sums.sum(1, keepdim=True) / self.visible.clamp(min=1)[:, None, None]
        phi = (self.sums + _PRIOR_COUNT * kernel_mean) / (self.count + _PRIOR_COUNT)[..., None]
        background = self.background / self.pixels.clamp(min=1)
        # |f - sum_o w_o phi_o|^2 summed over samples, with |f| = 1
        cross = (self.sums * phi).sum()
        energy = torch.einsum("kod,kpd,kop->", phi, phi, self.pairs)
        foreground = (self.visible.sum() - 2 * cross + energy) / self.visible.sum().clamp(min=1)
        return FeatureBank(
            phi=phi.float(),
            background=background.float(),
            variance_foreground=foreground.float(),
            variance_background=(1 - background.square().sum()).float(),
        )


def _sums(
    seen: ObservedFeatures,
) -> tuple[Float[Tensor, "kernels bins dim"], Float[Tensor, "kernels bins"]]:
    return torch.einsum("bko,bkd->kod", seen.weights, seen.features), seen.weights.sum(0)


def _background_pixels(seen: ObservedFeatures) -> Float[Tensor, "pixels dim"]:
    return seen.map.permute(0, 2, 3, 1)[seen.background]


def _squared_distances(
    seen: ObservedFeatures, phi: Tensor, background: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(sum, count) of squared distances to the expected feature, and to the background mean."""
    visible = seen.weights.sum(-1)
    expected = torch.einsum("bko,kod->bkd", seen.weights, phi)
    distance = (seen.features - expected).square().sum(-1)
    pixels = _background_pixels(seen)
    return (
        ((distance * visible).sum(), visible.sum()),
        ((pixels - background).square().sum(), pixels.new_tensor(len(pixels))),
    )


def sample_features(
    features: Float[Tensor, "batch dim h w"], xy: Float[Tensor, "batch points 2"], size: int
) -> Float[Tensor, "batch points dim"]:
    """Unit features at pixels of the crop (side ``size``), bilinear; outside the border's."""
    grid = (xy * (2 / size) - 1)[:, :, None]
    sampled = F.grid_sample(features, grid, "bilinear", "border", align_corners=False)
    return F.normalize(sampled[..., 0].transpose(1, 2), dim=-1)
