"""Learning what kernels emit: momentum averages while training, exact averages before shipping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from core.nbv.features import FeatureBank
from core.train.distributed import ALONE, ProcessGroup

_REFERENCE_COUNT = 8.0  # samples that amount to one step of momentum: about the paper's batch of 64
_PRIOR_COUNT = 10.0  # a rarely seen orientation leans on its kernel's mean with this many samples


@dataclass(frozen=True)
class Observed:
    """Features of one batch and what they belong to."""

    features: Float[Tensor, "batch kernels dim"]
    """Feature map read at every kernel's projection."""
    weights: Float[Tensor, "batch kernels bins"]
    """p(o | limb) where the kernel is visible, else 0."""
    map: Float[Tensor, "batch dim h w"]
    background: Bool[Tensor, "batch h w"]
    """Pixels that show no body."""


class MomentumBank(torch.nn.Module):
    """Running averages of kernel and background features (momentum 0.9, weighted by counts).

    An entry that one step sees ``n`` times moves by ``1 - momentum ** (n / 8)``; until it has been
    seen often enough for that, it is the plain mean of what was seen. Orientations of a kernel that
    a step does not see move as the kernel does: the network changes under way, and an entry left
    behind would be told from the others by its age, not by its orientation.
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
    def update(self, seen: Observed, group: ProcessGroup = ALONE) -> None:
        """Take one batch into the averages: what all processes have seen."""
        sums, count = (group.total(value) for value in _sums(seen))
        self.count += count
        rate = self._rate(count, self.count)
        drift, kernel_rate = self._drift(sums, count)
        self.phi.lerp_(sums / count.clamp(min=1e-6)[..., None], rate[..., None])
        left_behind = 1 - rate / kernel_rate.clamp(min=1e-6)[:, None]
        self.phi += left_behind[..., None] * drift[:, None]
        pixels = _background_pixels(seen)
        number = group.number(len(pixels))
        if number:
            self.background.lerp_(group.total(pixels.sum(0)) / number, 1 - self.momentum)
        foreground, background = _squared_distances(seen, self.phi, self.background)
        for value, (distance, weight) in (
            (self.variance_foreground, foreground),
            (self.variance_background, background),
        ):
            weight = group.total(weight)
            if weight > 0:
                value.lerp_(group.total(distance) / weight, 0.02)

    def _drift(
        self, sums: Float[Tensor, "kernels bins dim"], count: Float[Tensor, "kernels bins"]
    ) -> tuple[Float[Tensor, "kernels dim"], Float[Tensor, " kernels"]]:
        """How far each kernel moves, all orientations taken together, and its rate."""
        number = count.sum(1)
        surprise = (sums - count[..., None] * self.phi).sum(1) / number.clamp(min=1e-6)[:, None]
        rate = self._rate(number, self.count.sum(1))
        return rate[:, None] * surprise, rate

    def _rate(self, count: Tensor, total: Tensor) -> Tensor:
        """How far averages move that have now been seen ``count`` times of ``total``."""
        momentum = 1 - self.momentum ** (count / _REFERENCE_COUNT)
        return torch.maximum(momentum, count / total.clamp(min=1e-6))

    @property
    def frequency(self) -> Float[Tensor, "kernels bins"]:
        """How often each kernel has been seen in each orientation; adds up to 1 for a kernel."""
        count = self.count + _PRIOR_COUNT
        return count / count.sum(1, keepdim=True)

    def snapshot(self) -> FeatureBank:
        """The bank as it stands."""
        names = ("phi", "background", "variance_foreground", "variance_background")
        return FeatureBank(**{name: getattr(self, name).clone() for name in names})


@torch.no_grad()
def reestimate(batches: Iterable[Observed]) -> FeatureBank:
    """Maximum-likelihood bank over many images: one pass, sums in double precision.

    Variances follow from the sums: features have length 1, so a mean squared distance is
    ``1 - 2 f . phi + |phi|^2`` averaged, which only needs second moments of the weights.
    """
    totals: _Totals | None = None
    for seen in batches:
        totals = _Totals.of(seen) if totals is None else totals + _Totals.of(seen)
    if totals is None:
        raise ValueError("no batch to estimate the bank from")
    return totals.bank()


@dataclass(frozen=True)
class _Totals:
    """Sums over images from which bank and variances follow."""

    sums: Float[Tensor, "kernels bins dim"]
    count: Float[Tensor, "kernels bins"]
    pairs: Float[Tensor, "kernels bins bins"]
    """Sum of products of orientation weights over visible samples."""
    visible: Float[Tensor, " kernels"]
    background: Float[Tensor, " dim"]
    pixels: Tensor

    @staticmethod
    def of(seen: Observed) -> _Totals:
        sums, count = _sums(seen)
        pixels = _background_pixels(seen)
        return _Totals(
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
    seen: Observed,
) -> tuple[Float[Tensor, "kernels bins dim"], Float[Tensor, "kernels bins"]]:
    return torch.einsum("bko,bkd->kod", seen.weights, seen.features), seen.weights.sum(0)


def _background_pixels(seen: Observed) -> Float[Tensor, "pixels dim"]:
    return seen.map.permute(0, 2, 3, 1)[seen.background]


def _squared_distances(
    seen: Observed, phi: Tensor, background: Tensor
) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """(sum, number) of squared distances to the expected feature and to the background mean."""
    visible = seen.weights.sum(-1)
    expected = torch.einsum("bko,kod->bkd", seen.weights, phi)
    distance = (seen.features - expected).square().sum(-1)
    pixels = _background_pixels(seen)
    return (
        ((distance * visible).sum(), visible.sum()),
        ((pixels - background).square().sum(), pixels.new_tensor(len(pixels))),
    )


def read_features(
    features: Float[Tensor, "batch dim h w"], xy: Float[Tensor, "batch points 2"], size: int
) -> Float[Tensor, "batch points dim"]:
    """Unit features at pixel positions of the crop (side ``size``), bilinear.

    Points outside read the nearest edge.
    """
    grid = (xy * (2 / size) - 1)[:, :, None]
    read = F.grid_sample(features, grid, "bilinear", "border", align_corners=False)
    return F.normalize(read[..., 0].transpose(1, 2), dim=-1)
