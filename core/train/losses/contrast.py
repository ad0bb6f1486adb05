"""Contrastive losses of the feature map: 3DNBF's equations 10-12 as bounded cross-entropies.

The paper pushes squared distances apart without a bound. As in the released code, each term here is
a cross-entropy over cosine similarities. The feature of a visible kernel must be more similar to
the expected feature of its kernel in this pose than to other kernels (FG) and to background samples
(BG). Among the orientations of its own kernel it must match that of its limb (3D). Upright people
show most kernels in one orientation, so a classifier could rely on that frequency alone; the logits
of the 3D term are therefore offset by the logarithm of each orientation's frequency (Menon et al.,
Long-tail learning via logit adjustment, ICLR 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from core.train.distributed import SINGLE_PROCESS, ProcessGroup


@dataclass(frozen=True)
class ContrastSettings:
    """Weights (0 switches a term off) and softmax temperatures of the contrastive terms."""

    foreground: float = 0.5
    background: float = 0.5
    orientation: float = 1.0
    nll: float = 0.5
    temperature: float = 0.07
    orientation_temperature: float = 0.03

    @staticmethod
    def without() -> ContrastSettings:
        """Settings without contrastive terms: maximum likelihood alone."""
        return ContrastSettings(foreground=0.0, background=0.0, orientation=0.0)


@dataclass(frozen=True)
class KernelSamples:
    """Features of visible kernels, gathered from all images of a batch."""

    features: Float[Tensor, "n dim"]
    """Unit vectors sampled from the feature map at the kernels' projections."""
    kernel: Int[Tensor, " n"]
    """Index of each sample's kernel."""
    orientation: Float[Tensor, "n bins"]
    """p(o | limb) of each sample."""


def kernel_neighbours(
    means: Float[Tensor, "kernels 3"], radius: float = 0.085
) -> Bool[Tensor, "kernels kernels"]:
    """Pairs of kernels within ``radius`` metres in the rest pose, not contrasted; reflexive."""
    return torch.cdist(means, means) < radius


def contrast_losses(
    samples: KernelSamples,
    background: Float[Tensor, "m dim"],
    phi: Float[Tensor, "kernels bins dim"],
    clutter: Float[Tensor, " dim"],
    frequency: Float[Tensor, "kernels bins"],
    neighbours: Bool[Tensor, "kernels kernels"],
    settings: ContrastSettings,
    group: ProcessGroup = SINGLE_PROCESS,
) -> dict[str, Tensor]:
    """Weighted scalar losses by name; gradients reach the features, not the bank.

    Args:
        background: unit features of pixels that do not show the body.
        phi, clutter: the bank's kernel features and background mean.
        frequency: frequency of each kernel's orientations; sums to 1 over the bins.
        neighbours: pairs that are not contrasted, see :func:`kernel_neighbours`.
        group: processes that share the batch; the losses are this process's terms of the means.
    """
    # `MomentumBank` keeps the means of the features, which the likelihood of a fit assumes;
    # a gradient would pull them away from what the network emits.
    phi, clutter = phi.detach(), clutter.detach()
    directions = F.normalize(phi, dim=-1)
    expected = torch.einsum("no,nod->nd", samples.orientation, phi[samples.kernel])
    # Negatives of all processes, or the loss would depend on how a batch is divided.
    negatives = group.gather(background)
    kernel = _kernel_loss(samples, negatives, directions, expected, neighbours, settings)
    clutter_terms = _clutter_loss(background, directions, clutter, settings.temperature)
    orientation = _orientation_loss(
        samples, directions, frequency, settings.orientation_temperature
    )
    return {
        "kernel": group.mean(kernel),
        "clutter": settings.background * group.mean(clutter_terms),
        "orientation": settings.orientation * group.mean(orientation),
        "nll": settings.nll * group.mean((samples.features - expected).square().sum(-1)),
    }


def _kernel_loss(
    samples: KernelSamples,
    background: Tensor,
    directions: Tensor,
    expected: Float[Tensor, "n dim"],
    neighbours: Tensor,
    settings: ContrastSettings,
) -> Float[Tensor, " n"]:
    """FG and BG: the expected feature of the own kernel against the enabled negatives.

    A negative with weight w counts as w negatives: its logit is offset by log w.
    """
    features = samples.features / settings.temperature
    own = (features * F.normalize(expected, dim=-1)).sum(-1, keepdim=True)
    logits = [own]
    if settings.foreground:
        bins = directions.shape[1]
        others = features @ directions.flatten(0, 1).T + math.log(settings.foreground)
        # A pixel of the map is centimetres wide and shows a kernel's neighbours as well.
        masked = neighbours.repeat_interleave(bins, 1)[samples.kernel]
        logits.append(others.masked_fill(masked, -torch.inf))
    if settings.background and len(background):
        logits.append(features @ background.T + math.log(settings.background))
    return torch.cat(logits, 1).logsumexp(1) - own[:, 0]


def _clutter_loss(
    background: Tensor, directions: Tensor, clutter: Tensor, temperature: float
) -> Float[Tensor, " m"]:
    """BG for background pixels: the background mean against all kernels."""
    own = F.normalize(clutter, dim=0)[None]
    logits = background @ torch.cat([own, directions.flatten(0, 1)]).T / temperature
    return logits.logsumexp(1) - logits[:, 0]


def _orientation_loss(
    samples: KernelSamples,
    directions: Float[Tensor, "kernels bins dim"],
    frequency: Float[Tensor, "kernels bins"],
    temperature: float,
) -> Float[Tensor, " n"]:
    """3D: KL divergence of the softmax over the own kernel's orientations from the target."""
    own = directions[samples.kernel]
    logits = torch.einsum("nd,nod->no", samples.features, own) / temperature
    logits = logits + frequency[samples.kernel].log()
    target = samples.orientation
    # The target is soft, so its cross-entropy is not 0 at best; less its entropy it is.
    cross_entropy = -(target * logits.log_softmax(-1)).sum(-1)
    return cross_entropy - torch.special.entr(target).sum(-1)
