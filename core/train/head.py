"""Train the regression head alone, on what the rest of the network says, computed once.

The head is a thousandth of the network's arithmetic. With the features fixed it can see every
image a hundred times in minutes, where training everything sees it a few times in an hour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from core.nbv.volume import NeuralBodyVolume
from core.nets.network import PoseNetwork
from core.nets.regressor import PartRegressor
from core.train.batch import Batch
from core.train.descent import Descent
from core.train.losses import RegressionWeights
from core.train.regression import BodyTruth, body_losses


@dataclass(frozen=True)
class HeadSettings:
    """How long and how hard to train; ``dropout`` acts on the head's inputs."""

    steps: int = 3000
    batch_size: int = 128
    rate: float = 3e-4
    weight_decay: float = 1e-2
    dropout: float = 0.1
    seed: int = 0
    weights: RegressionWeights = field(default_factory=RegressionWeights)


@dataclass(frozen=True)
class HeadData:
    """Inputs of the head and the truth, for many crops."""

    parts: Float[Tensor, "n 24 width"]
    landmarks: Float[Tensor, "n values"] | None
    layout: Float[Tensor, "n 24 7"]
    truth: BodyTruth

    def __len__(self) -> int:
        return len(self.parts)

    def select(self, index: Tensor) -> HeadData:
        """The crops at ``index``, in single precision."""
        return HeadData(
            parts=self.parts[index].float(),
            landmarks=None if self.landmarks is None else self.landmarks[index].float(),
            layout=self.layout[index].float(),
            truth=self.truth.select(index),
        )


@torch.no_grad()
def collect(network: PoseNetwork, batches: Iterable[Batch]) -> HeadData:
    """What the network hands to its head on these batches, in half precision, on the CPU."""
    network.eval()
    rows: list[tuple[Tensor, ...]] = []
    truths: list[BodyTruth] = []
    has_landmarks = True
    for batch in batches:
        trunk = network.trunk(batch.images)
        fine, coarse, *_ = network.decoder(trunk.maps)
        logits, parts = network.regressor.pool(fine, coarse)
        layout = network.regressor.layout(logits)
        has_landmarks = trunk.landmarks is not None
        landmarks = trunk.landmarks if has_landmarks else parts.new_zeros(len(parts), 0)
        row = (parts.half(), landmarks.half(), layout.half())
        rows.append(tuple(values.cpu() for values in row))
        truths.append(BodyTruth.of(batch))
    parts, landmarks, layout = (torch.cat(column) for column in zip(*rows, strict=True))
    truth = BodyTruth.join(truths)
    return HeadData(parts, landmarks if has_landmarks else None, layout, truth)


def tune_head(
    head: PartRegressor,
    data: HeadData,
    volume: NeuralBodyVolume,
    settings: HeadSettings,
    report: Callable[[int, float], None] | None = None,
) -> None:
    """Train the head's regression layers in place; its attention and segmentation stay."""
    generator = torch.Generator().manual_seed(settings.seed)
    fixed = {*head.segment.parameters(), *head.describe.parameters()}
    parameters = [p.requires_grad_() for p in head.parameters() if p not in fixed]

    def loss() -> Tensor:
        chosen = torch.randint(len(data), (settings.batch_size,), generator=generator)
        return head_loss(head, data.select(chosen), volume, settings, generator)

    descent = Descent(settings.steps, settings.rate, settings.weight_decay, warmup=50, clip=10.0)
    descent.run(parameters, loss, report)


def head_loss(
    head: PartRegressor,
    data: HeadData,
    volume: NeuralBodyVolume,
    settings: HeadSettings,
    generator: torch.Generator,
) -> Tensor:
    """Sum of the weighted regression losses, with whole parts dropped from the input."""
    kept = torch.rand(data.parts.shape[:2], generator=generator) >= settings.dropout
    parts, layout = data.parts * kept[..., None], data.layout * kept[..., None]
    predicted = head.regress(parts, data.landmarks, layout)
    losses = body_losses(*predicted, data.truth, volume, settings.weights)
    return torch.stack(list(losses.values())).sum()
