"""Train the lifter on layouts alone, before it meets a network's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from core.data.layouts import Layouts
from core.geometry.rotations import rotation_from_6d, rotation_from_axis_angle
from core.nbv.volume import NeuralBodyVolume
from core.nets.lifter import LayoutLifter
from core.train.descent import Descent
from core.train.losses import RegressionWeights
from core.train.regression import BodyTruth, body_losses


@dataclass(frozen=True)
class LifterSettings:
    """How long, how hard, and how unlike a clean layout a network's may be.

    Attributes:
        lost: a layout loses up to this share of its parts.
        noise: standard deviation on every number of a part that is left.
    """

    steps: int = 8000
    batch_size: int = 256
    rate: float = 1e-3
    weight_decay: float = 1e-2
    lost: float = 0.2
    noise: float = 0.04
    seed: int = 0
    weights: RegressionWeights = field(default_factory=RegressionWeights)


def train_lifter(
    lifter: LayoutLifter,
    layouts: Layouts,
    volume: NeuralBodyVolume,
    settings: LifterSettings,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train in place, by `Descent`."""
    generator = torch.Generator().manual_seed(settings.seed)
    clean, truth = torch.from_numpy(layouts.layout), body_truth(layouts)

    def loss() -> Tensor:
        chosen = torch.randint(len(clean), (settings.batch_size,), generator=generator)
        pose, rest = lifter(spoil(clean[chosen].float(), settings, generator))
        rotations, betas, camera = rotation_from_6d(pose), rest[:, :10], rest[:, 10:]
        losses = body_losses(
            rotations, betas, camera, truth.select(chosen), volume, settings.weights
        )
        return torch.stack(list(losses.values())).sum()

    descent = Descent(settings.steps, settings.rate, settings.weight_decay, warmup=100, clip=1.0)
    descent.run(lifter.parameters(), loss, report)


def body_truth(layouts: Layouts) -> BodyTruth:
    """The bodies behind layouts."""
    return BodyTruth(
        size=int(layouts.size),
        focal=torch.from_numpy(layouts.focal),
        rotations=rotation_from_axis_angle(torch.from_numpy(layouts.pose)),
        betas=torch.from_numpy(layouts.betas),
        transl=torch.from_numpy(layouts.transl),
    )


def spoil(
    layout: Float[Tensor, "batch 24 7"], settings: LifterSettings, generator: torch.Generator
) -> Float[Tensor, "batch 24 7"]:
    """Lose some parts, and shake the rest."""
    count, parts = layout.shape[:2]
    share = settings.lost * torch.rand(count, 1, 1, generator=generator)
    kept = torch.rand(count, parts, 1, generator=generator) >= share
    noise = settings.noise * torch.randn(layout.shape, generator=generator)
    seen = layout[..., :1]
    return kept * torch.cat([seen, layout[..., 1:] + seen * noise[..., 1:]], -1)
